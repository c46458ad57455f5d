"""The database of a process: SQLite by default, PostgreSQL in production, the same functions on both.

A write is a function that gets a session and runs in one short transaction. It may be run again (after a
deadlock, a lost connection, a locked file), so its effects belong in the database, under idempotency keys.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session

from paceline.errors import ConfigurationError
from paceline.store.events import APPENDED_TO
from paceline.store.news import news_of
from paceline.store.transactions import retry, run_in_session
from paceline.store.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")
Listener = Callable[[str], None]

POOL_SIZE = 8
"""The most readers at a time."""
BUSY_MILLISECONDS = 5_000
"""How long SQLite waits for another process before it says that the file is locked."""

# A frozen process must not keep everybody else waiting.
_SESSION_LIMITS = "-c lock_timeout=20s -c idle_in_transaction_session_timeout=15s"
_WRITER_LOCK = 0x5061_6366
"""Names the lock that the writers of one PostgreSQL database take in turn."""
_log = logging.getLogger(__name__)


def engine_url(url: str) -> str:
    """The URL with the driver that is used: psycopg for PostgreSQL, the standard library's for SQLite.

    Raises:
        ConfigurationError: another database, or SQLite without a file.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return f"postgresql+psycopg://{rest}"
    if separator and scheme == "sqlite" and rest.lstrip("/") not in ("", ":memory:"):
        return url
    raise ConfigurationError(
        f"The database URL {scheme}://... is not one Paceline knows; use sqlite:///path or postgresql://..."
    )


class Database:
    """Connections, threads and listeners of one process.

    Args:
        url: `sqlite:///path` or `postgresql://...`.

    Raises:
        ConfigurationError: another kind of URL.
    """

    def __init__(self, url: str) -> None:
        self.url = engine_url(url)
        self._listeners: list[Listener] = []
        self._listening = threading.Lock()
        self._news = news_of(self.url)
        self._reading = ThreadPoolExecutor(POOL_SIZE, "paceline-read")
        if self.url.startswith("sqlite"):
            self._readers = sqlite_engine(self.url, POOL_SIZE, read_only=True)
            self._writers = sqlite_engine(self.url, 1)
        else:
            readers = _postgres_engine(self.url, POOL_SIZE)
            self._readers = readers.execution_options(postgresql_readonly=True)
            self._writers = _postgres_engine(self.url, 1, writes=True)
        self._writer = Writer(self._writers, self._tell)

    async def write(
        self, fn: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function in one write transaction and commit it.

        Raises:
            ServerUnavailable: the database cannot be reached or is kept locked.
        """
        return await self._writer.run(lambda session: fn(session, *args, **kwargs))

    async def read(self, fn: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a transaction that cannot write.

        Raises:
            ServerUnavailable: the database cannot be reached.
        """
        reading = partial(self._read, lambda session: fn(session, *args, **kwargs))
        return await asyncio.wrap_future(self._reading.submit(reading))

    def write_now(self, fn: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`write` that blocks the calling thread."""
        return self._writer.submit(lambda session: fn(session, *args, **kwargs)).result()

    def read_now(self, fn: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` that blocks the calling thread."""
        return self._read(lambda session: fn(session, *args, **kwargs))

    def add_listener(self, callback: Listener) -> Callable[[], None]:
        """Have a function called with a project's id after this process committed events of it.

        The call comes from another thread and must not block; what it raises is logged.

        Returns:
            A function that ends it.
        """
        with self._listening:
            self._listeners.append(callback)

        def remove() -> None:
            with self._listening:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return remove

    @asynccontextmanager
    async def listening(self, wake: Callable[[], None]) -> AsyncGenerator[None]:
        """Have a function called in this event loop after events were committed, by whichever process.

        Several commits may be one call. A call can be missed, so ask `moved` now and then.
        """
        loop = asyncio.get_running_loop()

        def told(_project: str) -> None:
            with suppress(RuntimeError):  # the loop closes before the last writer of the process
                loop.call_soon_threadsafe(wake)

        remove = self.add_listener(told)
        try:
            async with self._news.listening(wake):
                yield
        finally:
            remove()

    async def moved(self) -> bool:
        """Whether something may have been committed since the last call; costs less than a query."""
        return await asyncio.to_thread(self._news.moved)

    def close(self) -> None:
        """Finish the writes that are under way, then let the connections go."""
        self._writer.close()
        self._reading.shutdown()
        self._news.close()
        self._writers.dispose()
        self._readers.dispose()

    def _read(self, run: Callable[[Session], T]) -> T:
        return retry(self._readers, lambda connection: run_in_session(connection, run, {}))

    def _tell(self, notes: dict[Any, Any]) -> None:
        appended_to = sorted(notes.get(APPENDED_TO, ()))
        if appended_to:
            self._news.ring()
        with self._listening:
            listeners = list(self._listeners)
        for project in appended_to:
            for listener in listeners:
                try:
                    listener(project)
                except Exception:
                    _log.exception("A listener failed on new events of %s.", project)


def sqlite_engine(url: str, pool_size: int, read_only: bool = False) -> Engine:
    """An engine on a SQLite file, made together with its folder; transactions begin immediately.

    Args:
        url: `sqlite:///path`.
        pool_size: the most connections.
        read_only: transactions see one moment and cannot write.
    """
    path = make_url(url).database or ""
    Path(path).expanduser().absolute().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url, pool_size=pool_size, max_overflow=0, connect_args={"check_same_thread": False}
    )

    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        _write_ahead(cursor)
        cursor.execute("PRAGMA synchronous = NORMAL")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def _write_ahead(cursor: Any) -> None:
    """Switch the file to write-ahead logging, once; SQLite's busy timeout does not cover this switch."""
    deadline = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def _postgres_engine(url: str, pool_size: int, writes: bool = False) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"options": _SESSION_LIMITS, "connect_timeout": 10},
    )

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")

    if writes:
        event.listen(engine, "begin", begun)
    return engine
