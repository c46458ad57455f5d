"""uvicorn's protocols, with what event streams to many clients need beyond ASGI.

A WebSocket takes frames that are made already (`paceline.frames`), so that an event for a thousand clients is
framed once and written with one call each. A connection whose client reads nothing can be given up at once,
with what waits for it; uvicorn itself would keep it for as long as the client likes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from api.admission import Admission, address_of
from paceline.errors import RateLimited

FRAMES = "paceline.frames"
CLOSE_SECONDS = 5.0
"""How long a client that was told to go may take to read that."""
MESSAGES_PER_SECOND, MESSAGES_AT_ONCE = 10.0, 100
"""What a client may say, though nobody listens, until it is closed with `TALKS_TOO_MUCH`."""
TALKS_TOO_MUCH = 1008


class HttpProtocol(H11Protocol):
    """HTTP whose requests know their transport, as `scope["state"]["transport"]`."""

    admission: Admission | None = None
    """Asked before a connection becomes a WebSocket; None: all are let in."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called when a connection is made."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Let a WebSocket in, or refuse it before anything is done for it."""
        admission = self.admission
        if admission is None:
            super().handle_websocket_upgrade(event)
            return
        forwarded = next((value for name, value in self.headers if name == b"x-forwarded-for"), b"")
        address = address_of(self.client[0] if self.client else "", forwarded.decode("latin-1"))
        try:
            admission.enter(address)
        except RateLimited as error:
            self.transport.write(_too_many(error))
            self.transport.close()
            return
        self.app_state["leave"] = lambda: admission.leave(address)
        super().handle_websocket_upgrade(event)


def http_protocol(admission: Admission) -> type[HttpProtocol]:
    """The protocol of one server."""
    return type("HttpProtocol", (HttpProtocol,), {"admission": admission})


def _too_many(error: RateLimited) -> bytes:
    """The answer to a handshake that came too often, as a whole."""
    body = json.dumps({"type": "about:blank", "status": 429, "code": error.code, "detail": error.message})
    return (
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/problem+json\r\n"
        f"Retry-After: {error.details['retry_after']}\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n\r\n{body}"
    ).encode()


class SocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that takes whole frames, and that a client which does not read cannot hold."""

    _room: float = MESSAGES_AT_ONCE
    _heard_at = 0.0

    def handle_connect(self, event: Request) -> None:
        """Say what it can before the application runs."""
        super().handle_connect(event)
        if not self.close_sent:
            extensions = cast(dict[str, Any], self.scope.setdefault("extensions", {}))
            extensions[FRAMES] = {"push": self.push}

    def connection_lost(self, exc: Exception | None) -> None:
        """Called when the connection is gone."""
        leave: Callable[[], None] | None = self.app_state.pop("leave", None)
        if leave is not None:
            leave()
        super().connection_lost(exc)

    def send_receive_event_to_app(self) -> None:
        """A message has come; who sends many is closed."""
        now = time.monotonic()
        self._room = min(MESSAGES_AT_ONCE, self._room + (now - self._heard_at) * MESSAGES_PER_SECOND) - 1
        self._heard_at = now
        if self._room >= 0 or self.close_sent:
            super().send_receive_event_to_app()
            return
        self.frames = []
        self.conn.fail(TALKS_TOO_MUCH, "too many messages")
        self.handle_parser_exception()

    def push(self, frames: bytes) -> bool:
        """Write at once where the client reads what it is sent; whether that was done."""
        if not self.writable.is_set() or self.disconnected or self.close_sent or self.transport.is_closing():
            return False
        self.transport.write(frames)
        return True

    def handle_parser_exception(self) -> None:
        """End the connection of a client that does not speak the protocol."""
        if self.conn.close_sent is not None:
            super().handle_parser_exception()
            return
        # Nonsense that came before the handshake was answered; uvicorn itself fails at that.
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
        self.close_sent = True
        self.transport.close()

    async def send(self, message: Any) -> None:
        """Take an ASGI message."""
        kind = message["type"]
        if kind == "websocket.send" and "frames" in message:
            await self._write(message["frames"])
        elif kind == "websocket.close" and not self.writable.is_set() and self.handshake_complete:
            self._close_unread(message)
        else:
            await super().send(message)

    async def _write(self, frames: bytes) -> None:
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.transport.is_closing():
            raise ClientDisconnected()
        self.transport.write(frames)

    def _close_unread(self, message: Any) -> None:
        """Put the reason behind what waits to be read, and wait no longer than `CLOSE_SECONDS`."""
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.send_close(message.get("code", 1000), message.get("reason") or "")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)
