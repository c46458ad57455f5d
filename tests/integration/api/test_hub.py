"""The event hub on a real database: nothing lost, nothing twice, nothing kept for nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from api import hub as hub_module
from api.hub import Feed, Hub
from paceline.settings import Settings
from paceline.store.database import Database
from tests.integration.api.allotment import Record, Recorded


async def take(stream: AsyncGenerator[list[str]], count: int) -> list[tuple[str, int]]:
    """The project and number of the next events; fails by time-out when they do not come."""
    found: list[tuple[str, int]] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            events = [json.loads(text) for text in await anext(stream)]
            found += [(event["project"], event["number"]) for event in events]
    return found


async def test_replay_and_live_are_one_sequence_while_events_are_written(
    database: Database, record: Record
) -> None:
    recorded = await record()
    await recorded.happen(*(f"before-{number}" for number in range(30)))
    hub = Hub(database)

    async def write() -> None:
        for number in range(200):
            await recorded.happen(f"during-{number}")

    async def read(after: int) -> list[tuple[str, int]]:
        async with aclosing(hub.project_events("allotment", after)) as stream:
            return await take(stream, 230 - after)

    async with hub.running():
        writer = asyncio.create_task(write())
        received = await asyncio.gather(*(read(after) for after in (0, 0, 7, 30)))
        await writer
    for after, found in zip((0, 0, 7, 30), received, strict=True):
        assert found == [("allotment", number) for number in range(after + 1, 231)]


async def test_an_event_of_another_process_is_seen_without_a_wake_up(
    database: Database, record: Record, settings: Settings
) -> None:
    recorded = await record()
    elsewhere = Recorded(recorded.run, Database(settings.resolved_database_url))
    hub = Hub(database)
    async with hub.running(), aclosing(hub.project_events("allotment", 0)) as stream:
        waiting = asyncio.create_task(take(stream, 1))
        await asyncio.sleep(0)
        await elsewhere.happen("from-elsewhere")
        assert await waiting == [("allotment", 1)]
    elsewhere.database.close()


async def test_a_feed_never_mixes_projects_and_the_global_stream_has_all(
    database: Database, record: Record
) -> None:
    beans, peas = await record("beans"), await record("peas")
    await beans.happen("old")
    hub = Hub(database)
    async with (
        hub.running(),
        aclosing(hub.all_events()) as everything,
        aclosing(hub.project_events("peas", 0)) as only_peas,
    ):
        all_of_it = asyncio.create_task(take(everything, 3))
        peas_alone = asyncio.create_task(take(only_peas, 2))
        await asyncio.sleep(0.1)  # lets the global stream begin; what came before it is not its business
        await beans.happen("new")
        await peas.happen("one", "two")
        assert sorted(await all_of_it) == [("beans", 2), ("peas", 1), ("peas", 2)]
        assert await peas_alone == [("peas", 1), ("peas", 2)]


async def test_a_client_far_behind_reads_from_the_database(
    database: Database, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MEMORY", 10)
    recorded = await record()
    hub = Hub(database)
    async with (
        hub.running(),
        aclosing(hub.project_events("allotment", 0)) as slow,
        aclosing(hub.project_events("allotment", 0)) as fast,
    ):
        await recorded.happen("first")
        assert await take(slow, 1) == [("allotment", 1)]
        for number in range(60):
            await recorded.happen(f"more-{number}")
            await take(fast, 1)
        assert await take(slow, 60) == [("allotment", number) for number in range(2, 62)]


async def test_nobody_listening_means_nothing_is_kept(database: Database, record: Record) -> None:
    recorded = await record()
    await recorded.happen("one")
    hub = Hub(database)
    async with hub.running():
        async with aclosing(hub.project_events("allotment", 0)) as stream:
            assert await take(stream, 1) == [("allotment", 1)]
        assert vars(hub)["_feeds"] == {}
        assert not vars(hub)["_wanted"].is_set()


def test_a_feed_forgets_its_oldest_events_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MEMORY", 3)
    feed = Feed(4)
    for number in range(5, 12):
        feed.append([str(number)])
    assert feed.last == 11
    assert feed.since(4) is None
    assert feed.since(8) == ["9", "10", "11"]
    assert feed.since(11) == []
