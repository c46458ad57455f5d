"""All five types of events of a real run reach who listens by WebSocket and by server-sent events."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect

from paceline.domain.events import EventType
from paceline.domain.questions import Decision
from paceline.domain.states import StoryState
from tests.sample_plans import E, S, plan
from tests.world import PATIENCE, World, scripted
from workers.api_server import bind, serving, url_of

pytestmark = pytest.mark.temporal

ASKING = plan(E("1", [S("1.1", files=("a.txt",), approval=True)]))
END = "project.completed"


async def by_socket(url: str, project: str) -> list[dict[str, Any]]:
    """Every event until the run's end."""
    found: list[dict[str, Any]] = []
    address = f"{url.replace('http://', 'ws://')}/ws?project_id={project}"
    async with asyncio.timeout(PATIENCE), connect(address) as connection:
        while not found or found[-1]["name"] != END:
            message = json.loads(await connection.recv())
            found += [message] if message["type"] != "HEARTBEAT" else []
    return found


async def by_stream(url: str, project: str) -> list[tuple[str, dict[str, Any]]]:
    """The same, with the name that a browser would dispatch on."""
    found: list[tuple[str, dict[str, Any]]] = []
    address = f"{url}/api/v1/events/stream?project_id={project}"
    async with (
        asyncio.timeout(PATIENCE),
        httpx2.AsyncClient(timeout=PATIENCE) as calls,
        calls.stream("GET", address) as reply,
    ):
        kind = ""
        async for line in reply.aiter_lines():
            field, _, value = line.partition(": ")
            kind = value if field == "event" else kind
            found += [(kind, json.loads(value))] if field == "data" else []
            if found and found[-1][1]["name"] == END:
                break
    return found


async def test_all_five_types_reach_both_kinds_of_clients(world: World, name: str, repository: Any) -> None:
    run = await world.start(ASKING, project=name, repository=repository, agents=scripted())
    settings = world.settings.model_copy(update={"api_port": 0})
    with bind(settings) as listener:
        async with serving(listener, world.database, world.client, settings), world.workers():
            url = url_of(listener)
            listening = asyncio.gather(by_socket(url, run.id), by_stream(url, run.id))
            await world.answer(await world.question(run.id), Decision.APPROVE, actor="grace")
            heard, streamed = await listening
            result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    stored = [event.model_dump(mode="json") for event in await world.events(run.id)]
    assert {event["type"] for event in stored} == {each.value for each in EventType}
    ended = [event["name"] for event in stored].index(END) + 1
    assert heard == stored[:ended]
    assert [event for _, event in streamed] == stored[:ended]
    assert all(kind == event["type"] for kind, event in streamed)
