"""Transactions: their isolation in a shared commit, retries, cancellation, and a killed process."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from paceline.domain.states import StoryState
from paceline.errors import ServerUnavailable
from paceline.store import writer
from paceline.store.claims import list_claims, request_claim
from paceline.store.database import Database
from paceline.store.events import append_events, events_after, last_number
from paceline.store.models import EventCounterRow
from paceline.store.status import plan_stories, set_story, story_status
from tests.integration.store.samples import a_story, draft, request


@pytest.fixture(autouse=True)
def _one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a transaction takes more is no matter of this machine's speed here."""
    monkeypatch.setattr(writer, "BATCH_SECONDS", 600.0)


class Gate:
    """A write that holds the writer until it is opened, so that what is queued behind is one batch."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.entered = threading.Event()
        self.calls = 0

    def hold(self, session: Session) -> None:
        self.calls += 1
        self.entered.set()
        assert self._open.wait(30)

    def open(self) -> None:
        self._open.set()


def _add_counter(session: Session, project: str, last: int) -> None:
    session.add(EventCounterRow(project=project, last=last))


async def test_one_failure_in_a_shared_commit_is_its_own(database: Database) -> None:
    def fail(session: Session, how: str) -> None:
        append_events(session, "failed", [draft(how)])
        if how == "statement":
            session.execute(text("SELECT * FROM nowhere"))
        if how == "flush":
            session.add(EventCounterRow(project="failed", last=9))
            session.flush()
        raise RuntimeError(how)

    heard: list[str] = []
    database.add_listener(heard.append)
    gate = Gate()
    writes: list[asyncio.Future[Any]] = [asyncio.ensure_future(database.write(gate.hold))]
    await asyncio.to_thread(gate.entered.wait, 30)
    for number, how in enumerate(["error", "statement", "flush"]):
        writes.append(asyncio.ensure_future(database.write(append_events, "p", [draft(f"{number}")])))
        writes.append(asyncio.ensure_future(database.write(fail, how)))
    writes.append(asyncio.ensure_future(database.write(append_events, "p", [draft("last")])))
    await asyncio.sleep(0)
    gate.open()
    results = await asyncio.gather(*writes, return_exceptions=True)
    kinds: list[type[Any]] = [type(result) for result in results[2::2]]
    assert kinds[0] is RuntimeError
    assert issubclass(kinds[1], SQLAlchemyError)
    assert issubclass(kinds[2], IntegrityError)
    assert [event.key for event in database.read_now(events_after, "p")] == ["0", "1", "2", "last"]
    assert database.read_now(last_number, "failed") == 0
    assert set(heard) == {"p"}
    assert gate.calls == 2, "the batch shared a transaction, which was run again after the first failure"


async def test_nobody_is_told_before_the_commit(database: Database) -> None:
    first, second = Gate(), Gate()
    writes: list[asyncio.Future[Any]] = [
        asyncio.ensure_future(database.write(first.hold)),
        asyncio.ensure_future(database.write(append_events, "p", [draft("a")])),
        asyncio.ensure_future(database.write(second.hold)),
    ]
    await asyncio.to_thread(first.entered.wait, 30)
    first.open()
    await asyncio.to_thread(second.entered.wait, 30)
    assert not any(write.done() for write in writes)
    assert await database.read(last_number, "p") == 0
    second.open()
    await asyncio.gather(*writes)
    assert await database.read(last_number, "p") == 1


async def test_a_cancelled_write_that_had_not_begun_never_happens(database: Database) -> None:
    gate = Gate()
    holding = asyncio.ensure_future(database.write(gate.hold))
    await asyncio.to_thread(gate.entered.wait, 30)
    cancelled = asyncio.ensure_future(database.write(append_events, "p", [draft("a")]))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    gate.open()
    await holding
    assert await database.read(last_number, "p") == 0


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(SQLAlchemyError):
        database.read_now(append_events, "p", [draft("a")])
    assert database.read_now(last_number, "p") == 0


def test_objects_that_a_function_adds_are_kept(database: Database) -> None:
    database.write_now(_add_counter, "p", 7)
    assert database.read_now(last_number, "p") == 7
    with pytest.raises(IntegrityError):
        database.write_now(_add_counter, "p", 8)
    assert database.read_now(last_number, "p") == 7


def test_a_closed_database_takes_no_write_and_closes_twice(database: Database) -> None:
    database.write_now(append_events, "p", [draft("a")])
    database.close()
    database.close()
    with pytest.raises(ServerUnavailable):
        database.write_now(append_events, "p", [draft("b")])


@pytest.mark.postgres
def test_a_lost_connection_is_made_again(postgres_url: str) -> None:
    database = Database(postgres_url)
    terminate = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
    """
    try:
        for number in range(3):
            database.write_now(append_events, "p", [draft(str(number))])
            assert database.read_now(last_number, "p") == number + 1
            with psycopg.connect(postgres_url, autocommit=True) as other:
                other.execute(terminate)
        assert database.write_now(append_events, "p", [draft("x")])[0].number == 4
    finally:
        database.close()


