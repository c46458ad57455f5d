"""What was asked to be changed is written down, refused or not, before it is answered."""

from __future__ import annotations

import asyncio
import hashlib
import json

import pytest

from paceline.domain.access import Role
from paceline.store.database import Database
from tests.integration.api.allotment import Record
from tests.integration.api.holders import OWN, Door, log_of

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
