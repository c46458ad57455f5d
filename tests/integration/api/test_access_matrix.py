"""Every role at every endpoint of the real application: allowed or refused, as this table says."""

from __future__ import annotations

import re
from typing import get_type_hints

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from temporalio.client import Client

from activities.context import ActivityContext
from activities.wishes import claim_token
from api.endpoints import ACCESS, Endpoints
from api.main import RESOURCES, routes
from api.permissions import ActingDep
from paceline.domain.access import PEOPLE, Role
from paceline.settings import Settings
from paceline.store import questions
from paceline.store.database import Database
from tests.integration.api.allotment import Calls, Record, a_question
from tests.integration.api.holders import OWN, Door, guarded, opened

EVERYBODY, OPERATORS = "viewer operator product_owner admin", "operator product_owner admin"
OWNERS, ADMINS = "product_owner admin", "admin"
ANYBODY = f"{EVERYBODY} agent nobody"
"""Also those who are not known yet."""
P, A = "/api/v1/projects", "/api/v1/artifacts"

MAY = {
    "GET /health": EVERYBODY,
    "GET /ready": EVERYBODY,
    "GET /metrics": EVERYBODY,
    "GET /ws": EVERYBODY,
    "GET /api/v1/openapi.json": EVERYBODY,
    "POST /api/v1/sprints": OPERATORS,
    "POST /api/v1/plans/validate": OPERATORS,
    "POST /api/v1/plans/preview": OPERATORS,
    f"GET {P}": EVERYBODY,
    f"GET {P}/{{project}}": EVERYBODY,
    f"GET {P}/{{project}}/plan": EVERYBODY,
    f"GET {P}/{{project}}/sprints": EVERYBODY,
    f"GET {P}/{{project}}/sprints/{{sprint}}": EVERYBODY,
    f"GET {P}/{{project}}/epics": EVERYBODY,
    f"GET {P}/{{project}}/epics/{{epic}}": EVERYBODY,
    f"GET {P}/{{project}}/stories": EVERYBODY,
    f"GET {P}/{{project}}/stories/{{story}}/attempts": EVERYBODY,
    f"GET {P}/{{project}}/stories/{{story}}/attempts/{{attempt}}": EVERYBODY,
    f"GET {P}/{{project}}/stories/{{story}}": EVERYBODY,
    f"GET {P}/{{project}}/proofs": EVERYBODY,
    f"GET {P}/{{project}}/claims": EVERYBODY,
    f"GET {P}/{{project}}/claims/decisions": EVERYBODY,
    f"POST {P}/{{project}}/stories/{{story}}/claim": "admin agent",
    f"GET {P}/{{project}}/events": EVERYBODY,
    f"GET {P}/{{project}}/completion": EVERYBODY,
    f"GET {P}/{{project}}/summary": EVERYBODY,
    f"POST {P}/{{project}}/check-completion": OPERATORS,
    f"POST {P}/{{project}}/force-complete": ADMINS,
    f"POST {P}/{{project}}/amend": OWNERS,
    f"POST {P}/{{project}}/cancel": ADMINS,
    f"POST {P}/{{project}}/steer": OPERATORS,
    f"POST {P}/{{project}}/absences": OPERATORS,
    f"POST {P}/{{project}}/rollbacks": OPERATORS,
    f"GET {P}/{{project}}/rollbacks": EVERYBODY,
    f"GET {P}/{{project}}/boundaries": EVERYBODY,
    f"GET {P}/{{project}}/reports": EVERYBODY,
    f"GET {P}/{{project}}/reports/{{kind}}/{{sprint}}/{{number}}": EVERYBODY,
    f"GET {P}/{{project}}/standup": EVERYBODY,
    f"GET {P}/{{project}}/export/{{table}}": EVERYBODY,
    f"GET {P}/{{project}}/metrics": EVERYBODY,
    f"POST {P}/{{project}}/metrics": OWNERS,
    f"GET {P}/{{project}}/retrospective": EVERYBODY,
    f"POST {P}/{{project}}/retrospective": OPERATORS,
    "GET /api/v1/agents/status": EVERYBODY,
    "GET /api/v1/agents/status/{agent}": EVERYBODY,
    "POST /api/v1/agents/status/{agent}/reset": OPERATORS,
    "GET /api/v1/agents/status-history/{agent}": EVERYBODY,
    "GET /api/v1/questions": EVERYBODY,
    "GET /api/v1/questions/{question}": EVERYBODY,
    "POST /api/v1/questions/{question}/answer": OPERATORS,
    "GET /api/v1/notifications": EVERYBODY,
    "POST /api/v1/notifications/{notification}/redeliver": ADMINS,
    "GET /api/v1/webhooks": OWNERS,
    "POST /api/v1/webhooks": OWNERS,
    "GET /api/v1/webhooks/{webhook}": OWNERS,
    "PATCH /api/v1/webhooks/{webhook}": OWNERS,
    "DELETE /api/v1/webhooks/{webhook}": OWNERS,
    "POST /api/v1/webhooks/{webhook}/rotate": OWNERS,
    "POST /api/v1/webhooks/{webhook}/test": OWNERS,
    "GET /api/v1/webhooks/{webhook}/deliveries": OWNERS,
    "POST /api/v1/webhooks/{webhook}/redeliver": OWNERS,
    "POST /api/v1/webhooks/{webhook}/reconcile": OWNERS,
    f"POST {A}/{{project_id}}/generate": OPERATORS,
    f"GET {A}/{{project_id}}/summary": EVERYBODY,
    f"GET {A}/{{project_id}}/download": EVERYBODY,
    f"GET {A}/{{project_id}}": EVERYBODY,
    f"GET {A}/{{project_id}}/files/{{artifact}}": OPERATORS,
    f"DELETE {A}/{{project_id}}/artifacts": ADMINS,
    f"POST {A}/cleanup-old": ADMINS,
    "GET /api/v1/tokens": ADMINS,
    "POST /api/v1/tokens": ADMINS,
    "POST /api/v1/tokens/{token}/rotate": ADMINS,
    "DELETE /api/v1/tokens/{token}": ADMINS,
    "GET /api/v1/audit": ADMINS,
    "GET /api/v1/audit/check": ADMINS,
    "GET /api/v1/events/stream": EVERYBODY,
    "GET /api/v1/sessions": ADMINS,
    "DELETE /api/v1/sessions": ADMINS,
    "DELETE /api/v1/sessions/{session}": ADMINS,
    "POST /api/v1/session": ANYBODY,
    "GET /api/v1/session/oidc/start": ANYBODY,
    "GET /api/v1/session/oidc/callback": ANYBODY,
    "GET /api/v1/session": EVERYBODY,
    "DELETE /api/v1/session": EVERYBODY,
}
"""Written down by hand beside the code's own table."""
ASKED = sorted((each for each in MAY if each != "GET /ws"), key="DELETE /api/v1/session".__eq__)
"""The last one ends the session of who asks."""
QUERIES = {"GET /api/v1/events/stream": {"project_id": "nothing"}}
"""What keeps an answer from lasting."""
VALUES = {"story": "Story 1.1", "kind": "standup", "number": "1", "attempt": "1", "table": "stories"}


