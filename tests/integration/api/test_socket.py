"""The WebSocket of a listening server: replay and live, scopes, slow clients, and who may listen."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr
from temporalio.client import Client
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api import streaming
from api.routes import socket as socket_route
from paceline.domain.events import EventDraft, EventType
from paceline.settings import Settings
from paceline.store import events
from paceline.store.database import Database
from tests.integration.api.allotment import Record
from workers.api_server import bind, serving, url_of

TOKEN = "a-long-random-token"
Open = Callable[..., Any]


@asynccontextmanager
async def listening(database: Database, client: Client, settings: Settings) -> AsyncGenerator[str]:
    """A server on a free port; yields the address of its socket."""
    with bind(settings) as listener:
        async with serving(listener, database, client, settings):
            yield url_of(listener).replace("http://", "ws://") + "/ws"


@pytest_asyncio.fixture
async def address(database: Database, no_temporal: Client, settings: Settings) -> AsyncGenerator[str]:
    """The socket's address."""
    async with listening(database, no_temporal, settings) as found:
        yield found


async def numbers(connection: ClientConnection, count: int) -> list[int]:
    """The numbers of the next events."""
    async with asyncio.timeout(30):
        return [json.loads(await connection.recv())["number"] for _ in range(count)]


async def last_number_before_the_end(connection: ClientConnection) -> int:
    """The number of the last event that arrived before the server let go."""
    seen = 0
    with suppress(ConnectionClosed):
        while True:
            seen = json.loads(await connection.recv())["number"]
    return seen


async def close_code(connection: ClientConnection) -> int | None:
    """The code with which the server ends the connection; events before it are dropped."""
    async with asyncio.timeout(30):
        try:
            while True:
                await connection.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


async def test_events_written_meanwhile_arrive_once_and_in_order_at_every_client(
    address: str, record: Record
) -> None:
    recorded = await record()
    await recorded.happen(*(f"before-{number}" for number in range(50)))

    async def listen(after: int) -> list[int]:
        async with connect(f"{address}?project_id=allotment&after={after}") as connection:
            return await numbers(connection, 150 - after)

    async def write() -> None:
        for number in range(100):
            await recorded.happen(f"during-{number}")

    starts = [0, 0, 10, 49, 50]
    received, _ = await asyncio.gather(asyncio.gather(*(listen(after) for after in starts)), write())
    assert received == [list(range(after + 1, 151)) for after in starts]


async def test_an_interrupted_client_resumes_after_its_last_number(address: str, record: Record) -> None:
    recorded = await record()
    await recorded.happen("one", "two", "three")
    async with connect(f"{address}?project_id=allotment") as connection:
        seen = await numbers(connection, 2)
    await recorded.happen("four")
    async with connect(f"{address}?project_id=allotment&after={seen[-1]}") as connection:
        seen += await numbers(connection, 2)
    assert seen == [1, 2, 3, 4]


async def test_a_client_of_one_project_never_hears_another(address: str, record: Record) -> None:
    beans, peas = await record("beans"), await record("peas")
    async with connect(f"{address}?project_id=beans") as connection:
        await peas.happen("secret", "secret too")
        await beans.happen("mine")
        event = json.loads(await connection.recv())
    assert (event["project"], event["name"]) == ("beans", "mine")


async def test_without_a_project_everything_new_is_heard(address: str, record: Record) -> None:
    beans, peas = await record("beans"), await record("peas")
    await beans.happen("old")
    async with connect(address) as connection:
        heard: list[tuple[str, str]] = []
        # The connection is open before its place in the stream is taken, so knock until it answers.
        knocks = 0
        while not heard:
            knocks += 1
            await beans.happen(f"knock-{knocks}")
            try:
                async with asyncio.timeout(0.5):
                    heard.append(project_and_name(await connection.recv()))
            except TimeoutError:
                continue
        await peas.happen("new")
        async with asyncio.timeout(10):
            while heard[-1] != ("peas", "new"):
                heard.append(project_and_name(await connection.recv()))
    assert ("beans", "old") not in heard
    assert len(heard) == len(set(heard))


def project_and_name(message: str | bytes) -> tuple[str, str]:
    """What an event is about."""
    event = json.loads(message)
    return event["project"], event["name"]


async def test_all_projects_are_resumed_by_position(address: str, record: Record) -> None:
    beans, peas = await record("beans"), await record("peas")
    await beans.happen("a", "b")
    async with connect(f"{address}?after=0") as connection:
        seen = [json.loads(await connection.recv())["position"] for _ in range(2)]
    await peas.happen("a")
    await beans.happen("c")
    async with connect(f"{address}?after={seen[-1]}") as connection, asyncio.timeout(10):
        found = [json.loads(await connection.recv()) for _ in range(2)]
    assert seen == [1, 2]
    assert [(each["position"], each["project"], each["number"]) for each in found] == [
        (3, "peas", 1),
        (4, "beans", 3),
    ]


