"""The embedded Temporal server: a dev server on a database file, tuned, and tied to this process's life."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from paceline.errors import ConfigurationError, PortBusy, ServerUnavailable
from paceline.settings import Settings
from workers import die_with_parent
from workers.ports import LOOPBACK, Ports, choose_ports
from workers.search_attributes import ensure_search_attributes, start_dev_arguments
from workers.temporal_binary import Binary, ExternalServer, find_server
from workers.temporal_client import connect, connect_once
from workers.temporal_home import TemporalHome

START_LIMIT = 60.0
STOP_GRACE = 10.0
PORT_ATTEMPTS = 3
"""Starts with other free ports, when somebody takes a port between its choice and its use."""

TUNING = (
    "--sqlite-pragma=journal_mode=wal",
    "--sqlite-pragma=synchronous=1",
    # The stock 20 reads a second cost every sequential step 50 ms.
    "--dynamic-config-value=history.transferProcessorMaxPollRPS=2000",
    "--dynamic-config-value=history.timerProcessorMaxPollRPS=2000",
    # Several partitions forward tasks to each other at ten a second.
    "--dynamic-config-value=matching.numTaskqueueReadPartitions=1",
    "--dynamic-config-value=matching.numTaskqueueWritePartitions=1",
)
"""Measured together: five times the stories a second, a tenth of the step latency of the stock settings."""

Say = Callable[[str], None]


class EmbeddedServer:
    """A dev server that this process started.

    It runs in a session of its own, so that a terminal's Ctrl-C reaches the workers first, and on Linux the
    kernel stops it when the thread that started it ends: start it from the main thread. What it knows is in
    the database file, so a stop, a kill and a restart lose nothing.
    """

    def __init__(self, home: TemporalHome, settings: Settings, binary: Binary, say: Say) -> None:
        self._home = home
        self._settings = settings
        self._binary = binary
        self._say = say
        self._ports = Ports(0, 0)
        self._process: asyncio.subprocess.Process | None = None

    @classmethod
    async def start(cls, settings: Settings, say: Say, binary: Binary | None = None) -> EmbeddedServer:
        """Starts the server and waits until it answers and has Paceline's search attributes.

        Args:
            settings: the home, the ports (0 picks free ones) and the namespace.
            say: is told in whole sentences what happens.
            binary: what `find_server` found; None looks for it.

        Raises:
            Conflict: another Paceline runs a server on this home.
            PortBusy: another program listens on one of the ports.
            ServerUnavailable: there is no binary, or the server ended at its start.
        """
        binary = binary or await asyncio.to_thread(_find_binary, settings, say)
        server = cls(TemporalHome(settings.home), settings, binary, say)
        try:
            await asyncio.to_thread(server._home.end_orphan, say)
            await server._bring_up()
        except BaseException:
            await server.stop()
            raise
        return server

    @property
    def address(self) -> str:
        """Host and port of the gRPC frontend."""
        return f"{LOOPBACK}:{self._ports.frontend}"

    @property
    def ui_url(self) -> str:
        """Address of Temporal's UI."""
        return f"http://{LOOPBACK}:{self._ports.ui}"

    @property
    def pid(self) -> int | None:
        """The server's process; None after it ended."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def log(self) -> Path:
        """What the server wrote, starts appended to one another."""
        return self._home.log

    async def wait(self) -> int:
        """Waits until the server ends, by itself or by somebody's hand, and returns its exit status."""
        if self._process is None:
            raise ServerUnavailable("the embedded Temporal server was stopped.")
        return await self._process.wait()

    async def restart(self) -> None:
        """Starts the server again on the same ports and database, whether it still runs or not."""
        await self._end_process()
        await self._bring_up()

    async def stop(self) -> None:
        """Stops the server, politely first, and gives the home free. Safe to repeat."""
        await self._end_process()
        self._home.release()

    async def _bring_up(self) -> None:
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            self._ports = choose_ports(self._settings, self._ports)
            try:
                await self._spawn()
                await ensure_search_attributes(await self._ready())
                return
            except PortBusy:
                await self._end_process()
                if not attempts_left:
                    raise
                self._ports = Ports(0, 0)

    async def _spawn(self) -> None:
        command = [
            *(sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid())),
            *(str(self._binary.path), "server", "start-dev"),
            *("--db-filename", str(self._home.database)),
            *("--ip", LOOPBACK, "--port", str(self._ports.frontend), "--ui-port", str(self._ports.ui)),
            *("--namespace", self._settings.temporal_namespace, "--log-level", "warn"),
            *TUNING,
            *start_dev_arguments(),
        ]
        with self._home.open_log() as log:
            self._log_start = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._home.remember(self._process.pid, self.address)

    async def _ready(self) -> Client:
        """Connects as soon as the server answers; its end is noticed at once."""
        ended = asyncio.create_task(self.wait())
        deadline = time.monotonic() + START_LIMIT
        delay = 0.05
        try:
            while time.monotonic() < deadline:
                with contextlib.suppress(ServerUnavailable, ConfigurationError):
                    client = await connect_once(self.address, self._settings.temporal_namespace)
                    if not ended.done():
                        return client
                await asyncio.wait({ended}, timeout=delay)
                if ended.done():
                    raise self._ended_early(ended.result())
                delay = min(2 * delay, 0.5)
        finally:
            ended.cancel()
        raise ServerUnavailable(
            f"the embedded Temporal server did not answer within {START_LIMIT:.0f} s; see {self.log}."
        )

    def _ended_early(self, status: int) -> ServerUnavailable:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read()[-20_000:].decode(errors="replace").strip().splitlines()
        said = lines[-1][:500] if lines else "it said nothing"
        if "address already in use" in said:
            return PortBusy(
                f"a port was taken while the embedded Temporal server started ({said}); start again."
            )
        return ServerUnavailable(
            f"the embedded Temporal server ended at its start with status {status} ({said}); see {self.log}."
        )

    async def _end_process(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_GRACE)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process is not None:
            self._home.forget()
        self._process = None


@dataclass(frozen=True)
class Temporal:
    """A connected Temporal server: `embedded` when this process runs it."""

    client: Client
    address: str
    ui_url: str | None
    embedded: EmbeddedServer | None


@asynccontextmanager
async def open_temporal(settings: Settings, say: Say) -> AsyncGenerator[Temporal]:
    """Connects to the server that the settings name, or runs the embedded one while the context is open.

    Raises the errors of `find_server`, `EmbeddedServer.start`, `connect` and `ensure_search_attributes`.
    """
    found = await asyncio.to_thread(find_server, settings, say)
    if isinstance(found, ExternalServer):
        client = await connect(found.address, settings.temporal_namespace)
        await ensure_search_attributes(client)
        yield Temporal(client, found.address, None, None)
        return
    server = await EmbeddedServer.start(settings, say, found)
    try:
        client = await connect(server.address, settings.temporal_namespace)
        yield Temporal(client, server.address, server.ui_url, server)
    finally:
        await server.stop()


def _find_binary(settings: Settings, say: Say) -> Binary:
    found = find_server(settings.model_copy(update={"temporal_address": None}), say)
    if isinstance(found, ExternalServer):  # not reached: no address was given
        raise ConfigurationError("an embedded server was asked for and PACELINE_TEMPORAL_ADDRESS is set.")
    return found
