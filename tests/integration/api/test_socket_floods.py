"""WebSockets that come in floods, talk too much, or do not read; what the others notice of them: nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from temporalio.client import Client
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response

from api import feeds, streaming
from api.routes import socket as socket_route
from paceline.domain.events import EventDraft, EventType
from paceline.settings import Settings
from paceline.store import events
from paceline.store.database import Database
from tests.integration.api.allotment import Record
from workers import event_protocols
from workers.api_server import bind, serving, url_of


@asynccontextmanager
async def listening(
    database: Database, client: Client, settings: Settings, **limits: float
) -> AsyncGenerator[str]:
    """A server with these limits; yields the address of its socket for one project."""
    limited = settings.model_copy(update=limits)
    with bind(limited) as listener:
        async with serving(listener, database, client, limited):
            yield url_of(listener).replace("http://", "ws://") + "/ws?project_id=allotment"


async def numbers(connection: ClientConnection, count: int) -> list[int]:
    """The numbers of the next events."""
    async with asyncio.timeout(30):
        return [json.loads(await connection.recv())["number"] for _ in range(count)]


async def test_a_flood_is_refused_while_who_listens_gets_every_event(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    recorded = await record()
    limits = {"stream_opens_per_second": 0.001, "stream_opens_burst": 3}
    async with listening(database, no_temporal, settings, **limits) as address, connect(address) as listener:
        refused: list[Response] = []

        async def flood() -> None:
            for _ in range(30):
                try:
                    async with connect(address):
                        pass
                except InvalidStatus as error:
                    refused.append(error.response)

        async def write() -> None:
            for number in range(50):
                await recorded.happen(f"e{number}")

        received, *_ = await asyncio.gather(numbers(listener, 50), flood(), write())
    assert received == list(range(1, 51))
    assert [each.status_code for each in refused] == [429] * 28
    assert all(int(each.headers["Retry-After"]) > 0 for each in refused)
    assert {json.loads(each.body or b"")["code"] for each in refused} == {"RATE_LIMITED"}


async def test_an_address_has_only_so_many_open(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    await (await record()).happen("one")
    async with (
        listening(database, no_temporal, settings, streams_per_address=2) as address,
        AsyncExitStack() as stack,
    ):
        first = await stack.enter_async_context(connect(address))
        await stack.enter_async_context(connect(address))
        with pytest.raises(InvalidStatus) as refused:
            await connect(address)
        assert refused.value.response.status_code == 429
        # Behind a proxy on this machine, its clients are told apart.
        proxied = await stack.enter_async_context(
            connect(address, additional_headers={"X-Forwarded-For": "spoofed, 192.0.2.7"})
        )
        assert await numbers(proxied, 1) == [1]
        await first.close()
        async with asyncio.timeout(20):
            while True:
                try:
                    again = await stack.enter_async_context(connect(address))
                    break
                except InvalidStatus:
                    continue
        assert await numbers(again, 1) == [1]


async def test_zero_limits_nothing(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    await (await record()).happen("one")
    limits = {"stream_opens_per_second": 0.0, "stream_opens_burst": 1, "streams_per_address": 0}
    async with listening(database, no_temporal, settings, **limits) as address, AsyncExitStack() as stack:
        for _ in range(10):
            assert await numbers(await stack.enter_async_context(connect(address)), 1) == [1]


async def test_who_talks_too_much_is_closed_and_others_go_on(
    database: Database,
    no_temporal: Client,
    settings: Settings,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_protocols, "MESSAGES_PER_SECOND", 0.0)
    recorded = await record()
    async with (
        listening(database, no_temporal, settings) as address,
        connect(address) as listener,
        connect(address) as talker,
    ):
        with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012 - whichever notices it first
            for _ in range(event_protocols.MESSAGES_AT_ONCE + 1):
                await talker.send("spam")
            await talker.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == event_protocols.TALKS_TOO_MUCH
        await listener.send("one message is nothing")
        await recorded.happen("one")
        assert await numbers(listener, 1) == [1]


async def test_a_slow_reader_is_dropped_with_its_number_while_others_go_on(
    database: Database,
    no_temporal: Client,
    settings: Settings,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streaming, "SEND_SECONDS", 0.5)
    await record()
    ended = asyncio.Event()
    original = socket_route.close

    async def closing(*arguments: Any) -> None:
        await original(*arguments)
        ended.set()

    monkeypatch.setattr(socket_route, "close", closing)
    count = 400
    drafts = [
        EventDraft(key=f"k{number}", type=EventType.WORKFLOW_EVENT, name="bulk", data={"x": "y" * 60_000})
        for number in range(count)
    ]

    async def write() -> None:
        # One at a time, so that both are given them as news.
        for draft in drafts:
            await database.write(events.append_events, "allotment", [draft])

    async with (
        listening(database, no_temporal, settings) as address,
        connect(address, max_size=None) as fast,
        connect(address, max_queue=1, max_size=None) as slow,
    ):
        received, _ = await asyncio.gather(numbers(fast, count), write())
        assert received == list(range(1, count + 1))
        seen: list[int] = []
        async with asyncio.timeout(30):
            await ended.wait()
        with pytest.raises(ConnectionClosed) as closed:
            await _take_until_dropped(slow, seen)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == socket_route.TOO_SLOW
        assert closed.value.rcvd.reason == f"too slow; resume with after={seen[-1]}"
        assert seen == list(range(1, len(seen) + 1))
        assert len(seen) < count
        async with connect(f"{address}&after={seen[-1]}", max_size=None) as resumed:
            assert await numbers(resumed, count - len(seen)) == list(range(seen[-1] + 1, count + 1))


async def _take_until_dropped(connection: ClientConnection, seen: list[int]) -> None:
    """Take what came before the server let go."""
    async with asyncio.timeout(30):
        while True:
            seen.append(json.loads(await connection.recv())["number"])


async def test_events_reach_who_has_a_filter_or_is_ahead_as_they_should(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    recorded = await record()
    await recorded.happen("one")
    async with (
        listening(database, no_temporal, settings) as address,
        connect(f"{address}&type=wanted.a&type=wanted.b&type=wanted.c") as chosen,
        connect(f"{address}&after=3") as ahead,
        connect(address) as everything,
    ):
        assert await numbers(everything, 1) == [1]
        await recorded.happen("left.out", "wanted.a", "wanted.b", "left.out.too", "wanted.c")
        assert await numbers(everything, 5) == [2, 3, 4, 5, 6]
        assert await numbers(chosen, 3) == [3, 4, 6]
        assert await numbers(ahead, 3) == [4, 5, 6]


async def test_replaying_clients_and_live_ones_have_everything_once(
    database: Database,
    no_temporal: Client,
    settings: Settings,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeds, "MEMORY", 50)
    recorded = await record()
    await recorded.happen(*(f"before-{number}" for number in range(1_200)))

    async def listen(address: str) -> list[int]:
        async with connect(address) as connection:
            return await numbers(connection, 1_500)

    async with listening(database, no_temporal, settings) as address:
        listeners = [asyncio.create_task(listen(address)) for _ in range(20)]
        for number in range(300):
            await recorded.happen(f"during-{number}")
        assert await asyncio.gather(*listeners) == [list(range(1, 1_501))] * 20
