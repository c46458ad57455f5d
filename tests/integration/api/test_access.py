"""Tokens in use: their projects, their names, and what needs more than the endpoint."""

from __future__ import annotations

import pytest

from paceline.domain.access import Role
from paceline.domain.questions import QuestionKind
from paceline.store import questions
from paceline.store.database import Database
from tests.integration.api.allotment import Record, a_question
from tests.integration.api.holders import OWN, Door, log_of

P = "/api/v1/projects"


# Projects ---


async def test_a_token_of_one_project_sees_no_other(door: Door, record: Record, database: Database) -> None:
    await record("allotment")
    await record("peas")
    await database.write(questions.open_question, a_question("q1"))
    ours = await door.holder(Role.ADMIN, "ours", ["allotment"])
    theirs = await door.holder(Role.ADMIN, "theirs", ["peas"])
    everybodys = await door.holder(Role.VIEWER, "all")

    async def ids(path: str, field: str) -> list[set[str]]:
        replies = [await calls.get(f"/api/v1/{path}") for calls in (ours, theirs, everybodys)]
        assert [reply.status_code for reply in replies] == [200, 200, 200]
        return [{each[field] for each in reply.json()} for reply in replies]

    both = {"allotment", "peas"}
    assert await ids("projects", "id") == [{"allotment"}, {"peas"}, both]
    assert await ids("agents/status", "project") == [{"allotment"}, {"peas"}, both]
    assert await ids("agents/status?project=allotment", "project") == [{"allotment"}, set(), {"allotment"}]
    assert await ids("questions", "project") == [{"allotment"}, set(), {"allotment"}]
    history = [await calls.get("/api/v1/agents/status-history/Digger") for calls in (ours, theirs)]
    assert [{each["project"] for each in reply.json()} for reply in history] == [{"allotment"}, {"peas"}]


async def test_another_project_is_refused_as_one_that_is_not_there(
    door: Door, record: Record, database: Database
) -> None:
    await record("allotment")
    await database.write(questions.open_question, a_question("q1"))
    theirs = await door.holder(Role.PRODUCT_OWNER, "theirs", ["peas"])
    for path in ("", "/stories", "/events", "/standup"):
        there, not_there = [await theirs.get(f"{P}/{name}{path}") for name in ("allotment", "nothing")]
        assert there.status_code == not_there.status_code == 404
        said = there.json()["detail"].replace("allotment", "nothing")
        assert said == not_there.json()["detail"]
    answer = {"decision": "approve"}
    for method, path, body in (
        ("POST", f"{P}/allotment/steer", {"action": "pause"}),
        ("GET", "/api/v1/artifacts/allotment/summary", None),
        ("GET", "/api/v1/questions/q1", None),
        ("POST", "/api/v1/questions/q1/answer", answer),
    ):
        reply = await theirs.request(method, path, json=body)
        assert (reply.status_code, reply.json()["code"]) == (404, "NOT_FOUND"), path
    assert (await database.read(questions.get_question, "q1")).answer is None


async def test_all_runs_of_a_project_are_its(door: Door, record: Record) -> None:
    await record("allotment")
    await record("allotment-run-2")
    ours = await door.holder(Role.VIEWER, "ours", ["allotment"])
    assert {each["id"] for each in (await ours.get(P)).json()} >= {"allotment"}
    assert (await ours.get(f"{P}/allotment")).status_code == 200


