"""Receivers outside: real HTTP servers that answer as a test tells them, and senders for them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.context import ActivityContext
from paceline.domain.events import EventDraft, EventType
from paceline.settings import Settings
from paceline.store import events
from paceline.store.database import Database
from workers.notifier import notify_forever

HANG = -1
"""Takes the request, and answers nothing until the receiver ends."""
CUT = -2
"""Takes the request, and closes the connection."""
PATIENCE = 45.0


class Outside(ThreadingHTTPServer):
    """A server that answers with the next of its statuses, then with the last one for ever."""

    daemon_threads = True

    def __init__(self, statuses: Sequence[int], said: bytes, port: int, **headers: str) -> None:
        self.statuses, self.said, self.headers = list(statuses), said, headers
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.under_way = 0
        self.most_under_way = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Its address, with a part that is to stay secret."""
        return f"http://127.0.0.1:{self.server_port}/hook/part-of-the-address"

    @property
    def numbers(self) -> list[int]:
        """The events that came, by number, in the order in which they came."""
        said = [json.loads(body)["data"] for _, body in self.came]
        return [each["number"] for each in said if "number" in each]

    @property
    def ids(self) -> list[str]:
        """The ids that came."""
        return [headers["webhook-id"] for headers, _ in self.came]

    def next_status(self) -> int:
        """How the next request is answered."""
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Outside  # pyright: ignore[reportIncompatibleVariableOverride] - narrower, as it is made by it

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        server = self.server
        with server.lock:
            status = server.next_status()
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
            server.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.close_connection = True
        try:
            if status == HANG:
                server.closing.wait(PATIENCE)
            elif status != CUT:
                self._answer(status)
        finally:
            with server.lock:
                server.under_way -= 1

    def _answer(self, status: int) -> None:
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(self.server.said)))
        self.end_headers()
        self.wfile.write(self.server.said)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def outside(*statuses: int, said: bytes = b"", port: int = 0, **headers: str) -> Generator[Outside]:
    """A receiver for as long as the block lasts; without statuses it takes everything."""
    server = Outside(statuses or (204,), said, port, **headers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether a request is signed, as a receiver finds out: see docs/how-to/webhooks.md."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = headers["webhook-signature"].split(" ")
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return fresh and any(hmac.compare_digest(expected, each) for each in given)


@asynccontextmanager
async def sender(database: Database, settings: Settings) -> AsyncGenerator[None]:
    """The notifier of a worker in this process."""
    client = await Client.connect("127.0.0.1:1", lazy=True, data_converter=pydantic_data_converter)
    task = asyncio.create_task(notify_forever(ActivityContext(database, settings, client)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(so: Callable[[], bool], what: str) -> None:
    """Wait until something is so, which other threads and processes bring about."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not so():  # noqa: ASYNC110 - what others do sets no event here
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not happen within {PATIENCE:.0f} s") from None


def happen(database: Database, project: str, *names: str, mark: str = "") -> None:
    """Append one event for each name."""
    drafts = [
        EventDraft(
            key=f"{mark}{place}-{name}", type=EventType.WORKFLOW_EVENT, name=name, data={"of": project}
        )
        for place, name in enumerate(names)
    ]
    database.write_now(events.append_events, project, drafts)
