"""Event numbers: one a key, in commit order, without gaps."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from paceline.domain.events import Event
from paceline.store.database import Database
from paceline.store.events import append_events, events_after, events_named, last_number
from tests.integration.store.samples import draft


def test_numbers_begin_at_one_and_events_come_back_as_they_went_in(database: Database) -> None:
    stored = database.write_now(
        append_events, "p", [draft("a", commit="c0ffee", tags=["ä", None]), draft("b")]
    )
    assert [each.number for each in stored] == [1, 2]
    assert database.read_now(events_after, "p") == stored
    assert stored[0].data == {"commit": "c0ffee", "tags": ["ä", None]}
    assert stored[0].at.utcoffset() is not None
    assert database.write_now(append_events, "q", [draft("a")])[0].number == 1


def test_a_known_key_is_the_stored_event(database: Database) -> None:
    first = database.write_now(append_events, "p", [draft("a", n=1), draft("b")])
    mixed = [draft("c"), draft("a", n=2), draft("d"), draft("c", n=3), draft("b")]
    second = database.write_now(append_events, "p", mixed)
    assert [(event.key, event.number) for event in second] == [
        ("c", 3),
        ("a", 1),
        ("d", 4),
        ("c", 3),
        ("b", 2),
    ]
    assert second[1] == first[0]
    assert database.write_now(append_events, "p", [draft("a"), draft("b")]) == first
    assert database.read_now(last_number, "p") == 4
    assert [event.number for event in database.read_now(events_after, "p")] == [1, 2, 3, 4]


def test_reading_goes_on_where_it_ended(database: Database) -> None:
    database.write_now(append_events, "p", [draft(str(number)) for number in range(5)])
    assert [event.number for event in database.read_now(events_after, "p", 2, 2)] == [3, 4]
    assert database.read_now(events_after, "p", 5) == []
    assert database.read_now(last_number, "unknown") == 0
    assert database.write_now(append_events, "p", []) == []


def test_a_failed_transaction_leaves_no_gap(database: Database) -> None:
    def fail(session: Session) -> None:
        append_events(session, "p", [draft("lost")])
        raise RuntimeError("after the append")

    with pytest.raises(RuntimeError):
        database.write_now(fail)
    assert database.write_now(append_events, "p", [draft("kept")])[0].number == 1


async def test_numbers_have_no_gaps_under_concurrency(any_database_url: str) -> None:
    """Two processes' writers, keys sent twice, and a reader that must never skip."""
    databases = [Database(any_database_url) for _ in range(2)]
    seen: list[int] = []

    async def read_along(writing: asyncio.Future[list[list[Event]]]) -> None:
        while not writing.done() or databases[0].read_now(last_number, "p") > (seen[-1] if seen else 0):
            events = await databases[0].read(events_after, "p", seen[-1] if seen else 0)
            seen.extend(event.number for event in events)

    try:
        writing = asyncio.gather(
            *(
                databases[number % 2].write(
                    append_events, "p", [draft(f"{number // 2}-{each}") for each in "xy"]
                )
                for number in range(60)
            )
        )
        await read_along(writing)
        stored = await writing
    finally:
        for database in databases:
            database.close()
    assert seen == list(range(1, 61))
    by_key = {event.key: event.number for events in stored for event in events}
    assert sorted(by_key.values()) == seen


def test_listeners_hear_of_events_after_the_commit(database: Database) -> None:
    heard: list[tuple[str, int]] = []
    remove = database.add_listener(
        lambda project: heard.append((project, database.read_now(last_number, project)))
    )

    def append_twice(session: Session) -> None:
        append_events(session, "p", [draft("a")])
        append_events(session, "q", [draft("a")])
        append_events(session, "p", [draft("b")])

    def fail(session: Session) -> None:
        append_events(session, "never", [draft("a")])
        raise RuntimeError("rolled back")

    database.write_now(append_twice)
    with pytest.raises(RuntimeError):
        database.write_now(fail)
    database.write_now(last_number, "p")
    assert heard == [("p", 2), ("q", 1)]
    remove()
    remove()
    database.write_now(append_events, "p", [draft("c")])
    assert len(heard) == 2


def test_a_failing_listener_hurts_nobody(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    def fail(project: str) -> None:
        raise ValueError(project)

    database.add_listener(fail)
    database.add_listener(heard.append)
    database.write_now(append_events, "p", [draft("a")])
    assert heard == ["p"]
    assert "A listener failed on new events of p." in caplog.text


def test_appending_from_many_threads(database: Database) -> None:
    def append(number: int) -> int:
        return database.write_now(append_events, "p", [draft(str(number))])[0].number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(append, range(80))) == list(range(1, 81))


@pytest.mark.parametrize("names", [("gate.checked", "question.answered"), ("steered",)])
def test_rare_events_are_found_by_their_index(sqlite_url: str, names: tuple[str, ...]) -> None:
    database = Database(sqlite_url)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert database.read_now(events_named, "p", names) == []
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        database.close()
    ((statement, parameters),) = [each for each in asked if "FROM events" in each[0]]
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
    assert any("ix_events_rare" in str(step) for step in plan)