@pytest.mark.postgres
def test_a_missing_server_is_said_in_a_sentence() -> None:
    database = Database("postgresql://ada@127.0.0.1:1/paceline")
    with pytest.raises(ServerUnavailable):
        database.read_now(last_number, "p")
    database.close()


_WRITE_FOR_EVER = """
import sys
from paceline.domain.states import StoryState
from paceline.store.claims import request_claim
from paceline.store.database import Database
from paceline.store.events import append_events
from paceline.store.status import set_story
from tests.integration.store.samples import draft, request

def step(session, number):
    request_claim(session, request(f"c{number}", f"file:{number}"))
    set_story(session, "p", "1", state=StoryState.WORKING, attempt=number)
    append_events(session, "p", [draft(f"{number}-a"), draft(f"{number}-b")])
    if number == int(sys.argv[2]):
        sys.stdout.write("half done\\n")
        sys.stdout.flush()
        sys.stdin.read()

database = Database(sys.argv[1])
for number in range(1, 1000):
    database.write_now(step, number)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("half_done_at", [1, 25])
def test_a_killed_process_leaves_whole_transactions(any_database_url: str, half_done_at: int) -> None:
    database = Database(any_database_url)
    database.write_now(plan_stories, "p", [a_story("1")])
    command = [sys.executable, "-c", _WRITE_FOR_EVER, any_database_url, str(half_done_at)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        reported = list(iter(process.stdout.readline, "half done\n"))
        process.send_signal(signal.SIGKILL)
    assert [line.strip() for line in reported] == [str(number) for number in range(1, half_done_at)]
    done = half_done_at - 1
    # The next writer is not kept waiting by the dead one, and goes on from the last whole transaction.
    assert database.write_now(append_events, "p", [draft("next")])[0].number == 2 * done + 1
    assert database.read_now(story_status, "p", "1").attempt == done
    assert len(database.read_now(list_claims)) == done
    database.close()
    if any_database_url.startswith("sqlite"):
        with sqlite3.connect(any_database_url.removeprefix("sqlite:///")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_writers_of_two_processes_take_turns(any_database_url: str) -> None:
    databases = [Database(any_database_url) for _ in range(2)]
    try:
        async with asyncio.timeout(60):
            await asyncio.gather(
                *(
                    databases[number % 2].write(append_events, "p", [draft(str(number))])
                    for number in range(100)
                ),
                databases[0].write(request_claim, request("a", "file:x")),
            )
        assert databases[1].read_now(last_number, "p") == 100
    finally:
        for database in databases:
            database.close()


def test_a_status_write_is_one_transaction_with_its_events(database: Database) -> None:
    database.write_now(plan_stories, "p", [a_story("1")])

    def merge(session: Session) -> None:
        set_story(session, "p", "1", state=StoryState.MERGED)
        append_events(session, "p", [draft("merged")])
        raise RuntimeError("before the commit")

    with pytest.raises(RuntimeError):
        database.write_now(merge)
    assert database.read_now(story_status, "p", "1").state is StoryState.PENDING
    assert database.read_now(last_number, "p") == 0
