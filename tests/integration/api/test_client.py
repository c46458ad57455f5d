"""The Python client against the running application: every method once, and what it does by itself."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator
from typing import Any, cast

import httpx2
import pytest
from fastapi import FastAPI
from temporalio.client import Client

from api.contract import operations
from api.examples import examples
from paceline.client.api import ApiClient
from paceline.client.connection import Page
from paceline.domain.events import Event
from paceline.domain.questions import Question
from paceline.domain.status import ProjectStatus
from paceline.domain.steering import SteerAction
from paceline.errors import NotFound, PacelineError, RateLimited, ServerUnavailable
from paceline.settings import Settings
from paceline.store.database import Database
from tests.integration.api.allotment import Record
from tests.integration.api.seeded import Seeds, seed
from workers.api_server import bind, serving, url_of

NEEDED: dict[str, dict[str, Any]] = {"end_sessions": {"name": "nobody"}}
"""Queries that cannot be left out."""


@pytest.fixture
async def seeds(database: Database, settings: Settings, no_temporal: Client) -> Seeds:
    """Something of everything."""
    return await seed(database, settings, no_temporal)


@pytest.fixture
async def client(app: FastAPI, seeds: Seeds) -> AsyncGenerator[ApiClient]:
    """A client of the application."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), ApiClient("http://127.0.0.1:8420", None, transport) as calls:
        yield calls


async def outcome(client: ApiClient, name: str, seeds: Seeds) -> Any:
    """Call a method with its first example; returns what it gives, or the error's code."""
    method = getattr(client, name)
    paths = {**seeds.paths, **examples(name).path}
    kinds = {each.name: each.kind for each in inspect.signature(method).parameters.values()}
    given = [paths[each] for each, kind in kinds.items() if kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    sent = [each.value for each in examples(name).requests.values()][:1]
    try:
        found: Any = method(*given, **NEEDED.get(name, {}), **(sent[0] if sent else {}))
        if inspect.isasyncgen(found):
            parts = [cast(bytes, part) async for part in found]
            return b"".join(parts)
        return await found
    except PacelineError as error:
        return error.code


async def test_every_method_is_taken_by_the_application(
    app: FastAPI, client: ApiClient, seeds: Seeds
) -> None:
    found: dict[str, Any] = {}
    for _, _, operation in operations(app.openapi()):
        name = operation["operationId"]
        if hasattr(client, name):
            found[name] = await outcome(client, name, seeds)
    wrong = {"REQUEST_INVALID", "INTERNAL", "PACELINE", "HTTP_404", "HTTP_405", "HTTP_415"}
    assert {name: code for name, code in found.items() if isinstance(code, str) and code in wrong} == {}
    assert len(found) > 60
    assert isinstance(found["get_project"], ProjectStatus)
    assert all(isinstance(each, Question) for each in found["list_questions"])
    assert found["export_table"].startswith(b"id,")
    assert found["cancel_project"] == "SERVER_UNAVAILABLE"


async def test_pages_follow_each_other(client: ApiClient) -> None:
    first = await client.list_events("allotment", limit=1)
    assert first.next_cursor is not None

    async def page(cursor: str | None) -> Page[Event]:
        return await client.list_events("allotment", limit=1, cursor=cursor)

    every = [event.number async for event in client.every(page)]
    assert every == list(range(1, len(every) + 1))
    assert len(every) > 1


async def test_refusals_are_our_errors(client: ApiClient) -> None:
    with pytest.raises(NotFound, match="nothing") as caught:
        await client.get_project("nothing")
    assert caught.value.code == "NOT_FOUND"


class Busy(httpx2.AsyncBaseTransport):
    """Says to come again, some times, and keeps the keys that it is sent."""

    def __init__(self, refusals: int, pause: str = "0") -> None:
        self.left = refusals
        self.pause = pause
        self.keys: list[str | None] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.keys.append(request.headers.get("idempotency-key"))
        if not self.left:
            return httpx2.Response(200, json={"version": "1"})
        self.left -= 1
        problem = {"code": "RATE_LIMITED", "detail": "Too many requests.", "retry_after": 0}
        return httpx2.Response(429, json=problem, headers={"Retry-After": self.pause})


async def test_who_is_told_to_come_again_does_under_the_same_key() -> None:
    busy = Busy(2)
    async with ApiClient("http://x", transport=busy) as client:
        await client.get_health()
        assert busy.keys == [None, None, None]
        busy.left = 1
        await client.steer("x", action=SteerAction.PAUSE)
    first, second = busy.keys[3:]
    assert first == second
    assert first


@pytest.mark.parametrize("busy", [Busy(9), Busy(1, "60")])
async def test_patience_ends(busy: Busy) -> None:
    async with ApiClient("http://x", transport=busy) as client:
        with pytest.raises(RateLimited) as caught:
            await client.get_health()
    assert caught.value.details["retry_after"] == 0


async def test_nobody_there_is_a_sentence() -> None:
    async with ApiClient("http://127.0.0.1:1") as client:
        with pytest.raises(ServerUnavailable, match="No API answers at"):
            await client.get_project("x")


async def test_events_go_on_after_the_api_was_away(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    recorded = await record()
    await recorded.happen("first")
    with bind(settings) as held:
        url, port = url_of(held), held.getsockname()[1]
        client = ApiClient(url)
        stream = client.follow("allotment")
        async with serving(held, database, no_temporal, settings):
            seen = [(await anext(stream)).name]
            await recorded.happen("second")
            seen.append((await anext(stream)).name)
    await recorded.happen("third")
    there = settings.model_copy(update={"api_port": port})
    with bind(there) as again:
        async with serving(again, database, no_temporal, there), client:
            seen.append((await anext(stream)).name)
            await stream.aclose()
    assert seen == ["first", "second", "third"]