async def test_a_filtered_stream_has_heartbeats_to_resume_after(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    recorded = await record()
    await recorded.happen("left.out", "wanted.one", "left.out.too", "wanted.two", "last")
    often = settings.model_copy(update={"event_heartbeat": 0.1})
    async with listening(database, no_temporal, often) as address:
        query = "project_id=allotment&type=wanted.one&type=wanted.two&type=HITL_REQUEST"
        async with connect(f"{address}?{query}") as connection, asyncio.timeout(10):
            messages = [json.loads(await connection.recv()) for _ in range(3)]
    assert [each["type"] for each in messages] == ["WORKFLOW_EVENT", "WORKFLOW_EVENT", "HEARTBEAT"]
    assert [each.get("number") for each in messages] == [2, 4, None]
    beat = messages[-1]
    assert (beat["project"], beat["after"]) == ("allotment", 5)
    assert set(beat) == {"type", "project", "after", "at"}


async def test_a_server_that_stops_says_where_to_go_on(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    await (await record()).happen("one", "two")
    async with AsyncExitStack() as stack:
        async with listening(database, no_temporal, settings) as address:
            connection = await stack.enter_async_context(connect(f"{address}?project_id=allotment"))
            assert await numbers(connection, 2) == [1, 2]
        assert await close_code(connection) == socket_route.STOPPING


async def test_an_unknown_project_is_closed_with_its_code(address: str) -> None:
    async with connect(f"{address}?project_id=nothing") as connection:
        assert await close_code(connection) == socket_route.UNKNOWN_PROJECT


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=99999999999999999999", "type=NOTHING", "type="]
)
async def test_a_wrong_cursor_is_refused(address: str, query: str) -> None:
    with pytest.raises(InvalidStatus):
        await connect(f"{address}?{query}")


async def test_a_foreign_page_is_refused(address: str, record: Record) -> None:
    await record()
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{address}?project_id=allotment", additional_headers={"Origin": "http://evil.example"})
    assert refused.value.response.status_code == 403
    own = address.replace("ws://", "http://").removesuffix("/ws")
    async with connect(f"{address}?project_id=allotment", additional_headers={"Origin": own}):
        pass


async def test_a_rebound_name_is_refused(address: str) -> None:
    host, port = address.removeprefix("ws://").removesuffix("/ws").split(":")
    raw = socket.create_connection((host, int(port)))
    with pytest.raises(InvalidStatus):
        await connect("ws://evil.example/ws", sock=raw)


async def test_a_client_that_does_not_read_is_let_go_and_may_resume(
    address: str, record: Record, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "SEND_SECONDS", 0.3)
    await record()
    bulk = [
        EventDraft(key=f"k{number}", type=EventType.WORKFLOW_EVENT, name="bulk", data={"x": "y" * 60_000})
        for number in range(300)
    ]
    ended = asyncio.Event()
    original = socket_route.close

    async def closing(*arguments: Any) -> None:
        await original(*arguments)
        ended.set()

    monkeypatch.setattr(socket_route, "close", closing)
    async with connect(f"{address}?project_id=allotment", max_queue=1) as connection:
        for start in range(0, len(bulk), 50):
            await database.write(events.append_events, "allotment", bulk[start : start + 50])
        async with asyncio.timeout(30):
            await ended.wait()
        seen = await last_number_before_the_end(connection)
        assert connection.close_code == socket_route.TOO_SLOW
        assert connection.close_reason == f"too slow; resume with after={seen}"
    assert 0 < seen < 300
    async with connect(f"{address}?project_id=allotment&after={seen}", max_size=None) as connection:
        assert await numbers(connection, 300 - seen) == list(range(seen + 1, 301))


async def test_with_a_token_the_socket_needs_it(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    recorded = await record()
    await recorded.happen("one")
    guarded = settings.model_copy(update={"api_token": SecretStr(TOKEN)})
    async with listening(database, no_temporal, guarded) as address:
        url = f"{address}?project_id=allotment"
        async with connect(url, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as connection:
            assert await numbers(connection, 1) == [1]
        async with connect(url, subprotocols=subprotocols(TOKEN)) as connection:
            assert connection.subprotocol == "paceline"
            assert await numbers(connection, 1) == [1]
        async with connect(url) as connection:
            await connection.send(json.dumps({"token": TOKEN}))
            assert await numbers(connection, 1) == [1]
        async with connect(url) as connection:
            await connection.send(json.dumps({"token": "wrong"}))
            assert await close_code(connection) == 4401
        with pytest.raises(InvalidStatus):
            await connect(f"{url}&token={TOKEN}", subprotocols=subprotocols("wrong"))


def subprotocols(token: str) -> Any:
    """What a browser offers, which cannot send headers."""
    return ["paceline", f"paceline.token.{token}"]


async def test_a_hundred_clients_hear_everything(address: str, record: Record) -> None:
    recorded = await record()
    count = 50

    async def listen() -> list[int]:
        async with connect(f"{address}?project_id=allotment", compression=None) as connection:
            return await numbers(connection, count)

    listeners: list[Awaitable[list[int]]] = [asyncio.ensure_future(listen()) for _ in range(100)]
    for number in range(count):
        await recorded.happen(f"e{number}")
    assert await asyncio.gather(*listeners) == [list(range(1, count + 1))] * 100
