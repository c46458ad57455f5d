"""The API served by uvicorn inside this process's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager

import uvicorn
from temporalio.client import Client

from api.admission import Admission
from api.main import create_app
from paceline.errors import ConfigurationError, PortBusy, ServerUnavailable
from paceline.settings import Settings
from paceline.store.database import Database
from workers.event_protocols import SocketProtocol, http_protocol

STOP_SECONDS = 3
"""How long open requests and WebSockets may take to end."""
ACCEPTED_AT_ONCE = 8
"""Connections that are accepted in one turn of the event loop, so that what is open goes on between them."""
BACKLOG = 1024
"""Connections that wait to be accepted."""
SWITCH_SECONDS = 0.001
"""After so long a thread that computes lets the event loop go on.

Python's own is five times as long, which the loop would wait for after each write to a client.
"""


class _Server(uvicorn.Server):
    """A server that says when it listens, and leaves signals to the process it is part of."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Streams last for as long as their clients like, and would keep the server for `STOP_SECONDS`.
        self._end_streams()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for each in sockets or []:
            # asyncio has the kernel's queue only as long as what it accepts at once.
            each.listen(BACKLOG)
        self.listening.set()


def bind(settings: Settings) -> socket.socket:
    """The API's port, taken before anything else is started; 0 picks a free one.

    Raises:
        PortBusy: another program listens there.
        ConfigurationError: the host is none of this machine.
    """
    try:
        listener = socket.create_server((settings.api_host, settings.api_port), backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortBusy(
                f"Port {settings.api_port} of {settings.api_host}, where the API would listen, is taken by "
                "another program; stop that, or set PACELINE_API_PORT to another port.",
                port=settings.api_port,
            ) from error
        raise ConfigurationError(
            f"The API cannot listen on {settings.api_host}:{settings.api_port} ({error.strerror or error}); "
            "correct PACELINE_API_HOST and PACELINE_API_PORT."
        ) from error
    # asyncio does it only for sockets that name their protocol; without it each answer that is sent in two
    # parts waits some 40 ms for the client's acknowledgement of the first. Accepted sockets inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """The address of a bound socket, as a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def serving(
    listener: socket.socket, database: Database, client: Client, settings: Settings
) -> AsyncGenerator[asyncio.Task[None]]:
    """Serve the API on a bound socket while the context is open; yields the task that ends if it fails.

    Raises:
        ServerUnavailable: the application did not start.
    """
    sys.setswitchinterval(min(SWITCH_SECONDS, sys.getswitchinterval()))
    app = create_app(database, client, settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        # Events are small and many; compressing each one costs more than it saves on loopback.
        ws_per_message_deflate=False,
        http=http_protocol(
            Admission(
                settings.stream_opens_per_second, settings.stream_opens_burst, settings.streams_per_address
            )
        ),
        ws=SocketProtocol,
        ws_max_size=65_536,
        timeout_graceful_shutdown=STOP_SECONDS,
        backlog=ACCEPTED_AT_ONCE,
    )
    server = _Server(config, lambda: app.state.parts.hub.close())
    task = asyncio.create_task(server.serve([listener]), name="api")
    listening = asyncio.create_task(server.listening.wait())
    try:
        await asyncio.wait({task, listening}, return_when=asyncio.FIRST_COMPLETED)
        if not server.started:
            raise ServerUnavailable("The API did not start; the log above has the reason.")
        # What the application is made of stays; to look through it for garbage takes more than 100 ms each
        # time, in which no client is sent anything.
        gc.collect()
        gc.freeze()
        yield task
    finally:
        gc.unfreeze()
        listening.cancel()
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
