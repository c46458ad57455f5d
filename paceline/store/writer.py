"""One writer a process: a thread with a queue, which commits together what was queued together.

SQLite has one writer anyhow, and its own busy handler lets some wait for seconds while others go on. On
PostgreSQL a commit that waits for the disk would keep a project's event counter and a scope's claims locked
for that time; a commit for many shares the wait. Transactions that hold the locks of many functions could
wait for each other in a circle, therefore only one process writes at a time, by an advisory lock.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from paceline.errors import ServerUnavailable
from paceline.store.transactions import ends_transaction, retry, run_in_session, session_for_many

T = TypeVar("T")

BATCH_LIMIT = 32
"""The most functions in one transaction."""
BATCH_SECONDS = 0.02
"""A transaction takes no further function after this long, so that other processes get their turn."""


class Job(NamedTuple):
    """A function to run in a write transaction, and where its result goes."""

    run: Callable[[Session], Any]
    future: Future[Any]
    waiter: asyncio.Future[Any] | None = None
    """Of a caller in an event loop: gets what `future` got."""


class _Outcome(NamedTuple):
    job: Job
    value: Any
    error: BaseException | None


class _Batch(NamedTuple):
    outcomes: list[_Outcome]
    notes: dict[Any, Any]


class Writer:
    """Runs jobs in the order of their arrival.

    Args:
        engine: its transactions exclude all other writers from their beginning.
        committed: called in the writer's thread after a commit, with the sessions' notes.
    """

    def __init__(self, engine: Engine, committed: Callable[[dict[Any, Any]], None]) -> None:
        self._engine = engine
        self._committed = committed
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="paceline-writer", daemon=True)
        self._thread.start()

    def submit(self, run: Callable[[Session], Any]) -> Future[Any]:
        """Queue a function; its future is done after the commit.

        Raises:
            ServerUnavailable: the writer was closed.
        """
        return self._queue(Job(run, Future())).future

    async def run(self, run: Callable[[Session], T]) -> T:
        """Queue a function and await its commit; one that is cancelled before it began never runs.

        Raises:
            ServerUnavailable: the writer was closed.
        """
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = self._queue(Job(run, Future(), waiter))
        try:
            return await waiter
        except asyncio.CancelledError:
            job.future.cancel()
            raise

    def _queue(self, job: Job) -> Job:
        with self._closing:
            if self._closed:
                raise ServerUnavailable("The database was closed; open it again before writing.")
            self._jobs.put(job)
        return job

    def close(self) -> None:
        """Finish what is queued, then stop."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.future.set_running_or_notify_cancel():
                self._write(job)

    def _write(self, first: Job) -> None:
        """Run one transaction, begun with this job; jobs that arrive meanwhile join.

        Savepoints would cost more than many a job, so they are used only after one of several has failed.
        """
        jobs = [first]

        def work(connection: Connection) -> _Batch:
            batch = _Batch([], {})
            with session_for_many(connection, batch.notes) as run:
                for job in chain(tuple(jobs), self._arrivals(jobs)):
                    batch.outcomes.append(_Outcome(job, run(job.run), None))
            return batch

        def work_guarded(connection: Connection) -> _Batch:
            batch = _Batch([], {})
            batch.outcomes.extend(_run_guarded(connection, job, batch.notes) for job in jobs)
            return batch

        try:
            try:
                batch = retry(self._engine, work)
            except Exception:
                if len(jobs) == 1:
                    raise
                batch = retry(self._engine, work_guarded)
        except Exception as error:
            _settle([_Outcome(job, None, error) for job in jobs])
        else:
            self._committed(batch.notes)
            _settle(batch.outcomes)

    def _arrivals(self, jobs: list[Job]) -> Iterator[Job]:
        """What is queued by now, within the batch's limits; each is added to `jobs`."""
        deadline = time.monotonic() + BATCH_SECONDS
        while len(jobs) < BATCH_LIMIT and time.monotonic() < deadline:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is None:
                self._jobs.put(None)  # the wish to close is for the loop
                return
            if job.future.set_running_or_notify_cancel():
                jobs.append(job)
                yield job


def _settle(outcomes: Iterable[_Outcome]) -> None:
    """Tell everybody who waits; each event loop is woken once for all of its callers."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job, value, error in outcomes:
        if error is None:
            job.future.set_result(value)
        else:
            job.future.set_exception(error)
        if job.waiter is not None:
            by_loop.setdefault(job.waiter.get_loop(), []).append(job)
    for loop, jobs in by_loop.items():
        # A loop that was closed has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_pass_on, jobs)


def _pass_on(jobs: Iterable[Job]) -> None:
    """In the callers' event loop."""
    for job in jobs:
        waiter, error = job.waiter, job.future.exception()
        if waiter is None or waiter.done():
            continue
        if error is None:
            waiter.set_result(job.future.result())
        else:
            waiter.set_exception(error)


def _run_guarded(connection: Connection, job: Job, notes: dict[Any, Any]) -> _Outcome:
    """Run one job so that its failure undoes nothing of the others."""
    try:
        with connection.begin_nested():
            return _Outcome(job, run_in_session(connection, job.run, notes), None)
    except Exception as error:
        if ends_transaction(error):
            raise
        return _Outcome(job, None, error)
