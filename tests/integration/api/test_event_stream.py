"""Server-sent events of a listening server: ids to resume after, filters, heartbeats, and their end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx2
import pytest
from temporalio.client import Client

from api import believed, streaming
from api.routes import stream as stream_route
from paceline.domain.access import Role
from paceline.domain.events import EventDraft, EventType
from paceline.settings import Settings
from paceline.store import events, tokens
from paceline.store.database import Database
from tests.integration.api.allotment import Record
from tests.integration.api.holders import guarded
from workers.api_server import bind, serving, url_of

STREAM = "/api/v1/events/stream"


@asynccontextmanager
async def serve(database: Database, client: Client, settings: Settings) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client of a server on a free port."""
    with bind(settings) as listener:
        async with (
            serving(listener, database, client, settings),
            httpx2.AsyncClient(base_url=url_of(listener), timeout=20) as calls,
        ):
            yield calls


async def blocks(reply: httpx2.Response) -> AsyncGenerator[dict[str, str]]:
    """The fields of each block; a comment's name is empty."""
    fields: dict[str, str] = {}
    async for line in reply.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            fields[name.rstrip(":")] = value
        elif fields:
            yield fields
            fields = {}


async def take(reply: httpx2.Response, count: int) -> list[dict[str, str]]:
    """The first blocks that are not the advice when to connect again."""
    found: list[dict[str, str]] = []
    async with asyncio.timeout(20):
        async for block in blocks(reply):
            if "retry" not in block:
                found.append(block)
            if len(found) == count:
                break
    return found


