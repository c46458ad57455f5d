"""A process hears of other processes' commits, and looks no oftener than it is told."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from paceline.domain.events import EventDraft, EventType
from paceline.store import events
from paceline.store.database import Database

WRITER = """
import sys
from paceline.domain.events import EventDraft, EventType
from paceline.store import events
from paceline.store.database import Database
database = Database(sys.argv[1])
draft = EventDraft(key=sys.argv[2], type=EventType.WORKFLOW_EVENT, name="written")
database.write_now(events.append_events, "p", [draft])
database.close()
"""


def written_elsewhere(url: str, key: str) -> None:
    """Append an event in another process."""
    subprocess.run([sys.executable, "-c", WRITER, url, key], check=True, timeout=60)


async def told(woken: asyncio.Event) -> None:
    """Wait until woken, and be ready for the next time."""
    async with asyncio.timeout(30):
        await woken.wait()
    woken.clear()


async def test_another_process_wakes_who_listens(database: Database, any_database_url: str) -> None:
    woken = asyncio.Event()
    async with database.listening(woken.set):
        if any_database_url.startswith("postgres"):
            await told(woken)  # the connection listens from now on
        for key in ("a", "b"):
            await asyncio.to_thread(written_elsewhere, any_database_url, key)
            await told(woken)
            assert await database.moved()
    assert await database.read(events.last_number, "p") == 2


async def test_own_commits_wake_too_and_nobody_is_woken_for_nothing(database: Database) -> None:
    woken: list[str] = []
    second = asyncio.Event()
    async with database.listening(lambda: woken.append("first")), database.listening(second.set):
        draft = EventDraft(key="a", type=EventType.WORKFLOW_EVENT, name="written")
        second.clear()
        await database.write(events.append_events, "p", [draft])
        await told(second)
        # Nothing that appends no event wakes anybody.
        await asyncio.sleep(0)
        before = len(woken)
        await database.write(lambda _session: None)
        await database.read(events.last_number, "p")
        await asyncio.sleep(0.05)
        assert len(woken) - before <= 1  # PostgreSQL's own word of the event may come now


async def test_sqlite_has_not_moved_while_nobody_wrote(sqlite_url: str) -> None:
    database, other = Database(sqlite_url), Database(sqlite_url)
    await database.moved()
    assert [await database.moved() for _ in range(3)] == [False, False, False]
    await other.write(
        events.append_events, "p", [EventDraft(key="a", type=EventType.WORKFLOW_EVENT, name="n")]
    )
    assert [await database.moved(), await database.moved()] == [True, False]
    database.close()
    other.close()


async def test_pipes_of_killed_processes_are_taken_away(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    folder = Path(f"{sqlite_url.removeprefix('sqlite:///')}-listeners")
    woken = asyncio.Event()
    async with database.listening(woken.set):
        left = folder / "killed-long-ago"
        os.mkfifo(left)
        await asyncio.to_thread(written_elsewhere, sqlite_url, "a")
        await told(woken)
        assert not left.exists()
    assert list(folder.iterdir()) == []
    database.close()


async def test_a_folder_that_cannot_be_made_leaves_looking(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(sqlite_url)
    Path(f"{sqlite_url.removeprefix('sqlite:///')}-listeners").write_text("in the way")
    async with database.listening(lambda: None):
        await database.moved()
        await asyncio.to_thread(written_elsewhere, sqlite_url, "a")
        assert await database.moved()
    assert "seen late" in caplog.text
    database.close()


@pytest.mark.postgres
async def test_a_lost_connection_is_made_again_and_says_so(postgres_url: str) -> None:
    database = Database(postgres_url)
    woken = asyncio.Event()
    async with database.listening(woken.set):
        await told(woken)
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
            ended = connection.execute(query, ("paceline-listener",)).fetchall()
        assert (True,) in ended
        await told(woken)  # what was committed meanwhile is read now
        await asyncio.to_thread(written_elsewhere, postgres_url, "a")
        await told(woken)
    database.close()
