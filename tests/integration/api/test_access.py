"""Tokens in use: their projects, their names, their end, their rate, and what is written down."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from temporalio.client import Client
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api import callers
from api.main import create_app
from paceline.domain.access import Role
from paceline.domain.audit import AuditEntry
from paceline.domain.questions import QuestionKind
from paceline.errors import ConfigurationError
from paceline.settings import Settings
from paceline.store import audit, questions, tokens
from paceline.store.database import Database
from tests.integration.api.allotment import Record, a_question, calling
from tests.integration.api.holders import OWN, Door, guarded, opened
from workers.api_server import bind, serving, url_of

P = "/api/v1/projects"


@pytest.fixture
async def door(database: Database, no_temporal: Client, settings: Settings) -> AsyncGenerator[Door]:
    """An application that needs a token."""
    async with opened(database, no_temporal, guarded(settings)) as found:
        yield found


async def log_of(database: Database) -> list[AuditEntry]:
    """The audit log, which holds together."""
    assert (await database.read(audit.verify_audit)).breaks == []
    return await database.read(audit.audit_after)


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


# The audit log ---


async def test_every_change_and_every_refused_one_is_written_down(
    door: Door, record: Record, database: Database
) -> None:
    await record()
    viewer, operator = await door.holder(Role.VIEWER, "vera"), await door.holder(Role.OPERATOR, "otto")
    content = json.dumps({"text": "Fewer beans", "actor": "otto"}).encode()
    path, kind = f"{P}/allotment/retrospective", {"Content-Type": "application/json"}
    replies = [
        await operator.post(path, content=content, headers=kind),
        await operator.post(path, content=b"{", headers=kind),
        await operator.post(f"{P}/allotment/cancel"),
        await viewer.post(path, content=content, headers=kind),
        await (await door.client("pct_wrong")).post(path, content=content, headers=kind),
        await operator.post("/api/v1/nothing/of/the/kind"),
        await operator.post(path, content=content, headers={**kind, "Origin": "http://evil.example"}),
    ]
    await viewer.get(f"{P}/allotment")
    found = await log_of(database)
    told = [(each.actor, each.role, each.path, each.status, each.code) for each in found]
    template = f"{P}/{{project}}/retrospective"
    assert told == [
        ("otto", "operator", template, 201, ""),
        ("otto", "operator", template, 422, "REQUEST_INVALID"),
        ("otto", "operator", f"{P}/{{project}}/cancel", 403, "FORBIDDEN"),
        ("vera", "viewer", template, 403, "FORBIDDEN"),
        ("unknown", "", template, 401, "UNAUTHORIZED"),
        ("otto", "operator", "unknown", 404, "HTTP_404"),
        ("unknown", "", template, 403, "REFUSED"),
    ]
    assert [each.request for each in found] == [reply.headers["x-request-id"] for reply in replies]
    assert {each.project for each in found} == {"allotment", ""}
    assert found[0].body == hashlib.sha256(content).hexdigest()
    # What is refused by its caller is not even read.
    assert found[3].body == hashlib.sha256(b"").hexdigest()


async def test_what_cannot_be_written_down_is_not_reported_as_done(
    door: Door, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    from paceline.errors import ServerUnavailable

    await record()
    operator = await door.holder(Role.OPERATOR)

    def fail(*_arguments: object) -> None:
        raise ServerUnavailable("The database does not answer.")

    monkeypatch.setattr("api.auditing.audit.append_audit", fail)
    reply = await operator.post(f"{P}/allotment/retrospective", json={"text": "Fewer beans"})
    assert (reply.status_code, reply.json()["code"]) == (503, "SERVER_UNAVAILABLE")


async def test_concurrent_requests_keep_one_chain(door: Door, record: Record, database: Database) -> None:
    await record()
    otto = await door.holder(Role.OPERATOR, "otto")
    path = f"{P}/allotment/retrospective"
    replies = await asyncio.gather(*(otto.post(path, json={"text": f"idea {n}"}) for n in range(60)))
    assert {reply.status_code for reply in replies} == {201}
    assert len(await log_of(database)) == 60


async def test_no_secret_is_in_the_log_or_in_the_list(door: Door, database: Database) -> None:
    admin = await door.client(OWN)
    made = await admin.post("/api/v1/tokens", json={"name": "ada", "role": "viewer", "actor": "kim"})
    secret = made.json()["secret"]
    rotated = await admin.post("/api/v1/tokens/ada/rotate", json={"grace": 5})
    listed = await admin.get("/api/v1/tokens")
    log = (await admin.get("/api/v1/audit")).text
    for text in (listed.text, log, *(each.model_dump_json() for each in await log_of(database))):
        assert secret not in text
        assert rotated.json()["secret"] not in text
    assert made.json()["token"]["made_by"] == "kim"
    assert (await admin.get("/api/v1/audit/check")).json()["breaks"] == []


# The end of a token ---


async def test_a_token_that_an_admin_revokes_is_refused_at_once(door: Door) -> None:
    ada, admin = await door.holder(Role.VIEWER, "ada"), await door.client(OWN)
    assert (await ada.get(P)).status_code == 200
    assert (await admin.delete("/api/v1/tokens/ada")).status_code == 200
    assert (await ada.get(P)).status_code == 401


async def test_a_token_that_another_process_revokes_is_refused_when_its_word_is_old(
    door: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await door.holder(Role.VIEWER, "ada")
    assert (await ada.get(P)).status_code == 200
    other = Database(database.url)
    other.write_now(tokens.revoke_token, "ada")
    other.close()
    monkeypatch.setattr(callers, "BELIEVED_SECONDS", 0.0)
    assert (await ada.get(P)).status_code == 401
    assert 0 < callers.BELIEVED_SECONDS + 2.0 <= 5


async def test_what_a_token_may_is_not_asked_at_every_request(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await door.holder(Role.VIEWER, "ada")
    monkeypatch.setattr(callers, "BELIEVED_SECONDS", 3600.0)
    assert (await ada.get(P)).status_code == 200
    asked: list[str] = []

    def find(_session: object, given: str) -> None:
        asked.append(given)

    monkeypatch.setattr(tokens, "find_token", find)
    assert (await ada.get(P)).status_code == 200
    assert asked == []


async def test_an_old_secret_is_good_until_its_grace_is_over(door: Door) -> None:
    ada, admin = await door.holder(Role.VIEWER, "ada"), await door.client(OWN)
    made = await admin.post("/api/v1/tokens/ada/rotate", json={"grace": 60})
    assert (await ada.get(P)).status_code == 200
    again = await admin.post("/api/v1/tokens/ada/rotate", json={"grace": 0})
    new = await door.client(again.json()["secret"])
    between = await door.client(made.json()["secret"])
    assert [(await calls.get(P)).status_code for calls in (ada, between, new)] == [401, 401, 200]


async def test_the_last_use_is_written_down(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    async with opened(database, no_temporal, guarded(settings)) as door:
        await (await door.holder(Role.VIEWER, "ada")).get(P)
    (ada,) = await database.read(tokens.list_tokens)
    assert ada.last_used_at is not None


# How often ---


async def test_a_token_that_asks_too_often_is_told_when_to_go_on(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    slow = guarded(settings, rate_per_second=0.01, rate_burst=3)
    async with opened(database, no_temporal, slow) as door:
        ada, bob = await door.holder(Role.OPERATOR, "ada"), await door.holder(Role.VIEWER, "bob")
        replies = [await ada.post(f"{P}/nothing/cancel") for _ in range(5)]
        assert [reply.status_code for reply in replies] == [403, 403, 403, 429, 429]
        assert replies[3].json()["code"] == "RATE_LIMITED"
        assert int(replies[3].headers["Retry-After"]) == replies[3].json()["retry_after"] > 1
        assert (await bob.get(P)).status_code == 200
    # Whoever asks too often does not fill the log.
    assert len(await log_of(database)) == 3


async def test_guessing_tokens_ends_in_429_and_keeps_nobody_else_out(
    door: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.guard.FAILURES_AT_ONCE", 2)
    ada, guess = await door.holder(Role.VIEWER, "ada"), await door.client("guess")
    statuses = [(await guess.post(f"{P}/nothing/cancel")).status_code for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    assert (await ada.get(P)).status_code == 200
    assert len(await log_of(database)) == 2


async def test_this_machine_is_not_limited_where_it_needs_no_token(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    slow = settings.model_copy(update={"rate_per_second": 0.01, "rate_burst": 1})
    async with calling(create_app(database, no_temporal, slow)) as calls:
        assert {(await calls.get(P)).status_code for _ in range(5)} == {200}


# Loopback ---


async def test_loopback_can_be_made_to_need_a_token(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    closed = settings.model_copy(update={"open_loopback": False})
    with pytest.raises(ConfigurationError, match="PACELINE_API_TOKEN"):
        create_app(database, no_temporal, closed)
    both = guarded(closed, api_host="127.0.0.1")
    async with calling(create_app(database, no_temporal, both)) as calls:
        assert (await calls.get(P)).status_code == 401


async def test_on_open_loopback_a_token_brings_its_own_role(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    made = await database.write(tokens.create_token, "ada", Role.VIEWER, "kim")
    good = {"Authorization": f"Bearer {made.secret}"}
    async with calling(create_app(database, no_temporal, settings)) as calls:
        assert (await calls.post(f"{P}/x/cancel", headers=good)).status_code == 403
        assert (await calls.get(P, headers={"Authorization": f"Bearer {made.secret}x"})).status_code == 401
        assert (await calls.get(P)).status_code == 200


# WebSockets ---


@asynccontextmanager
async def listening(database: Database, client: Client, settings: Settings) -> AsyncGenerator[str]:
    """A server that needs a token; yields the address of its socket."""
    needed = guarded(settings, api_host="127.0.0.1")
    with bind(needed) as listener:
        async with serving(listener, database, client, needed):
            yield url_of(listener).replace("http://", "ws://") + "/ws"


async def close_code(address: str, secret: str) -> int | None:
    """The code with which the server ends a connection at once; None where it sends an event."""
    async with asyncio.timeout(20), connect(address, additional_headers=bearer(secret)) as connection:
        try:
            await connection.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0
    return None


def bearer(secret: str) -> dict[str, str]:
    """The header."""
    return {"Authorization": f"Bearer {secret}"}


async def test_a_socket_hears_of_its_tokens_projects_only(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    for name in ("allotment", "peas"):
        await (await record(name)).happen("first")
    made = await database.write(tokens.create_token, "ada", Role.VIEWER, "kim", ["allotment"])
    async with listening(database, no_temporal, settings) as address:
        codes = [
            await close_code(f"{address}{query}", made.secret)
            for query in ("?project_id=allotment", "?project_id=peas", "?project_id=nothing", "")
        ]
        assert codes == [None, 4404, 4404, 4403]
        with pytest.raises(InvalidStatus):
            await close_code(address, "pct_wrong")


async def test_a_socket_ends_when_its_token_does(
    database: Database,
    no_temporal: Client,
    settings: Settings,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callers, "BELIEVED_SECONDS", 0.0)
    run = await record()
    await run.happen("first")
    made = await database.write(tokens.create_token, "ada", Role.VIEWER, "kim", (), timedelta(hours=1))
    async with listening(database, no_temporal, settings) as address:
        query = f"{address}?project_id=allotment"
        async with asyncio.timeout(20), connect(query, additional_headers=bearer(made.secret)) as connection:
            assert json.loads(await connection.recv())["name"] == "first"
            await database.write(tokens.revoke_token, "ada")
            await run.happen("second")
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401
