"""A service of models for tests: real HTTP on a free port of loopback, answering what a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-test-7f3c9a1e5b"
"""The key that a test gives; it must be found in no output."""


@dataclass
class Reply:
    """What the service answers; `body` that is no text is sent as JSON."""

    body: Any = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    silent: bool = False
    """Whether it never answers."""
    dripping: bool = False
    """Whether it sends blanks for ever."""

    def data(self) -> bytes:
        """The bytes of the body."""
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass
class Call:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: Any


class ModelService:
    """Answers with `replies` in their order, the last one again and again."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.replies: list[Reply] = []
        self.calls: list[Call] = []
        self.asked = threading.Event()
        """Set from the first request on."""
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self, *replies: Reply) -> None:
        """Answer so from now on."""
        self.replies = list(replies)

    def next(self) -> Reply:
        """The next reply."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


WRAP: dict[str, Callable[[str], Any]] = {
    "openai": lambda text: {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]},
    "anthropic": lambda text: {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"},
    "ollama": lambda text: {"message": {"content": text}, "done_reason": "stop"},
}
"""A text as each kind of service answers it."""


def saying(text: str | dict[str, Any], kind: str = "openai") -> Reply:
    """The reply of a model that says this."""
    return Reply(WRAP[kind](text if isinstance(text, str) else json.dumps(text)))


@contextmanager
def model_service() -> Generator[ModelService]:
    """A service that runs for as long as the block does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    service = ModelService(server.server_port)
    _Handler.services[server.server_port] = service
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
        del _Handler.services[server.server_port]


class _Handler(BaseHTTPRequestHandler):
    services: dict[int, ModelService] = {}  # noqa: RUF012 - shared on purpose: a handler is made by the server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        service = self.services[self.connection.getsockname()[1]]
        length = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(length))
        service.calls.append(Call(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        service.asked.set()
        reply = service.next()
        self.close_connection = True
        if reply.silent:
            service.closing.wait()
            return
        data = reply.data()
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(data)), **reply.headers}.items():
            if not (reply.dripping and name == "Content-Length"):
                self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(data)
            while reply.dripping and not service.closing.wait(0.02):
                self.wfile.write(b" ")
                self.wfile.flush()
        except OSError:
            return  # The client has seen enough.

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
