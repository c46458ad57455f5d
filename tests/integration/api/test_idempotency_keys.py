"""A request that is sent again under its `Idempotency-Key` has one effect and one answer."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import select
from sqlalchemy.orm import Session
from temporalio.client import Client

from api import idempotency
from api.deps import NEVER_KEPT
from api.main import RESOURCES, create_app
from paceline.domain.access import Role
from paceline.settings import Settings
from paceline.store import changes, events, keyed_requests, reports, tokens
from paceline.store.database import Database
from paceline.store.models import KeyedRequestRow, RunRow
from tests.integration.api.allotment import Calls, Record, calling
from tests.integration.api.both_databases import database
from tests.integration.api.holders import Door, log_of

__all__ = ["database"]

RETRO = "/api/v1/projects/allotment/retrospective"
SAID = {"text": "Fewer beans", "actor": "ada"}
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


def rows_of(session: Session) -> list[KeyedRequestRow]:
    return list(session.scalars(select(KeyedRequestRow)))


def grow_older(session: Session, by: timedelta) -> None:
    for row in rows_of(session):
        row.lease_until -= by
        row.expires_at -= by


def declare(session: Session, agent: str) -> None:
    run = session.scalars(select(RunRow)).one()
    run.options = {**run.options, "agents": {agent: {"kind": "simulated"}}}


async def test_a_repeat_gets_the_same_answer_and_changes_nothing(
    api: Calls, record: Record, database: Database
) -> None:
    await record()
    first = await api.post(RETRO, json=SAID, headers=KEY)
    again = await api.post(RETRO, json=SAID, headers=KEY)
    quoted = await api.post(RETRO, json=SAID, headers={"Idempotency-Key": f'"{KEY["Idempotency-Key"]}"'})
    assert (first.status_code, again.status_code, quoted.status_code) == (201, 201, 201)
    assert first.content == again.content == quoted.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == quoted.headers["idempotency-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert len(await database.read(reports.entries_of, "allotment")) == 1
    # Each of them was a request, and is in the audit log.
    assert [each.status for each in await log_of(database)] == [201, 201, 201]


async def test_a_refusal_is_an_answer_too(api: Calls, record: Record) -> None:
    await record()
    wish = {"action": "pause", "story": "9.9", "actor": "ada"}
    replies = [await api.post("/api/v1/projects/allotment/steer", json=wish, headers=KEY) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [404, 404]
    assert replies[1].headers["idempotency-replayed"] == "true"
    assert replies[1].headers["content-type"] == "application/problem+json"
    assert replies[0].json()["request_id"] == replies[1].json()["request_id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (RETRO, {"text": "More beans", "actor": "ada"}),
        (f"{RETRO}?x=1", SAID),
        ("/api/v1/projects/allotment/metrics", SAID),
    ],
)
async def test_a_key_of_another_request_is_refused(
    api: Calls, record: Record, database: Database, path: str, body: dict[str, Any]
) -> None:
    await record()
    await api.post(RETRO, json=SAID, headers=KEY)
    other = await api.post(path, json=body, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(await database.read(reports.entries_of, "allotment")) == 1


async def test_of_many_that_arrive_at_once_one_is_carried_out(
    api: Calls, record: Record, database: Database
) -> None:
    await record()
    replies = await asyncio.gather(*(api.post(RETRO, json=SAID, headers=KEY) for _ in range(12)))
    assert {reply.status_code for reply in replies} <= {201, 409}
    done = [reply for reply in replies if reply.status_code == 201]
    assert done
    assert len({reply.content for reply in done}) == 1
    assert [reply.headers.get("idempotency-replayed") for reply in done].count(None) == 1
    for reply in replies:
        if reply.status_code == 409:
            assert reply.json()["code"] == "IDEMPOTENT_REQUEST_UNDER_WAY"
            assert int(reply.headers["retry-after"]) >= 1
    assert len(await database.read(reports.entries_of, "allotment")) == 1
    names = [each.name for each in await database.read(events.events_after, "allotment")]
    assert names.count("retrospective.entry") == 1


async def test_while_it_is_carried_out_a_repeat_is_told_to_come_again(
    app: FastAPI, record: Record, database: Database
) -> None:
    await record()
    arrived, go = asyncio.Event(), asyncio.Event()

    async def slow() -> dict[str, str]:
        arrived.set()
        await go.wait()
        return {"said": "done"}

    app.add_api_route("/slow", slow, methods=["POST"])
    async with calling(app) as api:
        first = asyncio.create_task(api.post("/slow", headers=KEY))
        await arrived.wait()
        meanwhile = await api.post("/slow", headers=KEY)
        go.set()
        done, after = await first, await api.post("/slow", headers=KEY)
    assert (meanwhile.status_code, meanwhile.json()["code"]) == (409, "IDEMPOTENT_REQUEST_UNDER_WAY")
    assert 1 <= int(meanwhile.headers["retry-after"]) <= 5
    assert done.json() == after.json() == {"said": "done"}


async def test_a_long_request_keeps_its_lease(
    app: FastAPI, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed = asyncio.Event()
    written = database.write

    async def write(fn: Any, *arguments: Any, **named: Any) -> Any:
        found = await written(fn, *arguments, **named)
        if fn is keyed_requests.renew_request:
            assert found is True
            renewed.set()
        return found

    async def slow() -> None:
        await renewed.wait()

    monkeypatch.setattr(database, "write", write)
    monkeypatch.setattr(idempotency, "RENEW_SECONDS", 0.01)
    app.add_api_route("/slow", slow, methods=["POST"])
    async with calling(app) as api:
        assert (await api.post("/slow", headers=KEY)).status_code == 200


async def test_what_failed_may_be_sent_again_under_its_key(app: FastAPI) -> None:
    tries: list[int] = []

    async def flaky() -> dict[str, int]:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("broken")
        return {"tries": len(tries)}

    app.add_api_route("/flaky", flaky, methods=["POST"])
    async with calling(app) as api:
        replies = [await api.post("/flaky", headers=KEY) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [500, 200, 200]
    assert [reply.json() for reply in replies[1:]] == [{"tries": 2}, {"tries": 2}]


async def test_without_temporal_nothing_is_kept_and_the_effect_keeps_its_id(
    api: Calls, record: Record, database: Database
) -> None:
    await record()
    await database.write(declare, "Digger")
    path, away = "/api/v1/projects/allotment/absences", {"agent": "Digger", "actor": "ada"}
    for _ in range(2):
        assert (await api.post(path, json=away, headers=KEY)).status_code == 503
    assert await database.read(rows_of) == []
    assert len(await database.read(changes.changes_of, "allotment")) == 1


@pytest.mark.parametrize(
    "key", ["", '""', " ", "x" * 201, "a b", "a\tb", 'a"b', "bäume".encode("latin-1"), b"\x01", b"a\x7f"]
)
async def test_hostile_keys_are_refused(
    api: Calls, record: Record, database: Database, key: str | bytes
) -> None:
    await record()
    given = key.encode() if isinstance(key, str) else key
    reply = await api.post(RETRO, json=SAID, headers={b"Idempotency-Key": given})
    assert (reply.status_code, reply.json()["code"]) == (422, "IDEMPOTENCY_KEY_INVALID")
    assert await database.read(reports.entries_of, "allotment") == []


async def test_two_keys_at_once_are_refused_and_the_longest_is_taken(api: Calls, record: Record) -> None:
    await record()
    both = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    assert (await api.post(RETRO, json=SAID, headers=both)).status_code == 422
    longest = {"Idempotency-Key": "x" * idempotency.KEY_LIMIT}
    assert (await api.post(RETRO, json=SAID, headers=longest)).status_code == 201


async def test_keys_belong_to_their_callers(door: Door, record: Record, database: Database) -> None:
    await record()
    ada, bob = await door.holder(Role.OPERATOR, "ada"), await door.holder(Role.OPERATOR, "bob")
    for calls in (ada, bob):
        reply = await calls.post(RETRO, json=SAID, headers=KEY)
        assert reply.status_code == 201
        assert "idempotency-replayed" not in reply.headers
    # A new secret is the same caller.
    made = await database.write(tokens.rotate_token, "ada", timedelta(0))
    again = await (await door.client(made.secret)).post(RETRO, json=SAID, headers=KEY)
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await database.read(reports.entries_of, "allotment")) == 2


async def test_who_may_not_is_refused_before_its_key_is_looked_at(door: Door, record: Record) -> None:
    await record()
    viewer = await door.holder(Role.VIEWER)
    for _ in range(2):
        reply = await viewer.post(RETRO, json=SAID, headers=KEY)
        assert (reply.status_code, reply.json()["code"]) == (403, "FORBIDDEN")
        assert "idempotency-replayed" not in reply.headers


async def test_secrets_are_not_kept(api: Calls, database: Database) -> None:
    wish = {"name": "ada", "role": "viewer", "actor": "kim"}
    made = await api.post("/api/v1/tokens", json=wish, headers=KEY)
    again = await api.post("/api/v1/tokens", json=wish, headers=KEY)
    id, secret = made.json()["token"]["id"], made.json()["secret"]
    assert (again.status_code, again.json()["code"]) == (409, "IDEMPOTENT_ANSWER_NOT_KEPT")
    assert (again.json()["first_status"], again.json()["location"]) == (201, f"/api/v1/tokens/{id}")
    turned = {"Idempotency-Key": "turn"}
    rotated = [await api.post("/api/v1/tokens/ada/rotate", headers=turned) for _ in range(2)]
    assert [reply.status_code for reply in rotated] == [200, 409]
    assert id in rotated[1].json()["location"]
    kept = await database.read(rows_of)
    assert [row.body for row in kept] == [None, None]
    for each in (secret, rotated[0].json()["secret"]):
        assert each not in json.dumps([row.headers for row in kept])
    assert len(await database.read(tokens.list_tokens)) == 1


def test_every_route_that_answers_with_a_secret_says_that_it_is_never_kept() -> None:
    found: list[str] = []
    for module in RESOURCES:
        for route in module.router.routes:
            fields = getattr(getattr(route, "response_model", None), "model_fields", {})
            if isinstance(route, APIRoute) and "secret" in fields:
                found.append(route.path)
                assert NEVER_KEPT in route.dependencies, route.path
    assert {"/tokens", "/tokens/{token}/rotate"} <= set(found)


async def test_a_long_answer_is_given_and_not_kept(app: FastAPI, database: Database) -> None:
    async def long() -> str:
        return "x" * idempotency.BODY_KEPT

    app.add_api_route("/long", long, methods=["POST"])
    async with calling(app) as api:
        first, again = [await api.post("/long", headers=KEY) for _ in range(2)]
    assert len(first.content) > idempotency.BODY_KEPT
    assert (again.status_code, again.json()["first_status"]) == (409, 200)
    assert [row.body for row in await database.read(rows_of)] == [None]


async def test_a_form_is_the_same_under_another_boundary(
    api: Calls, record: Record, database: Database
) -> None:
    files = {"plan": ("plan.md", b"# nothing that could be run")}
    replies = [await api.post("/api/v1/sprints", files=files, headers=KEY) for _ in range(2)]
    sent = {reply.request.headers["content-type"] for reply in replies}
    assert len(sent) == 2
    assert [reply.status_code for reply in replies] == [422, 422]
    assert replies[1].headers["idempotency-replayed"] == "true"
    other = {"plan": ("plan.md", b"# something else")}
    reply = await api.post("/api/v1/sprints", files=other, headers=KEY)
    assert reply.json()["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_a_body_that_is_too_long_is_refused(api: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.security.BODY_LIMIT", 1000)

    async def parts() -> AsyncGenerator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    reply = await api.post(RETRO, content=parts(), headers=KEY)
    assert (reply.status_code, reply.json()["code"]) == (413, "HTTP_413")


async def test_after_a_day_a_key_may_be_used_again_and_is_swept(
    api: Calls, record: Record, database: Database
) -> None:
    await record()
    await api.post(RETRO, json=SAID, headers=KEY)
    assert await database.write(keyed_requests.forget_requests) == 0
    await database.write(grow_older, keyed_requests.KEPT)
    other = await api.post(RETRO, json={"text": "More beans", "actor": "ada"}, headers=KEY)
    assert other.status_code == 201
    await database.write(grow_older, keyed_requests.KEPT)
    assert await database.write(keyed_requests.forget_requests) == 1
    assert await database.read(rows_of) == []


async def test_who_lost_its_lease_does_not_write_the_answer(database: Database) -> None:
    first = await database.write(keyed_requests.begin_request, "id", "asked")
    assert isinstance(first, keyed_requests.Begun)
    await database.write(grow_older, keyed_requests.LEASE)
    second = await database.write(keyed_requests.begin_request, "id", "asked")
    assert isinstance(second, keyed_requests.Begun)
    assert not await database.write(keyed_requests.renew_request, "id", first.holder)
    assert not await database.write(keyed_requests.answer_request, "id", first.holder, 200, {}, b"first")
    await database.write(keyed_requests.give_up_request, "id", first.holder)
    assert await database.write(keyed_requests.answer_request, "id", second.holder, 200, {}, b"second")
    found = await database.write(keyed_requests.begin_request, "id", "asked")
    assert found == keyed_requests.Answered(200, {}, b"second")


KILLED = """
import asyncio, os, signal, sys
import uvicorn
from pathlib import Path
from temporalio.client import Client
from api.main import create_app
from paceline.settings import Settings
from paceline.store import keyed_requests
from paceline.store.database import Database

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