def path_of(template: str) -> str:
    """A path of things that are not there, so that nothing comes of what is allowed."""
    return re.sub(r"\{(\w+)\}", lambda found: VALUES.get(found[1], "nothing"), template)


async def outcomes(calls: Calls) -> dict[str, tuple[int, str]]:
    """Status and code of every endpoint."""
    found: dict[str, tuple[int, str]] = {}
    for each in ASKED:
        method, template = each.split(" ")
        body: dict[str, str] | None = {} if method == "POST" else None
        reply = await calls.request(method, path_of(template), json=body, params=QUERIES.get(each))
        is_problem = reply.headers["content-type"] == "application/problem+json"
        found[each] = (reply.status_code, reply.json()["code"] if is_problem else "")
    return found


def test_every_endpoint_has_an_entry_and_every_entry_an_endpoint() -> None:
    real = {f"{method} {template}" for method, template in Endpoints(routes()).known if method != "HEAD"}
    assert real == {f"{method} {template}" for method, template in ACCESS} == set(MAY)


def test_what_the_application_answers_to_is_in_the_table(app: FastAPI) -> None:
    told = app.openapi()["paths"]
    served = {(method.upper(), path) for path, operations in told.items() for method in operations}
    beside = {("GET", "/ws"), ("GET", "/api/v1/openapi.json")}
    assert served | beside == ACCESS.keys()


def test_no_route_takes_an_actor_from_a_body_without_knowing_who_asks() -> None:
    naming: set[str] = set()
    for module in RESOURCES:
        for route in module.router.routes:
            if not isinstance(route, APIRoute):
                continue
            hints = get_type_hints(route.endpoint, include_extras=True)
            takes = {name for name in hints if name != "return"}
            bodies = [hints[name] for name in takes if hasattr(hints[name], "model_fields")]
            if any({"actor", "asked_by"} & set(body.model_fields) for body in bodies):
                naming.add(route.operation_id or "")
                assert ActingDep in hints.values(), route.path
    assert {"steer", "answer_question", "force_complete", "start_rollback", "create_token"} <= naming


@pytest.mark.parametrize("way", ["token", "session"])
@pytest.mark.parametrize("role", PEOPLE)
async def test_each_role_at_each_endpoint(
    role: Role, way: str, database: Database, no_temporal: Client, settings: Settings
) -> None:
    async with opened(database, no_temporal, guarded(settings)) as door:
        calls = await door.holder(role)
        found = await outcomes(calls if way == "token" else await door.browser(f"the {role.value}"))
    refused = {each for each, outcome in found.items() if outcome == (403, "FORBIDDEN")}
    assert refused == {each for each in ASKED if role.value not in MAY[each].split()}
    others = {each: outcome for each, outcome in found.items() if each not in refused}
    assert {each: outcome for each, outcome in others.items() if outcome[0] in (401, 403, 429, 500)} == {}


