"""What was asked to be changed is written down, refused or not, before it is answered."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import AsyncExitStack

import pytest
from temporalio.client import Client

from api import believed
from paceline.domain.access import Role
from paceline.settings import Settings
from paceline.store.database import Database
from tests.integration.api.allotment import Record
from tests.integration.api.holders import OWN, Door, guarded, log_of, opened

P = "/api/v1/projects"


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


@pytest.mark.postgres
async def test_two_servers_of_one_database_keep_one_chain_and_one_list_of_tokens(
    postgres_url: str, no_temporal: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(believed, "BELIEVED_SECONDS", 0.0)
    async with AsyncExitStack() as stack:
        doors: list[Door] = []
        for _ in range(2):
            database = Database(postgres_url)
            stack.callback(database.close)
            doors.append(await stack.enter_async_context(opened(database, no_temporal, guarded(settings))))
        here = await doors[0].holder(Role.OPERATOR, "otto")
        there = await doors[1].client(doors[0].made["otto"].secret)
        path = f"{P}/nothing/check-completion"
        replies = await asyncio.gather(*(calls.post(path, json={}) for calls in [here, there] * 20))
        assert {reply.status_code for reply in replies} == {404}
        admin = await doors[0].client(OWN)
        assert (await admin.delete("/api/v1/tokens/otto")).status_code == 200
        assert [(await calls.get(P)).status_code for calls in (here, there)] == [401, 401]
        found = await log_of(doors[1].database)
    assert [each.actor for each in found] == ["otto"] * 40 + ["unknown"]
    assert found[-1].path == "/api/v1/tokens/{token}"


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
