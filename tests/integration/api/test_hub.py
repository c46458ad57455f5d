"""The event hub on a real database: nothing lost, nothing twice, nothing kept for nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime

import pytest
from websockets.frames import Frame, Opcode

from api import feeds
from api.feeds import Entry, Feed, Part, Selection
from api.hub import Hub
from paceline.domain.events import Event, EventType
from paceline.settings import Settings
from paceline.store.database import Database
from tests.integration.api.allotment import Record, Recorded


async def take(stream: AsyncGenerator[Part], count: int) -> list[tuple[str, int]]:
    """The project and number of the next events; fails by time-out when they do not come."""
    found: list[tuple[str, int]] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            events = [json.loads(entry.text) for entry in (await anext(stream)).entries]
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
    monkeypatch.setattr(feeds, "MEMORY", 10)
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


async def test_a_heartbeat_says_how_far_a_filtered_stream_came(database: Database, record: Record) -> None:
    recorded = await record()
    hub = Hub(database, heartbeat_seconds=0.05)
    async with (
        hub.running(),
        aclosing(hub.project_events("allotment", 0, Selection(["wanted", "HITL_REQUEST"]))) as stream,
        asyncio.timeout(20),
    ):
        await recorded.happen("one", "wanted", "two", "three")
        first = await anext(stream)
        assert [(entry.number, entry.words[1]) for entry in first.entries] == [(2, "wanted")]
        assert first.last == 4
        assert await anext(stream) == Part([], 4)
        await recorded.happen("four")
        while (part := await anext(stream)).last == 4:
            assert part.entries == []
        assert part == Part([], 5)


async def test_the_stream_of_all_projects_goes_on_after_a_position(
    database: Database, record: Record
) -> None:
    beans, peas = await record("beans"), await record("peas")
    await beans.happen("a", "b")
    await peas.happen("a", "b", "c")
    await beans.happen("b", "c")
    hub = Hub(database)
    expected = [("beans", 1), ("beans", 2), ("peas", 1), ("peas", 2), ("peas", 3), ("beans", 3)]
    async with hub.running():
        for after in range(6):
            async with aclosing(hub.all_events(after)) as stream, asyncio.timeout(20):
                found: list[tuple[int, str, int]] = []
                while len(found) < 6 - after:
                    texts = [json.loads(entry.text) for entry in (await anext(stream)).entries]
                    found += [(each["position"], each["project"], each["number"]) for each in texts]
            assert found == [(place, *expected[place - 1]) for place in range(after + 1, 7)]


async def test_a_hub_that_closes_ends_its_streams(database: Database, record: Record) -> None:
    await record()
    hub = Hub(database)
    async with hub.running(), asyncio.timeout(20):
        waiting = asyncio.create_task(anext(hub.project_events("allotment", 0), None))
        await asyncio.sleep(0)
        hub.close()
        assert await waiting is None


def test_a_feed_forgets_its_oldest_events_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MEMORY", 3)
    feed = Feed(4)
    for number in range(5, 12):
        feed.append([Entry(event(number))])
    assert feed.last == 11
    assert feed.since(4) is None
    assert [each.number for each in feed.since(8) or []] == [9, 10, 11]
    assert feed.since(11) == []


def event(number: int, text: str = "") -> Event:
    """An event of some size."""
    return Event(
        project="p",
        number=number,
        key=str(number),
        type=EventType.WORKFLOW_EVENT,
        name="story.merged",
        data={"text": text},
        at=datetime(2026, 11, 21, tzinfo=UTC),
    )


@pytest.mark.parametrize("size", [1, 200, 70_000])
def test_a_frame_is_what_websockets_themselves_would_send(size: int) -> None:
    made = Entry(event(1, "ü" * size))
    assert made.frame == Frame(Opcode.TEXT, made.text.encode()).serialize(mask=False)