@pytest.mark.parametrize("token", [None, "wrong", "pct_0123456789ab_" + "x" * 43])
async def test_without_a_good_token_nothing_is_open(
    token: str | None,
    database: Database,
    no_temporal: Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.guard.FAILURES_AT_ONCE", 1000)
    async with opened(database, no_temporal, guarded(settings)) as door:
        found = await outcomes(await door.client(token))
    claim = f"POST {P}/{{project}}/stories/{{story}}/claim"
    # Whether this one is some agent's own token can only be said where its attempt is known.
    assert found.pop(claim)[0] in ((401,) if token is None else (401, 404, 422))
    known = {each: outcome for each, outcome in found.items() if "nobody" not in MAY[each]}
    assert set(known.values()) == {(401, "UNAUTHORIZED")}
    assert found.keys() - known.keys() == {each for each in MAY if MAY[each] == ANYBODY}


async def test_an_agents_token_opens_its_own_claim_only(
    database: Database,
    no_temporal: Client,
    settings: Settings,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.guard.FAILURES_AT_ONCE", 1000)
    await record()
    needed = guarded(settings)
    run = await ActivityContext(database, needed, no_temporal).newest("allotment")
    own = claim_token(needed, run.workflow_id(run.story("Story 1.1")), 1, 7)
    async with opened(database, no_temporal, needed) as door:
        agent = await door.client(own)
        found = await outcomes(agent)
        wish = {"paths": ["a.txt"], "attempt": 1, "fence": 7}
        stories = f"{P}/allotment/stories"
        mine = await agent.post(f"{stories}/Story 1.1/claim", json=wish)
        others = [
            await agent.post(f"{stories}/Story 1.2/claim", json=wish),
            await agent.post(f"{stories}/Story 1.1/claim", json=wish | {"fence": 8}),
            await agent.post(f"{stories}/Story 1.1/claim", json=wish | {"attempt": 2}),
        ]
    assert {each for each, outcome in found.items() if outcome[0] != 401} == {
        each for each, roles in MAY.items() if "agent" in roles.split()
    }
    # It is let in, and told that no attempt of the story works under that fence.
    assert (mine.status_code, mine.json()["code"]) == (409, "STALE_FENCE")
    assert [reply.status_code for reply in others] == [401, 401, 401]


async def test_every_endpoint_of_a_project_is_closed_to_tokens_of_another(door: Door, record: Record) -> None:
    await record("allotment")
    theirs = await door.holder(Role.ADMIN, "theirs", ["peas"])
    found: dict[str, tuple[int, str]] = {}
    for each in ASKED:
        method, template = each.split(" ")
        if "{project}" in template or "{project_id}" in template:
            path = path_of(re.sub(r"\{project(_id)?\}", "allotment", template))
            reply = await theirs.request(method, path, json={} if method == "POST" else None)
            found[each] = (reply.status_code, reply.json()["detail"])
    assert len(found) > 25
    said = "There is no run allotment; `paceline status` lists the runs."
    assert set(found.values()) == {(404, said)}


async def test_no_list_of_all_projects_tells_a_token_of_another(
    door: Door, record: Record, database: Database
) -> None:
    await record("allotment")
    await database.write(questions.open_question, a_question("q1"))
    everybodys = await door.holder(Role.VIEWER, "all")
    theirs = await door.holder(Role.VIEWER, "theirs", ["peas"])
    lists = [
        each.split(" ")[1]
        for each in ASKED
        if each.startswith("GET /api/v1/") and "{" not in each and "viewer" in MAY[each].split()
    ]
    asked = [each for each in lists if "openapi" not in each and "stream" not in each and "oidc" not in each]
    told = {path: "allotment" in (await everybodys.get(path)).text for path in asked}
    assert {path for path, tells in told.items() if tells} >= {
        P,
        "/api/v1/agents/status",
        "/api/v1/questions",
    }
    found = {path: (await theirs.get(path)).text for path in asked}
    found |= {
        f"{path}?project=allotment": (await theirs.get(f"{path}?project=allotment")).text for path in asked
    }
    assert {
        path for path, text in found.items() if "allotment" in text.replace("?project=allotment", "")
    } == set()


async def test_a_refusal_says_which_role_is_needed(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    async with opened(database, no_temporal, guarded(settings)) as door:
        reply = await (await door.holder(Role.OPERATOR)).post(f"{P}/x/force-complete", json={})
    problem = reply.json()
    assert reply.headers["content-type"] == "application/problem+json"
    assert (reply.status_code, problem["code"]) == (403, "FORBIDDEN")
    assert (problem["role"], problem["needed"]) == ("operator", "admin")
    assert "needs the role admin" in problem["detail"]


async def test_the_apis_own_token_and_this_machine_are_admins(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    async def opens(door: Door, token: str | None) -> int:
        base = "http://127.0.0.1:8420" if token is None else "http://paceline.example"
        calls = await door.client(token)
        return (await calls.get(f"{base}/api/v1/tokens")).status_code

    async with opened(database, no_temporal, guarded(settings)) as door:
        assert await opens(door, OWN) == 200
        assert await opens(door, None) == 401
    async with opened(database, no_temporal, settings) as door:
        assert await opens(door, None) == 200
