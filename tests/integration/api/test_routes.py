"""Reading routes on a real database, and what every refusal looks like."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from temporalio.client import Client

from api.main import create_app
from paceline.domain.questions import Answer, Decision
from paceline.domain.states import AgentState, RunState, StoryState
from paceline.errors import ConfigurationError
from paceline.settings import Settings
from paceline.store import migrate, questions, runs, status
from paceline.store.database import Database
from tests.integration.api.allotment import Calls, Record, a_question, calling


async def test_health_needs_nothing_and_ready_names_what_is_missing(api: Calls, settings: Settings) -> None:
    health = await api.get("/health")
    assert health.json()["status"] == "ok"
    ready = await api.get("/ready")
    assert ready.status_code == 503
    assert ready.json()["database"] == "ok"
    assert ready.json()["migrations"] == "ok"
    assert "does not answer" in ready.json()["temporal"]


async def test_ready_sees_an_old_schema(api: Calls, settings: Settings) -> None:
    migrate.downgrade(settings.resolved_database_url, "base")
    assert "paceline migrate" in (await api.get("/ready")).json()["migrations"]


async def test_projects_stories_and_completion(api: Calls, record: Record, database: Database) -> None:
    await record()
    await database.write(
        status.set_story, "allotment", "Story 1.1", state=StoryState.MERGED, merge_commit="c0ffee"
    )
    listed = (await api.get("/api/v1/projects")).json()
    found = (await api.get("/api/v1/projects/allotment")).json()
    stories = (await api.get("/api/v1/projects/allotment/stories")).json()
    story = (await api.get("/api/v1/projects/allotment/stories/Story%201.1")).json()
    completion = (await api.get("/api/v1/projects/allotment/completion")).json()
    assert [run["id"] for run in listed] == ["allotment"]
    assert found["percent"] == completion["percent"] == 50.0
    assert [entry["id"] for entry in stories] == ["Story 1.1", "Story 1.2"]
    assert story["merge_commit"] == "c0ffee"
    assert completion["complete"] is False
    assert list(completion["epics"].values()) == [{"succeeded": 1, "ended": 1, "total": 2}]


async def test_projects_are_filtered_by_state(api: Calls, record: Record, database: Database) -> None:
    await record("one")
    await record("two")
    await database.write(runs.end_run, "one", RunState.COMPLETED)
    running = (await api.get("/api/v1/projects", params={"state": "running"})).json()
    assert [run["id"] for run in running] == ["two"]


async def test_events_are_paged(api: Calls, record: Record) -> None:
    recorded = await record()
    await recorded.happen(*(f"e{number}" for number in range(5)))
    page = (await api.get("/api/v1/projects/allotment/events", params={"after": 1, "limit": 2})).json()
    assert [event["number"] for event in page] == [2, 3]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/projects/nothing",
        "/api/v1/projects/nothing/stories",
        "/api/v1/projects/nothing/events",
        "/api/v1/projects/nothing/completion",
        "/api/v1/projects/allotment/stories/9.9",
        "/api/v1/agents/status/nobody",
        "/api/v1/agents/status-history/nobody",
        "/api/v1/questions/nothing",
        "/api/v1/artifacts/nothing/summary",
        "/api/v1/artifacts/allotment/download",
    ],
)
async def test_what_does_not_exist_is_a_404_problem(api: Calls, record: Record, path: str) -> None:
    await record()
    reply = await api.get(path)
    assert reply.status_code == 404
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["code"] == "NOT_FOUND"
    assert reply.json()["request_id"] == reply.headers["x-request-id"]


async def test_agents_have_a_status_and_a_history(api: Calls, record: Record, database: Database) -> None:
    await record("one")
    await record("two")
    await database.write(status.set_agent, "two", "Digger", AgentState.WORKING, story="Story 1.1")
    everyone = (await api.get("/api/v1/agents/status")).json()
    of_one = (await api.get("/api/v1/agents/status", params={"project": "one"})).json()
    latest = (await api.get("/api/v1/agents/status/Digger")).json()
    history = (await api.get("/api/v1/agents/status-history/Digger", params={"project": "two"})).json()
    assert len(everyone) == 4
    assert {row["project"] for row in of_one} == {"one"}
    assert (latest["project"], latest["state"], latest["story"]) == ("two", "WORKING", "Story 1.1")
    assert [row["state"] for row in history] == ["WORKING", "IDLE"]


async def test_a_left_over_state_is_reset_and_one_with_a_story_is_not(
    api: Calls, record: Record, database: Database
) -> None:
    await record("one")
    path = "/api/v1/agents/status/Digger/reset"
    await database.write(status.set_story, "one", "Story 1.1", state=StoryState.WORKING)
    await database.write(status.set_agent, "one", "Digger", AgentState.ERROR, story="Story 1.1")
    refused = await api.post(path, json={"actor": "ada"})
    assert refused.status_code == 409
    assert "Digger has Story 1.1 of one, which is working" in refused.json()["detail"]
    assert (await api.get("/api/v1/agents/status/Digger")).json()["state"] == "ERROR"
    await database.write(status.set_story, "one", "Story 1.1", state=StoryState.FAILED)
    for _ in range(2):
        reset = await api.post(path, json={"actor": "ada", "reason": "repaired"})
        assert (reset.status_code, reset.json()["state"], reset.json()["story"]) == (200, "IDLE", None)
    told = [
        each
        for each in (await api.get("/api/v1/projects/one/events")).json()
        if each["type"] == "AGENT_STATUS_CHANGE"
    ]
    assert [(each["actor"], each["data"]["was"], each["data"]["reason"]) for each in told] == [
        ("ada", "ERROR", "repaired")
    ]
    assert (await api.post("/api/v1/agents/status/Nobody/reset", json={})).status_code == 404


async def test_questions_are_open_unless_asked_otherwise(
    api: Calls, record: Record, database: Database
) -> None:
    await record()
    await database.write(questions.open_question, a_question("q1"))
    await database.write(questions.open_question, a_question("q2"))
    given = Answer(question="q2", decision=Decision.APPROVE, actor="ada")
    await database.write(questions.record_answer, "q2", given)
    open_ones = (await api.get("/api/v1/questions", params={"project": "allotment"})).json()
    everything = (await api.get("/api/v1/questions", params={"state": "any"})).json()
    assert [question["id"] for question in open_ones] == ["q1"]
    assert {question["id"] for question in everything} == {"q1", "q2"}
    assert (await api.get("/api/v1/questions/q2")).json()["answer"]["actor"] == "ada"


async def test_a_second_answer_is_told_who_was_first(api: Calls, record: Record, database: Database) -> None:
    await record()
    await database.write(questions.open_question, a_question("q1"))
    first = Answer(question="q1", decision=Decision.REJECT, text="no", actor="ada")
    await database.write(questions.record_answer, "q1", first)
    late = await api.post("/api/v1/questions/q1/answer", json={"decision": "approve", "actor": "bob"})
    same = await api.post(
        "/api/v1/questions/q1/answer", json={"decision": "reject", "text": "no", "actor": "ada"}
    )
    assert late.status_code == 409
    assert late.json()["code"] == "ALREADY_ANSWERED"
    assert "ada" in late.json()["detail"]
    assert same.status_code == 200


async def test_an_answer_to_a_withdrawn_question_is_a_conflict(
    api: Calls, record: Record, database: Database
) -> None:
    await record()
    question = await database.write(questions.open_question, a_question("q1"))
    await database.write(questions.withdraw_questions, question.workflow_id)
    reply = await api.post("/api/v1/questions/q1/answer", json={"decision": "approve", "actor": "bob"})
    assert reply.status_code == 409
    assert "withdrawn" in reply.json()["detail"]


async def test_validation_names_the_field_and_echoes_nothing(api: Calls) -> None:
    reply = await api.post("/api/v1/questions/q1/answer", json={"decision": "maybe", "secret": "hunter2"})
    body = reply.json()
    assert reply.status_code == 422
    assert body["code"] == "REQUEST_INVALID"
    assert {tuple(entry["location"]) for entry in body["errors"]} == {
        ("body", "decision"),
        ("body", "secret"),
    }
    assert "hunter2" not in reply.text


async def test_unknown_paths_and_methods_are_problems_too(api: Calls) -> None:
    wrong = (
        (await api.get("/nowhere"), 404, "openapi.json"),
        (await api.put("/api/v1/projects"), 405, "GET"),
    )
    for reply, status_code, remedy in wrong:
        assert reply.status_code == status_code
        assert remedy in reply.json()["detail"]
        assert reply.headers["content-type"] == "application/problem+json"


async def test_an_unexpected_error_says_nothing_of_the_inside(app: FastAPI) -> None:
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    app.add_api_route("/broken", broken)
    async with calling(app) as calls:
        reply = await calls.get("/broken")
    assert reply.status_code == 500
    assert reply.json()["code"] == "INTERNAL"
    assert reply.json()["request_id"]
    assert "hunter2" not in reply.text
    assert "Traceback" not in reply.text


async def test_cancelling_an_ended_run_is_a_conflict(api: Calls, record: Record, database: Database) -> None:
    await record()
    await database.write(runs.end_run, "allotment", RunState.COMPLETED)
    reply = await api.post("/api/v1/projects/allotment/cancel")
    assert reply.status_code == 409


async def test_without_temporal_an_action_is_a_503(api: Calls, record: Record) -> None:
    await record()
    reply = await api.post("/api/v1/projects/allotment/cancel")
    assert reply.status_code == 503
    assert reply.json()["code"] == "SERVER_UNAVAILABLE"


async def test_a_foreign_page_may_not_start_anything(api: Calls) -> None:
    reply = await api.post("/api/v1/sprints", json={"plan": "x"}, headers={"Origin": "http://evil.example"})
    assert reply.status_code == 403


async def test_operation_ids_are_named_and_unique(api: Calls) -> None:
    paths = (await api.get("/api/v1/openapi.json")).json()["paths"]
    ids = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(ids) == len(set(ids)) >= 19
    assert all("__" not in name and "_api_v1" not in name for name in ids)


def test_beyond_loopback_the_api_refuses_to_be_made_without_a_token(
    database: Database, no_temporal: Client, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, api_host="0.0.0.0", api_token=None)  # noqa: S104 - the refused address
    with pytest.raises(ConfigurationError, match="PACELINE_API_TOKEN"):
        create_app(database, no_temporal, settings)
