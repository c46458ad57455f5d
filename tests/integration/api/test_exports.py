"""Tables of a run as CSV, from the API on a real database."""

from __future__ import annotations

import csv
import io
from datetime import datetime

import pytest

from api.routes import exports
from paceline.domain.events import EventDraft, EventType
from paceline.domain.questions import Answer, Decision, Question
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


async def test_time_and_cost_are_told_by_story_and_by_run(
    api: Calls, record: Record, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PAGE", 2)
    await record()
    ran = {"attempt": 1, "agent": "ada", "outcome": "done"}
    happened = [
        _happened("attempt.started", "Story 1.1", "a", {"attempt": 1}),
        _happened("agent.ran", "Story 1.1", "b", {**ran, "run": "run", "seconds": 2.5, "tokens": 120}),
        _happened("agent.ran", "Story 1.1", "c", {**ran, "run": "run-2", "seconds": 1.5, "cost_usd": 0.25}),
        _happened("attempt.ended", "Story 1.1", "d", {"attempt": 1, "code": "AGENT"}),
        _happened("attempt.started", "Story 1.1", "e", {"attempt": 2}),
        _happened("story.merged", "Story 1.1", "f", {}),
        _happened("attempt.started", "Story 1.2", "g", {"attempt": 1}),
    ]
    for each in happened:
        await database.write(events.append_events, "allotment", [each])
    await database.write(questions.open_question, a_question("q1"))
    answer = Answer(question="q1", decision=Decision.APPROVE, text="", actor="ada")
    await database.write(questions.record_answer, "q1", answer)
    asked = await database.read(questions.get_question, "q1")
    at = {each.key: each.at for each in await database.read(events.events_after, "allotment")}

    first, second = await table(api, "time")
    assert (first["story"], second["story"]) == ("Story 1.1", "Story 1.2")
    assert datetime.fromisoformat(first["started_at"]) == _milliseconds(at["a"])
    elapsed, working = (at["f"] - at["a"]).total_seconds(), (at["d"] - at["a"]) + (at["f"] - at["e"])
    assert float(first["elapsed_seconds"]) == pytest.approx(elapsed, abs=0.001)
    assert float(first["working_seconds"]) == pytest.approx(working.total_seconds(), abs=0.001)
    assert first["agent_seconds"] == "4.0"
    story = asked.story
    waiting = {row["story"]: float(row["waiting_for_people_seconds"]) for row in (first, second)}
    assert waiting == {
        name: pytest.approx(_open_for(asked) if name == story else 0.0, abs=0.001) for name in waiting
    }
    assert (second["ended_at"], second["elapsed_seconds"]) == ("", "")
    cost = await table(api, "cost")
    assert [(row["run"], row["seconds"], row["tokens"], row["cost_usd"]) for row in cost] == [
        ("run", "2.5", "120", ""), ("run-2", "1.5", "", "0.25"),
    ]  # fmt: skip


def _happened(name: str, story: str, key: str, data: dict[str, object]) -> EventDraft:
    told = {"tokens": None, "cost_usd": None, **data} if name == "agent.ran" else data
    return EventDraft(key=key, type=EventType.WORKFLOW_EVENT, name=name, story=story, data=told)


def _milliseconds(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _open_for(question: Question) -> float:
    assert question.answered_at is not None
    return (question.answered_at - question.asked_at).total_seconds()


async def test_what_cannot_be_exported_is_said(api: Calls, record: Record) -> None:
    await record()
    assert (await api.get("/api/v1/projects/nothing/export/stories")).status_code == 404
    assert (await api.get(f"{RUN}/secrets")).status_code == 422
