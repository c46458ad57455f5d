"""People and pages whom nobody knows: they learn nothing, break nothing, and cannot fill the audit log."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit

import pytest
from temporalio.client import Client
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from api import guard, security
from api.limits import Buckets
from paceline.domain.access import Role
from paceline.domain.events import EventDraft, EventType
from paceline.settings import Settings
from paceline.store.database import Database
from paceline.store.events import append_events
from tests.integration.api.allotment import Calls, Record
from tests.integration.api.holders import OWN, Door, log_of
from tests.integration.api.test_token_sockets import listening

SESSION = "/api/v1/session"
WISH = {"attempt": 1, "fence": 1, "paths": ["beds.txt"]}


@pytest.fixture(autouse=True)
def _without_refill(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """How fast the machine is must not decide how many requests are one too many."""
    monkeypatch.setattr(guard, "FAILURES_PER_SECOND", 1e-9)
    monkeypatch.setattr(guard, "STRANGERS_PER_SECOND", 1e-9)


async def test_a_page_of_another_site_cannot_fill_the_audit_log(door: Door) -> None:
    page = await door.client(None)
    replies = [
        await page.post(SESSION, json={"token": "x"}, headers={"Origin": "http://evil.example"})
        for _ in range(guard.FAILURES_AT_ONCE + 20)
    ]
    assert [each.status_code for each in replies] == [403] * guard.FAILURES_AT_ONCE + [429] * 20
    assert len(await log_of(door.database)) == guard.FAILURES_AT_ONCE


async def test_strangers_of_many_addresses_together_cannot_either(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlimited(self: Buckets, caller: str, now: float | None = None) -> None:
        if caller == "strangers":
            take(self, caller, now)

    # As if each came from an address of its own.
    take = Buckets.take
    monkeypatch.setattr(Buckets, "take", unlimited)
    stranger = await door.client("pct_wrong")
    claim = "/api/v1/projects/allotment/stories/Story%201.1/claim"
    for _ in range(guard.STRANGERS_AT_ONCE):
        assert (await stranger.post("/api/v1/sprints", json={})).status_code == 401
        assert (await stranger.post(claim, json=WISH)).status_code == 401
    owner = await door.holder(Role.PRODUCT_OWNER, "olga")
    assert (await owner.post("/api/v1/projects/nothing/retrospective", json={})).status_code == 422
    found = await log_of(door.database)
    assert len(found) == guard.STRANGERS_AT_ONCE + 1
    assert found[-1].actor == "olga"


async def test_a_made_up_agents_token_does_not_tell_which_runs_and_stories_there_are(
    door: Door, record: Record
) -> None:
    await record()
    stranger = await door.client("made-up")
    replies = [
        await stranger.post(f"/api/v1/projects/{run}/stories/{story}/claim", json=WISH)
        for run, story in (("allotment", "Story 1.1"), ("allotment", "Story 9.9"), ("nowhere", "Story 1.1"))
    ]
    assert [each.status_code for each in replies] == [401] * 3
    assert len({(each.json()["code"], each.json()["detail"]) for each in replies}) == 1


@pytest.mark.parametrize("first", ['{"token": "\\ud800"}', "[" * 60_000, '{"token": ' + "9" * 5_000 + "}"])
async def test_a_first_message_that_is_no_text_or_no_json_is_a_bad_token(
    database: Database, no_temporal: Client, settings: Settings, first: str
) -> None:
    async with (
        listening(database, no_temporal, settings) as address,
        asyncio.timeout(20),
        connect(address) as connection,
    ):
        await connection.send(first)
        with pytest.raises(ConnectionClosed) as closed:
            await connection.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == guard.UNAUTHORIZED_CLOSE


@pytest.mark.parametrize("boundary", [f"boundary*{'9' * 5_000}=x", "boundary*=utf-8''%ff", "boundary=\xe9"])
async def test_a_hostile_content_type_is_no_failure_of_a_keyed_request(api: Calls, boundary: str) -> None:
    headers = [
        (b"idempotency-key", b"k"),
        (b"content-type", f"application/json; {boundary}".encode("latin-1")),
    ]
    reply = await api.post(
        "/api/v1/artifacts/cleanup-old", content=json.dumps({"days": 5, "dry_run": True}), headers=headers
    )
    assert (reply.status_code, reply.json()) == (200, [])


async def test_an_event_with_what_is_no_text_keeps_nobody_from_reading(
    api: Calls, record: Record, database: Database
) -> None:
    await record()
    data = {"said": ["a\udcff", {"\ud800": "b\0"}], "fine": "\U0001f33f \\ud800"}
    draft = EventDraft(key="k", type=EventType.WORKFLOW_EVENT, name="agent.said", data=data)
    await database.write(append_events, "allotment", [draft])
    found = (await api.get("/api/v1/projects/allotment/events", params={"name": "agent.said"})).json()
    shown = {"said": ["a\\udcff", {"\\ud800": "b\\u0000"}], "fine": "\U0001f33f \\ud800"}
    assert [each["data"] for each in found] == [shown]
    table = await api.get("/api/v1/projects/allotment/export/events")
    assert "agent.said" in table.text


@pytest.mark.parametrize("key", ["", "Idempotency-Key: k\r\n"])
async def test_who_drips_a_body_is_cut_off(
    database: Database, no_temporal: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr(security, "BODY_SECONDS", 0.0)
    async with listening(database, no_temporal, settings) as address, asyncio.timeout(20):
        host = urlsplit(address).netloc
        reader, writer = await asyncio.open_connection(*host.split(":"))
        head = f"POST /api/v1/sprints HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {OWN}\r\n{key}"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        # All of it: the server ends the connection, on which the rest of the body would come.
        said = await reader.read()
        writer.close()
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"HTTP_408" in said
