"""The outbox: one sender a message at a time, by lease and fence, on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from paceline.domain.events import EventDraft, EventType
from paceline.domain.notifications import Notification, NotifyOptions
from paceline.errors import NotFound
from paceline.store import events, notifications
from paceline.store.database import Database
from paceline.store.models import NotificationRow

OPTIONS = NotifyOptions.model_validate({"webhooks": {"a": {"url": "https://a.example"}}, "command": ["say"]})


def ask(session: Session, count: int = 1) -> None:
    """Append events that people are told of."""
    drafts = [
        EventDraft(
            key=f"q{number}#asked",
            type=EventType.HITL_REQUEST,
            name="question.asked",
            data={"question": f"q{number}"},
        )
        for number in range(count)
    ]
    notifications.queue_notifications(session, OPTIONS, events.append_events(session, "p", drafts))


def lapse(session: Session) -> None:
    """Let every lease be over."""
    session.execute(update(NotificationRow).values(due_at=datetime.now(UTC) - timedelta(hours=1)))


def test_asking_twice_tells_each_receiver_once(database: Database) -> None:
    database.write_now(ask)
    database.write_now(ask)
    found = database.read_now(notifications.list_notifications)
    assert sorted(each.receiver for each in found) == ["a", "command"]
    assert len({each.id for each in found}) == 2


def test_events_that_nobody_wants_to_hear_of_are_not_told(database: Database) -> None:
    def answer(session: Session) -> None:
        draft = EventDraft(key="k", type=EventType.HITL_RESPONSE, name="question.answered", data={})
        notifications.queue_notifications(session, OPTIONS, events.append_events(session, "p", [draft]))
        notifications.queue_notifications(session, None, events.append_events(session, "p", [draft]))

    database.write_now(answer)
    assert database.read_now(notifications.list_notifications) == []


async def test_a_message_belongs_to_one_sender_at_a_time(any_database_url: str) -> None:
    databases = [Database(any_database_url) for _ in range(2)]
    try:
        databases[0].write_now(ask, 20)
        parts = await asyncio.gather(
            *(databases[number % 2].write(notifications.claim_due, 5) for number in range(12))
        )
        claimed = [each.id for part in parts for each in part]
        assert len(claimed) == len(set(claimed)) == 40
        assert not await databases[1].read(notifications.any_due)
    finally:
        for database in databases:
            database.close()


def test_who_lost_its_lease_writes_nothing_down(database: Database) -> None:
    database.write_now(ask)
    slow = database.write_now(notifications.claim_due, 10)[0]
    database.write_now(lapse)
    quick = next(each for each in database.write_now(notifications.claim_due, 10) if each.id == slow.id)
    assert quick.fence == slow.fence + 1
    assert not database.write_now(notifications.note_failed, slow, "NOTIFY", "late", None)
    assert database.write_now(notifications.note_sent, quick)
    assert not database.write_now(notifications.note_sent, slow)
    assert database.read_now(notifications.get_notification, slow.id).state == "sent"


def test_a_failure_waits_for_its_pause_and_the_last_is_given_up(database: Database) -> None:
    database.write_now(ask)
    first, second = database.write_now(notifications.claim_due, 10)
    assert database.write_now(notifications.note_failed, first, "NOTIFY_TIMEOUT", "slow", 3600.0)
    assert database.write_now(notifications.note_failed, second, "NOTIFY_TIMEOUT", "slow", None)
    assert not database.read_now(notifications.any_due)
    [dead] = database.read_now(notifications.list_notifications, "p", "dead")
    assert (dead.id, dead.code, dead.reason) == (second.id, "NOTIFY_TIMEOUT", "slow")
    [again] = database.write_now(notifications.redeliver, [dead.id])
    assert (again.state, again.tries) == ("waiting", 0)
    [claimed] = database.write_now(notifications.claim_due, 10)
    assert (claimed.id, claimed.fence) == (dead.id, dead.fence + 1)


def test_what_waits_is_not_sent_again_beside_itself(database: Database) -> None:
    database.write_now(ask)
    claimed: list[Notification] = database.write_now(notifications.claim_due, 10)
    database.write_now(notifications.redeliver, [claimed[0].id])
    assert database.write_now(notifications.claim_due, 10) == []
    with pytest.raises(NotFound):
        database.write_now(notifications.redeliver, ["n-none"])


def test_pauses_grow_to_an_hour() -> None:
    assert [OPTIONS.pause_after(tries) for tries in (1, 2, 3, 12, 100)] == [2, 4, 8, 3600, 3600]
