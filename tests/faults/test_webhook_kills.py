"""A sender that is killed between sending and noting it loses nothing: the next one sends the same again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from paceline.settings import Settings
from paceline.store import webhook_reconcile
from paceline.store.database import Database
from paceline.store.models import NotificationRow
from tests.databases import (
    any_database_url,
    database,
    database_template,
    postgres_cluster,
    postgres_url,
    sqlite_url,
)
from tests.integration.webhooks.subscriptions import SECRET, found, in_state, subscribe
from tests.outside import HANG, happen, outside, until, verified

__all__ = [
    "any_database_url",
    "database",
    "database_template",
    "postgres_cluster",
    "postgres_url",
    "sqlite_url",
]

ROOT = Path(__file__).resolve().parents[2]
COUNT = 100


@contextmanager
def process(url: str, home: Path) -> Generator[subprocess.Popen[bytes]]:
    """A sender of its own; killed at the end."""
    command = [sys.executable, "-m", "tests.faults.webhook_process", url, str(home)]
    with subprocess.Popen(command, cwd=ROOT) as sending:
        try:
            yield sending
        finally:
            sending.kill()


def lapse(session: Session) -> None:
    """Let every lease be over, as it is after a while."""
    past = datetime.now(UTC) - timedelta(hours=1)
    session.execute(update(NotificationRow).where(NotificationRow.state == "waiting").values(due_at=past))


@pytest.mark.parametrize("after", [0, 50])
async def test_a_killed_sender_loses_nothing(
    database: Database, any_database_url: str, tmp_path: Path, after: int
) -> None:
    settings = Settings(home=tmp_path)
    with outside(*[204] * after, HANG) as receiver:
        webhook = subscribe(database, settings, receiver.url)
        happen(database, "p", *(f"e{number}" for number in range(COUNT)))
        with process(any_database_url, tmp_path) as first:
            # It has the request, and its sender hears no answer.
            await until(lambda: len(receiver.came) > after, "a request that hangs")
            first.send_signal(signal.SIGKILL)
            first.wait()
        before = list(receiver.ids)
        receiver.statuses[:] = [204]
        database.write_now(lapse)
        with process(any_database_url, tmp_path), process(any_database_url, tmp_path):
            await until(lambda: set(receiver.numbers) == set(range(1, COUNT + 1)), "all deliveries")
            await until(lambda: not in_state(database, webhook, "waiting"), "the last one noted")
        [run] = database.read_now(webhook_reconcile.compare, found(database, webhook))
    assert (run.sent, run.missing, run.dead) == (COUNT, 0, 0)
    assert len(set(receiver.ids)) == COUNT
    again = [id for id in receiver.ids[len(before) :] if id in before]
    assert before[-1] in receiver.ids[len(before) :], "what was under way is sent again under its id"
    assert len(again) <= 8, "and little else"
    assert all(verified(SECRET, *each) for each in receiver.came)