async def main(home, url):
    keyed_requests.answer_request = killed
    settings = Settings(home=Path(home), database_url=None, temporal_address=None, api_port=0, api_token=None)
    client = await Client.connect("127.0.0.1:1", lazy=True)
    server = uvicorn.Server(uvicorn.Config(create_app(Database(url), client, settings), port=0))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("path", "body", "event"),
    [
        ("retrospective", SAID, "retrospective.entry"),
        ("check-completion", {"actor": "ada"}, "completion.checked"),
    ],
)
async def test_a_kill_between_effect_and_answer_leaves_one_effect(
    database: Database,
    no_temporal: Client,
    settings: Settings,
    record: Record,
    path: str,
    body: dict[str, Any],
    event: str,
) -> None:
    await record()
    where = f"/api/v1/projects/allotment/{path}"
    root, pipe = Path(__file__).resolve().parents[3], asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, str(settings.home), database.url), stdout=pipe, cwd=root
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as calls:
        with pytest.raises(httpx2.TransportError):
            await calls.post(where, json=body, headers=KEY)
    assert await process.wait() == -9

    async def told() -> int:
        names = [each.name for each in await database.read(events.events_after, "allotment")]
        return names.count(event)

    assert await told() == 1
    async with calling(create_app(database, no_temporal, settings)) as api:
        early = await api.post(where, json=body, headers=KEY)
        assert early.status_code == 409
        assert int(early.headers["retry-after"]) >= 1
        await database.write(grow_older, keyed_requests.LEASE)
        late = await api.post(where, json=body, headers=KEY)
        again = await api.post(where, json=body, headers=KEY)
    assert late.status_code in (200, 201)
    assert "idempotency-replayed" not in late.headers
    assert again.content == late.content
    assert await told() == 1
