"""What became of messages, and sending them again, over the API and the command line."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from paceline.domain.events import EventDraft, EventType
from paceline.domain.notifications import NotifyOptions
from paceline.store import events, notifications
from paceline.store.database import Database
from tests.integration.api.allotment import Calls

OPTIONS = NotifyOptions.model_validate({"webhooks": {"team": {"url": "https://team.example"}}})


def give_up(session: Session) -> str:
    """A message that was tried once and given up; returns its id."""
    draft = EventDraft(
        key="q1#asked", type=EventType.HITL_REQUEST, name="question.asked", data={"question": "q1"}
    )
    notifications.queue_notifications(session, OPTIONS, events.append_events(session, "p", [draft]))
    [claimed] = notifications.claim_due(session, 10)
    notifications.note_failed(session, claimed, "NOTIFY_TIMEOUT", "team did not take it", None)
    return claimed.id


@pytest.fixture
def dead(database: Database) -> str:
    """The id of a message that was given up."""
    return database.write_now(give_up)


async def test_messages_are_listed_by_run_and_state(api: Calls, dead: str) -> None:
    found = (await api.get("/api/v1/notifications", params={"project": "p", "state": "dead"})).json()
    assert [(each["id"], each["code"], each["tries"]) for each in found] == [(dead, "NOTIFY_TIMEOUT", 1)]
    for params in ({"project": "other"}, {"state": "sent"}):
        assert (await api.get("/api/v1/notifications", params=params)).json() == []


async def test_one_is_sent_again_under_its_id(api: Calls, dead: str) -> None:
    reply = await api.post(f"/api/v1/notifications/{dead}/redeliver")
    assert (reply.status_code, reply.json()["id"], reply.json()["state"]) == (200, dead, "waiting")
    unknown = await api.post("/api/v1/notifications/n-none/redeliver")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")