async def test_a_limited_token_starts_runs_of_its_project_only(door: Door) -> None:
    from tests.integration.api.allotment import PLAN, SIMULATED

    ours = await door.holder(Role.OPERATOR, "ours", ["allotment"])
    body = {"plan": PLAN, "options": SIMULATED, "project": "Peas"}
    refused = await ours.post("/api/v1/sprints", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    assert (await ours.get(P)).json() == []


async def test_tokens_and_the_audit_log_are_for_admins_of_all_projects(door: Door) -> None:
    limited = await door.holder(Role.ADMIN, "limited", ["allotment"])
    for method, path in (("GET", "tokens"), ("POST", "tokens"), ("GET", "audit")):
        reply = await limited.request(method, f"/api/v1/{path}", json={} if method == "POST" else None)
        assert (reply.status_code, reply.json()["code"]) == (403, "FORBIDDEN")
        assert "not limited to projects" in reply.json()["detail"]


# What an answer and an action need ---


@pytest.mark.parametrize(
    ("role", "kind", "allowed"),
    [
        (Role.OPERATOR, QuestionKind.ANSWER_AGENT, True),
        (Role.OPERATOR, QuestionKind.APPROVE_MERGE, False),
        (Role.OPERATOR, QuestionKind.CUT_SCOPE, False),
        (Role.PRODUCT_OWNER, QuestionKind.APPROVE_MERGE, True),
        (Role.PRODUCT_OWNER, QuestionKind.CONFIRM_DONE, True),
    ],
)
async def test_scope_and_approval_are_a_product_owners(
    door: Door, record: Record, database: Database, role: Role, kind: QuestionKind, allowed: bool
) -> None:
    await record()
    await database.write(questions.open_question, a_question("q1").model_copy(update={"kind": kind}))
    reply = await (await door.holder(role)).post(
        "/api/v1/questions/q1/answer", json={"decision": "amend", "text": ""}
    )
    # An amendment without a text is refused too, after the role.
    assert (reply.status_code, reply.json()["code"]) == (403, "REFUSED" if allowed else "FORBIDDEN")


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"action": "force_complete", "story": "1.1", "reason": "late"}, True),
        ({"action": "force_complete", "reason": "late"}, True),
        ({"action": "cancel"}, True),
        ({"action": "cancel", "story": "9.9"}, False),
        ({"action": "skip", "sprint": "none", "reason": "late"}, False),
    ],
)
async def test_operators_steer_but_do_not_end_a_run(
    door: Door, record: Record, body: dict[str, str], refused: bool
) -> None:
    await record()
    reply = await (await door.holder(Role.OPERATOR)).post(f"{P}/allotment/steer", json=body)
    assert (reply.status_code, reply.json()["code"]) == (
        (403, "FORBIDDEN") if refused else (404, "NOT_FOUND")
    )


async def test_a_rollback_that_nobody_is_asked_about_is_a_product_owners(door: Door, record: Record) -> None:
    await record()
    body = {"to": "start", "confirmed_by": "ada"}
    codes = [
        (await (await door.holder(role)).post(f"{P}/allotment/rollbacks", json=body)).json()["code"]
        for role in (Role.OPERATOR, Role.PRODUCT_OWNER)
    ]
    # The run has no repository, which is said to who may ask.
    assert codes == ["FORBIDDEN", "CONFIGURATION"]


# Names ---


@pytest.mark.parametrize(
    ("said", "actor"),
    [
        (None, "ada"),
        ("ada", "ada"),
        ("unknown", "ada"),
        ("bob", "ada (for bob)"),
        ("b" * 200, f"ada (for {'b' * 190})"),
    ],
)
async def test_a_tokens_name_is_the_actor(
    door: Door, record: Record, database: Database, said: str | None, actor: str
) -> None:
    await record()
    ada = await door.holder(Role.OPERATOR, "ada")
    body = {"text": "Fewer beans"} | ({"actor": said} if said else {})
    entry = await ada.post(f"{P}/allotment/retrospective", json=body)
    assert (entry.status_code, entry.json()["actor"]) == (201, actor)
    assert (await log_of(database))[-1].actor == actor


async def test_without_a_named_token_the_request_says_who_acts(
    door: Door, record: Record, database: Database
) -> None:
    await record()
    calls = await door.client(OWN)
    entry = await calls.post(f"{P}/allotment/retrospective", json={"text": "Fewer beans", "actor": "bob"})
    assert entry.json()["actor"] == "bob"
    (written,) = await log_of(database)
    assert (written.actor, written.role, written.token) == ("bob", "admin", "")
