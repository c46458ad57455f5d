"""The processes of `paceline bench events`: an API, a writer, and clients that are slow or hostile.

Each is `python -m workers.benchmarks.event_processes NAME ...` and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy.orm import Session
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from paceline.domain.events import EventDraft, EventType
from paceline.settings import Settings
from paceline.store import events
from paceline.store.database import Database
from workers.api_server import bind, serving
from workers.benchmarks.event_clients import HANDSHAKE

BULK = EventDraft(key="", type=EventType.WORKFLOW_EVENT, name="attempt.started", data={"text": "x" * 60_000})


async def serve(url: str, port: str, home: str) -> None:
    """The API, without Temporal, which no reader of events needs."""
    settings = Settings(
        home=Path(home), database_url=url, api_port=int(port), api_token=None, api_host="127.0.0.1"
    )
    client = await Client.connect("127.0.0.1:1", lazy=True, data_converter=pydantic_data_converter)
    database = Database(url)
    with bind(settings) as listener:
        async with serving(listener, database, client, settings):
            _say("ready")
            await _stdin_ends()
    database.close()


async def write(url: str, project: str, rate: str, noted: str) -> None:
    """Append events at a rate, and note when each was committed."""
    database, pause = Database(url), 1 / float(rate)
    await _told_to_go()
    ended = asyncio.create_task(_stdin_ends())
    with Path(noted).open("w") as notes:  # noqa: ASYNC230 - nobody else uses this loop
        committed: list[float] = []
        # Called by the writer's thread right after the commit.
        database.add_listener(lambda _project: committed.append(time.monotonic()))
        due = time.monotonic()
        while not ended.done():
            number = await database.write(_append, project)
            notes.write(f"{number} {committed[-1]}\n")
            due += pause
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    database.close()


def _append(session: Session, project: str) -> int:
    story = f"Story 1.{random.randrange(40)}"  # noqa: S311 - no secret
    draft = EventDraft(
        key=f"bench-{time.monotonic_ns()}",
        type=EventType.WORKFLOW_EVENT,
        name="attempt.started",
        story=story,
        data={"attempt": 1, "agent": "Backend Agent", "agents": ["Backend Agent"], "confined": True},
    )
    return events.append_events(session, project, [draft])[0].number


async def disturb(port: str, project: str, bulk: str, count: str) -> None:
    """Clients that never read, frames that are none, messages that are too long, and connects without end."""
    await _told_to_go()
    ended = asyncio.create_task(_stdin_ends())
    sockets: list[socket.socket] = []
    loop = asyncio.get_running_loop()
    for number in range(int(count)):
        sockets.append(await _opened(loop, int(port), bulk if number % 2 else project))
    made = 0
    while not ended.done():
        with suppress(OSError):
            found = await _opened(loop, int(port), project)
            kind = made % 4
            if kind == 1:
                await loop.sock_sendall(found, os.urandom(512))
            elif kind == 2:  # a masked text message of 100,000 bytes, beyond the limit
                head = b"\x81\xff" + (100_000).to_bytes(8, "big") + bytes(4)
                await loop.sock_sendall(found, head + b"a" * 100_000)
            elif kind == 3:
                await loop.sock_sendall(found, (b"\x81\x84" + bytes(4) + b"spam") * 200)
            found.close()
            made += 1
        await asyncio.sleep(0.01)
    for each in sockets:
        each.close()
    _say(str(made))


async def _opened(loop: asyncio.AbstractEventLoop, port: int, project: str) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    found.setblocking(False)
    await loop.sock_connect(found, ("127.0.0.1", port))
    await loop.sock_sendall(found, HANDSHAKE.format(project=project, after=0, port=port).encode())
    return found


def fill(database: Database, project: str, count: int) -> None:
    """Events of 60 KB each, for clients that do not read them."""
    drafts = [BULK.model_copy(update={"key": str(number)}) for number in range(count)]
    for start in range(0, count, 50):
        database.write_now(events.append_events, project, drafts[start : start + 50])


async def _told_to_go() -> None:
    _say("ready")
    await asyncio.to_thread(sys.stdin.readline)


async def _stdin_ends() -> None:
    await asyncio.to_thread(sys.stdin.read)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run({"serve": serve, "write": write, "disturb": disturb}[sys.argv[1]](*sys.argv[2:]))
