"""WebSocket clients that cost little: they note when each event came, and find what was lost or came twice.

A client library's work for each message would be several times the server's, and with a thousand clients in
one process the measure would be of that.
"""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from typing import cast

HANDSHAKE = (
    "GET /ws?project_id={project}&after={after} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cGFjZWxpbmUgYmVuY2ggMQ==\r\n\r\n"
)
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.05, 0.5
"""A client waits up to so long before it connects again, twice as long each time."""
_NUMBER = b'"number":'


class Client:
    """One client of one project, which connects again after its last number whenever it is cut off.

    Args:
        port: of the API on this machine.
        project: id of the run.
        source: the address of this machine that it comes from; None: any.
    """

    def __init__(self, port: int, project: str, source: str | None = None) -> None:
        self.numbers = array("q")
        self.times = array("d")
        self.last = 0
        self.lost = 0
        self.doubled = 0
        self.connected = asyncio.Event()
        self.reconnects = -1
        self._port = port
        self._project = project
        self._source = (source, 0) if source else None
        self._tries = 0
        self._transport: asyncio.Transport | None = None
        self._gone = asyncio.Event()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._gone.clear()
                try:
                    await loop.create_connection(
                        lambda: _Wire(self), "127.0.0.1", self._port, local_addr=self._source
                    )
                    await self._gone.wait()
                except OSError:
                    pass
                self.connected.clear()
                pause = min(RETRY_SECONDS * 2**self._tries, LONGEST_RETRY_SECONDS)
                self._tries += 1
                await asyncio.sleep(pause * random.random())  # noqa: S311 - jitter, no secret
        finally:
            if self._transport is not None:
                self._transport.abort()

    def drop(self) -> None:
        """Lose the connection."""
        if self._transport is not None:
            self._transport.abort()

    def began(self, transport: asyncio.Transport) -> None:
        """A connection was made."""
        self._transport = transport
        text = HANDSHAKE.format(project=self._project, after=self.last, port=self._port)
        transport.write(text.encode())

    def accepted(self) -> None:
        """The server answered."""
        self.reconnects += 1
        self._tries = 0
        self.connected.set()

    def ended(self) -> None:
        """The connection is gone."""
        self._gone.set()

    def took(self, number: int, moment: float) -> None:
        """An event arrived."""
        if number <= self.last:
            self.doubled += 1
            return
        self.lost += number - self.last - 1
        self.last = number
        self.numbers.append(number)
        self.times.append(moment)


class _Wire(asyncio.Protocol):
    """Reads the handshake's answer and then frames, which a server does not mask (RFC 6455, section 5.2)."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._open = False
        self._left: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._client.began(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.ended()

    def data_received(self, data: bytes) -> None:
        moment = time.monotonic()
        data = self._left + data if self._left else data
        if not self._open:
            head, separator, rest = data.partition(b"\r\n\r\n")
            if not separator:
                self._left = data
                return
            if b" 101 " not in head[:20]:
                self._transport.abort()
                return
            self._open = True
            self._client.accepted()
            data = rest
        self._left = data[self._frames(data, moment) :]

    def _frames(self, data: bytes, moment: float) -> int:
        """Take whole frames; returns how many bytes they were."""
        place, size = 0, len(data)
        while size - place >= 2:
            length, start = data[place + 1] & 0x7F, place + 2
            if length == 126:
                length, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            elif length == 127:
                length, start = int.from_bytes(data[start : start + 8], "big"), start + 8
            if size < start + length:
                break
            self._frame(data[place] & 0x0F, data[start : start + length], moment)
            place = start + length
        return place

    def _frame(self, opcode: int, payload: bytes, moment: float) -> None:
        if opcode == 0x1:
            found = payload.rfind(_NUMBER)
            if found >= 0:
                begin = found + len(_NUMBER)
                self._client.took(int(payload[begin : payload.index(b",", begin)]), moment)
        elif opcode == 0x9:
            # A client masks; a mask of zeros changes nothing.
            self._transport.write(bytes((0x8A, 0x80 | len(payload))) + bytes(4) + payload)
        elif opcode == 0x8:
            self._transport.abort()
