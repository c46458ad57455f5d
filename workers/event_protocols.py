"""uvicorn's protocols, with what event streams to many clients need beyond ASGI.

A WebSocket takes frames that are made already (`paceline.frames`), so that an event for a thousand clients is
framed once and written with one call each. A connection whose client reads nothing can be given up at once,
with what waits for it; uvicorn itself would keep it for as long as the client likes.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

FRAMES = "paceline.frames"
CLOSE_SECONDS = 5.0
"""How long a client that was told to go may take to read that."""


class HttpProtocol(H11Protocol):
    """HTTP whose requests know their transport, as `scope["state"]["transport"]`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called when a connection is made."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class SocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that takes whole frames, and that a client which does not read cannot hold."""

    def handle_connect(self, event: Request) -> None:
        """Say what it can before the application runs."""
        super().handle_connect(event)
        if not self.close_sent:
            extensions = cast(dict[str, Any], self.scope.setdefault("extensions", {}))
            extensions[FRAMES] = {}

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
