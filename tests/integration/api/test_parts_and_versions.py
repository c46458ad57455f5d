"""Sprints, epics, attempts and plans as resources, and versions that keep people from overwriting others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from paceline.domain.changes import ChangeDraft, ChangeKind
from paceline.domain.events import EventDraft, EventType
from paceline.domain.questions import Answer, Decision
from paceline.domain.states import RunState, StoryState
from paceline.store import changes, events, questions, runs, status
from paceline.store.database import Database
from tests.integration.api.allotment import PLAN, Calls, Record, a_question
from tests.integration.api.both_databases import database
from tests.integration.api.test_idempotency_keys import declare

__all__ = ["database"]

RUN = "/api/v1/projects/allotment"


async def test_sprints_and_epics_are_counted(api: Calls, record: Record, database: Database) -> None:
    await record()

    async def states() -> list[str]:
        return [(await api.get(f"{RUN}/{part}")).json()[0]["state"] for part in ("sprints", "epics")]

    assert await states() == ["pending", "pending"]
    await database.write(status.set_story, "allotment", "Story 1.1", state=StoryState.MERGED)
    assert await states() == ["running", "running"]
    (sprint,) = (await api.get(f"{RUN}/sprints")).json()
    (epic,) = (await api.get(f"{RUN}/epics")).json()
    for part in (sprint, epic):
        assert (part["stories"], part["succeeded"], part["ended"], part["percent"]) == (2, 1, 1, 50.0)
        assert (part["points"], part["counts"]) == (0.0, {"merged": 1, "pending": 1})
    assert (sprint["epics"], epic["sprints"]) == ([epic["id"]], [sprint["id"]])
    assert (await api.get(f"{RUN}/sprints/{sprint['id']}")).json() == sprint
    assert (await api.get(f"{RUN}/epics/{epic['id']}")).json() == epic
    await database.write(status.set_story, "allotment", "Story 1.2", state=StoryState.FAILED)
    assert await states() == ["incomplete", "incomplete"]


async def test_a_run_that_ended_leaves_its_sprint_incomplete(
    api: Calls, record: Record, database: Database
) -> None:
    await record()
    await database.write(runs.end_run, "allotment", RunState.CANCELLED)
    assert (await api.get(f"{RUN}/sprints")).json()[0]["state"] == "incomplete"


@pytest.mark.parametrize(
    "path",
    ["sprints/none", "epics/none", "stories/9.9/attempts", "stories/Story 1.1/attempts/7", "../x/plan"],
)
async def test_what_is_not_there_is_a_404(api: Calls, record: Record, path: str) -> None:
    await record()
    reply = await api.get(f"{RUN}/{path}")
    assert (reply.status_code, reply.json()["code"]) == (404, "NOT_FOUND")


def happened(name: str, **data: Any) -> EventDraft:
    return EventDraft(
        key=json.dumps([name, data]),
        type=EventType.WORKFLOW_EVENT,
        name=name,
        story="Story 1.1",
        data=data,
    )


async def test_attempts_tell_when_who_and_what_they_took(
    api: Calls, record: Record, database: Database
) -> None:
    await record()
    ran = {"agent": "Digger", "run": "work", "seconds": 4.5, "outcome": "done", "cost_usd": 0.25}
    drafts = [
        happened("attempt.started", attempt=1, agent="Digger", agents=[], confined=True),
        happened("agent.ran", attempt=1, tokens=70, **ran),
        happened("agent.ran", attempt=1, tokens=None, **{**ran, "run": "review"}),
        happened("attempt.ended", attempt=1, code="CHECK_FAILED", reason="a stone", preserved="refs/x"),
        happened("attempt.started", attempt=2, agent="Digger", agents=["Digger", "Planter"]),
        happened("story.merged", commit="c0ffee"),
        happened("attempt.started", attempt=3, agent="Digger"),
    ]
    for draft in drafts:
        await database.write(events.append_events, "allotment", [draft])
    first, second, third = (await api.get(f"{RUN}/stories/Story 1.1/attempts")).json()
    assert (first["outcome"], first["reason"], first["preserved"]) == ("CHECK_FAILED", "a stone", "refs/x")
    assert (first["tokens"], first["cost_usd"], len(first["runs"]), first["confined"]) == (70, 0.5, 2, True)
    assert first["seconds"] >= 0
    assert first["started_at"] <= first["ended_at"]
    assert (second["outcome"], second["agents"], second["tokens"]) == ("merged", ["Digger", "Planter"], None)
    assert (third["outcome"], third["ended_at"]) == ("under way", None)
    assert (await api.get(f"{RUN}/stories/Story 1.1/attempts/2")).json() == second
    assert (await api.get(f"{RUN}/stories/Story 1.2/attempts")).json() == []


async def test_the_plan_in_force_has_a_version(api: Calls, record: Record, database: Database) -> None:
    await record()
    first = await api.get(f"{RUN}/plan")
    etag = first.headers["etag"]
    assert [story["id"] for story in first.json()["stories"]] == ["Story 1.1", "Story 1.2"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = await api.get(f"{RUN}/plan", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    change = ChangeDraft(
        key="k", kind=ChangeKind.AGENTS, target="Story 1.1", names=["Planter"], actor="ada", reason=""
    )
    await database.write(changes.record_changes, "allotment", [change])
    newer = await api.get(f"{RUN}/plan", headers={"If-None-Match": etag})
    assert newer.status_code == 200
    assert newer.headers["etag"] != etag
    assert newer.json()["stories"][0]["agents"] == ["Planter"]


async def test_a_plan_that_changed_meanwhile_is_not_amended(
    api: Calls, record: Record, database: Database
) -> None:
    await record()
    await database.write(declare, "*")
    etag = (await api.get(f"{RUN}/plan")).headers["etag"]
    wish = {"plan": PLAN.replace("Dig the beds", "Dig all beds"), "actor": "ada"}
    same = await api.post(f"{RUN}/amend", json=wish, headers={"If-Match": etag})
    assert same.status_code == 200, same.text
    change = ChangeDraft(
        key="k", kind=ChangeKind.PRIORITY, target="Story 1.1", text="low", actor="bob", reason=""
    )
    await database.write(changes.record_changes, "allotment", [change])
    for apply in (False, True):
        late = await api.post(f"{RUN}/amend", json={**wish, "apply": apply}, headers={"If-Match": etag})
        assert (late.status_code, late.json()["code"]) == (412, "PRECONDITION_FAILED")
        assert late.json()["etag"] == (await api.get(f"{RUN}/plan")).headers["etag"]


async def test_a_question_has_a_version_that_an_answer_may_name(
    api: Calls, record: Record, database: Database
) -> None:
    await record()
    await database.write(questions.open_question, a_question("q1"))
    path = "/api/v1/questions/q1"
    seen = await api.get(path)
    etag = seen.headers["etag"]
    assert (await api.get(path, headers={"If-None-Match": etag})).status_code == 304
    first = Answer(question="q1", decision=Decision.REJECT, text="no", actor="ada")
    await database.write(questions.record_answer, "q1", first)
    assert (await api.get(path, headers={"If-None-Match": etag})).status_code == 200
    mine = {"decision": "approve", "actor": "bob"}
    late = await api.post(f"{path}/answer", json=mine, headers={"If-Match": etag})
    assert (late.status_code, late.json()["code"]) == (412, "PRECONDITION_FAILED")
    weak = await api.post(f"{path}/answer", json=mine, headers={"If-Match": f"W/{late.json()['etag']}"})
    assert weak.status_code == 412
    knowing = await api.post(f"{path}/answer", json=mine, headers={"If-Match": late.json()["etag"]})
    assert (knowing.status_code, knowing.json()["code"]) == (409, "ALREADY_ANSWERED")
    again = {"decision": "reject", "text": "no", "actor": "ada"}
    assert (await api.post(f"{path}/answer", json=again, headers={"If-Match": etag})).status_code == 200


async def test_a_plan_is_checked_and_previewed_without_being_kept(api: Calls) -> None:
    good = await api.post("/api/v1/plans/validate", json={"plan": PLAN, "file": "plan.md"})
    assert (good.status_code, good.json()["valid"], good.json()["stories"]) == (200, True, 2)
    broken = PLAN.replace("- **Dependencies**: Story 1.1", "- **Dependencies**: Story 9.9")
    bad = (await api.post("/api/v1/plans/validate", json={"plan": broken})).json()
    assert bad["valid"] is False
    assert "UNKNOWN_DEPENDENCY" in {finding["code"] for finding in bad["findings"]}
    refused = await api.post("/api/v1/plans/preview", json={"plan": broken})
    assert (refused.status_code, refused.json()["code"]) == (422, "PLAN_INVALID")
    nothing = await api.post("/api/v1/plans/validate", json={"plan": ""})
    assert (nothing.status_code, nothing.json()["code"]) == (422, "PLAN_UNREADABLE")
    shown = (await api.post("/api/v1/plans/preview", json={"plan": PLAN, "rounds": 50})).json()
    assert shown["preview"]["waves"] == [["Story 1.1"], ["Story 1.2"]]
    assert shown["forecast"]["assumptions"]["rounds"] == 50
    again = (await api.post("/api/v1/plans/preview", json={"plan": PLAN, "rounds": 50})).json()
    assert again == shown
    assert (await api.get("/api/v1/projects")).json() == []
