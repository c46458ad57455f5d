"""How a process hears that another one committed events, without asking the database again and again.

PostgreSQL tells by NOTIFY. SQLite cannot, so a process that wants to hear puts a named pipe into a folder
beside the database file, and whoever committed events writes a byte into every pipe there. Either may be
missed (a connection broke, a writer was killed between its commit and the byte), so who listens also looks,
rarely, whether anything moved.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

import psycopg
from sqlalchemy import make_url

from paceline.store.events import CHANNEL

Wake = Callable[[], None]

RECONNECT_SECONDS = (0.1, 5.0)
"""Between two tries to listen again: the first, and the longest."""

log = logging.getLogger(__name__)


class News(Protocol):
    """Wakes the readers of other processes, and is woken by their writers."""

    def ring(self) -> None:
        """Wake everybody else, after a commit; does not block."""
        ...

    def listening(self, wake: Wake) -> AbstractAsyncContextManager[None]:
        """Have a function called in this event loop after commits of others, while the context is open."""
        ...

    def moved(self) -> bool:
        """Whether something may have been committed since the last call."""
        ...

    def close(self) -> None:
        """Let go of what `moved` holds."""
        ...


def news_of(url: str) -> News:
    """What a database of this URL has."""
    return SqliteNews(url) if url.startswith("sqlite") else PostgresNews(url)


class SqliteNews:
    """Named pipes beside the file.

    Args:
        url: `sqlite:///path`.
    """

    def __init__(self, url: str) -> None:
        self._file = Path(make_url(url).database or "").absolute()
        self._folder = self._file.with_name(f"{self._file.name}-listeners")
        self._own = secrets.token_hex(8)
        self._asking = threading.Lock()
        self._held: sqlite3.Connection | None = None
        self._version = 0

    def ring(self) -> None:
        """Write a byte into every pipe but our own."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return  # nobody ever listened
        for name in names:
            if not name.startswith((self._own, ".")):
                _write_byte(self._folder / name)

    @asynccontextmanager
    async def listening(self, wake: Wake) -> AsyncGenerator[None]:
        """Read from a pipe of our own; where pipes cannot be made, only `moved` tells."""
        pipe = self._open()
        if pipe is None:
            yield
            return
        path, descriptor = pipe
        loop = asyncio.get_running_loop()

        def woken() -> None:
            with suppress(BlockingIOError):
                os.read(descriptor, 65_536)
            wake()

        loop.add_reader(descriptor, woken)
        try:
            yield
        finally:
            loop.remove_reader(descriptor)
            path.unlink(missing_ok=True)
            os.close(descriptor)

    def moved(self) -> bool:
        """SQLite's own count of commits by other connections."""
        with self._asking:
            try:
                if self._held is None:
                    self._held = sqlite3.connect(self._file, timeout=0.1, check_same_thread=False)
                version = int(self._held.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.Error:
                return True
            before, self._version = self._version, version
            return version != before

    def close(self) -> None:
        """Let go of the file."""
        with self._asking:
            if self._held is not None:
                self._held.close()
                self._held = None

    def _open(self) -> tuple[Path, int] | None:
        final = self._folder / f"{self._own}-{secrets.token_hex(4)}"
        # A pipe that nobody reads is taken away by who finds it, so it gets its name after it is open.
        fresh = final.with_name(f".{final.name}")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            os.mkfifo(fresh, 0o600)
            descriptor = os.open(fresh, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fresh.rename(final)
        except (OSError, AttributeError) as error:
            log.warning("Events of other processes are seen late, as %s cannot be made: %s", final, error)
            return None
        return final, descriptor


class PostgresNews:
    """LISTEN on a connection of its own; `append_events` notifies.

    Args:
        url: of SQLAlchemy.
    """

    def __init__(self, url: str) -> None:
        self._address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)

    def ring(self) -> None:
        """Nothing to do: the transaction itself notified."""

    @asynccontextmanager
    async def listening(self, wake: Wake) -> AsyncGenerator[None]:
        """Listen in a task, and connect again when the connection ends."""
        task = asyncio.create_task(self._listen(wake), name="postgres-listener")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def moved(self) -> bool:
        """Not known without asking."""
        return True

    def close(self) -> None:
        """Nothing is held."""

    async def _listen(self, wake: Wake) -> None:
        pause, longest = RECONNECT_SECONDS
        while True:
            try:
                connected = await psycopg.AsyncConnection.connect(
                    self._address, autocommit=True, connect_timeout=10, application_name="paceline-listener"
                )
                async with connected:
                    await connected.execute(f"LISTEN {CHANNEL}".encode())
                    pause = RECONNECT_SECONDS[0]
                    wake()  # of what was committed before, nobody was told
                    async for _ in connected.notifies():
                        wake()
            except (psycopg.Error, OSError) as error:
                log.warning("The connection that listens for events ended (%s); it is made again.", error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)


def _write_byte(pipe: Path) -> None:
    try:
        descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # its process was killed
            pipe.unlink(missing_ok=True)
        return
    try:
        os.write(descriptor, b"\n")
    except OSError:
        pass  # full: it has yet to hear of the ones before; or it has just gone
    finally:
        os.close(descriptor)
