"""Tables of a run as CSV, from the API on a real database."""

from __future__ import annotations

import csv
import io
from datetime import datetime

import pytest

from api.routes import exports
from paceline.domain.events import EventDraft, EventType
from paceline.domain.questions import Answer, Decision
from paceline.domain.states import StoryState
from paceline.store import events, questions, status
from paceline.store.database import Database
from tests.integration.api.allotment import Calls, Record, a_question

RUN = "/api/v1/projects/allotment/export"


async def table(api: Calls, name: str) -> list[dict[str, str]]:
    """An export, read back."""
    reply = await api.get(f"{RUN}/{name}")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert reply.headers["content-disposition"] == f'attachment; filename="allotment-{name}.csv"'
    return list(csv.DictReader(io.StringIO(reply.text, newline="")))


async def test_every_table_is_whole_over_all_its_pages(
    api: Calls, record: Record, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PAGE", 1)
    await record()
    reason = '=HYPERLINK("x"),\n"quoted"'
    await database.write(
        status.set_story, "allotment", "Story 1.1", state=StoryState.FAILED, reason=reason, reason_code="X"
    )
    happened = [
        EventDraft(key=name, type=EventType.WORKFLOW_EVENT, name=name, story="Story 1.1", data={"attempt": 1})
        for name in ("attempt.started", "claim.granted", "attempt.ended")
    ]
    await database.write(events.append_events, "allotment", happened)
    for number in (1, 2, 3):
        await database.write(questions.open_question, a_question(f"q{number}"))
    await database.write(
        questions.record_answer, "q2", Answer(question="q2", decision=Decision.REJECT, text="no", actor="ada")
    )
    stories = await table(api, "stories")
    assert [row["id"] for row in stories] == ["Story 1.1", "Story 1.2"]
    assert stories[0]["reason"] == f"'{reason}"
    assert [row["name"] for row in await table(api, "events")][-3:] == [each.name for each in happened]
    assert [(row["story"], row["attempt"]) for row in await table(api, "attempts")] == [("Story 1.1", "1")]
    asked = await table(api, "questions")
    assert [(row["id"], row["answer"], row["actor"]) for row in asked] == [
        ("q1", "", ""), ("q2", "no", "ada"), ("q3", "", ""),
    ]  # fmt: skip
    first, last = (datetime.fromisoformat(asked[1][name]) for name in ("asked_at", "answered_at"))
    assert float(asked[1]["seconds_to_answer"]) == pytest.approx((last - first).total_seconds(), abs=0.002)


async def test_what_cannot_be_exported_is_said(api: Calls, record: Record) -> None:
    await record()
    assert (await api.get("/api/v1/projects/nothing/export/stories")).status_code == 404
    assert (await api.get(f"{RUN}/secrets")).status_code == 422