async def test_events_have_their_number_as_id_and_are_resumed_after_it(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    recorded = await record()
    await recorded.happen("one", "two", "three")
    async with serve(database, no_temporal, settings) as calls:
        async with calls.stream("GET", STREAM, params={"project_id": "allotment"}) as reply:
            assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert reply.headers["cache-control"] == "no-store"
            first = await take(reply, 2)
        await recorded.happen("four")
        query = {"project_id": "allotment", "after": "0"}
        seen = {"Last-Event-ID": first[-1]["id"]}
        async with calls.stream("GET", STREAM, params=query, headers=seen) as reply:
            rest = await take(reply, 2)
    assert [each["id"] for each in first + rest] == ["1", "2", "3", "4"]
    assert {each["event"] for each in first + rest} == {"WORKFLOW_EVENT"}
    assert [json.loads(each["data"])["name"] for each in first + rest] == ["one", "two", "three", "four"]


async def test_what_is_left_out_moves_the_id_on(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    await (await record()).happen("one", "wanted", "three")
    often = settings.model_copy(update={"event_heartbeat": 0.1})
    query = {"project_id": "allotment", "type": ["wanted", "HITL_REQUEST"]}
    async with (
        serve(database, no_temporal, often) as calls,
        calls.stream("GET", STREAM, params=query) as reply,
    ):
        event, moved, beat = await take(reply, 3)
    assert (event["id"], json.loads(event["data"])["number"]) == ("2", 2)
    assert moved == {"id": "3"}
    assert beat == {"": "heartbeat", "id": "3"}


async def test_all_projects_are_an_admins_and_are_resumed_by_position(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    for name in ("beans", "peas"):
        await (await record(name)).happen("one")
    viewer = await database.write(tokens.create_token, "vera", Role.VIEWER, "kim")
    admin = await database.write(tokens.create_token, "ada", Role.ADMIN, "kim")
    limited = await database.write(tokens.create_token, "lim", Role.ADMIN, "kim", ["beans"])
    needed = guarded(settings, api_host="127.0.0.1")
    async with serve(database, no_temporal, needed) as calls:
        for made, query, status, code in (
            (viewer, {}, 403, "FORBIDDEN"),
            (limited, {}, 403, "FORBIDDEN"),
            (limited, {"project_id": "peas"}, 404, "NOT_FOUND"),
            (admin, {"project_id": "nothing"}, 404, "NOT_FOUND"),
            (admin, {"type": "NOTHING"}, 422, "REQUEST_INVALID"),
            (admin, {"after": "-1"}, 422, "REQUEST_INVALID"),
        ):
            refused = await calls.get(STREAM, params=query, headers=bearer(made.secret))
            assert (refused.status_code, refused.json()["code"]) == (status, code)
        async with calls.stream("GET", f"{STREAM}?after=1", headers=bearer(admin.secret)) as reply:
            (block,) = await take(reply, 1)
    event = json.loads(block["data"])
    assert (block["id"], event["position"], event["project"], event["number"]) == ("2", 2, "peas", 1)


def bearer(secret: str) -> dict[str, str]:
    """The header."""
    return {"Authorization": f"Bearer {secret}"}


async def test_a_stream_ends_when_its_token_does(
    database: Database,
    no_temporal: Client,
    settings: Settings,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(believed, "BELIEVED_SECONDS", 0.0)
    run = await record()
    await run.happen("first")
    made = await database.write(tokens.create_token, "ada", Role.VIEWER, "kim")
    needed = guarded(settings, api_host="127.0.0.1")
    async with serve(database, no_temporal, needed) as calls, asyncio.timeout(20):
        query = f"{STREAM}?project_id=allotment"
        async with calls.stream("GET", query, headers=bearer(made.secret)) as reply:
            found = blocks(reply)
            assert [await anext(found), (await anext(found))["id"]] == [{"retry": "1000"}, "1"]
            await database.write(tokens.revoke_token, "ada")
            await run.happen("second")
            end = await anext(found)
            assert await anext(found, None) is None
    assert (end["event"], json.loads(end["data"])["code"]) == ("end", "UNAUTHORIZED")


async def test_a_client_that_does_not_read_is_cut_off_and_loses_nothing(
    database: Database,
    no_temporal: Client,
    settings: Settings,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streaming, "SEND_SECONDS", 0.3)
    await record()
    bulk = [
        EventDraft(key=f"k{number}", type=EventType.WORKFLOW_EVENT, name="bulk", data={"x": "y" * 60_000})
        for number in range(300)
    ]
    cut = asyncio.Event()
    original = stream_route.abort

    def aborting(scope: object) -> None:
        original(scope)  # type: ignore[arg-type]
        cut.set()

    monkeypatch.setattr(stream_route, "abort", aborting)
    for start in range(0, len(bulk), 50):
        await database.write(events.append_events, "allotment", bulk[start : start + 50])
    seen: list[int] = []
    async with serve(database, no_temporal, settings) as calls, asyncio.timeout(60):
        query = {"project_id": "allotment"}
        async with calls.stream("GET", STREAM, params=query) as reply:
            await cut.wait()
            with pytest.raises(httpx2.TransportError):  # noqa: PT012 - what came before it counts
                async for block in blocks(reply):
                    seen += [int(block["id"])] if "id" in block else []
        assert 0 <= len(seen) < 300
        last = {"Last-Event-ID": str(seen[-1] if seen else 0)}
        async with calls.stream("GET", STREAM, params=query, headers=last) as reply:
            seen += [int(block["id"]) for block in await take(reply, 300 - len(seen))]
    assert seen == list(range(1, 301))


async def test_a_stream_does_not_keep_the_server_from_stopping(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    await (await record()).happen("one")
    with bind(settings) as listener:
        async with asyncio.timeout(20), httpx2.AsyncClient(base_url=url_of(listener)) as calls:
            async with serving(listener, database, no_temporal, settings):
                request = calls.build_request("GET", f"{STREAM}?project_id=allotment")
                reply = await calls.send(request, stream=True)
                found = blocks(reply)
                assert "retry" in await anext(found)
                assert (await anext(found))["id"] == "1"
            # It ended in order, not by being cut off: that would raise.
            assert await anext(found, None) is None
