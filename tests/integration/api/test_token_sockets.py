"""WebSockets with a token: its projects, and its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from temporalio.client import Client
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api import believed
from paceline.client.api import ApiClient
from paceline.domain.access import Role
from paceline.domain.events import Event
from paceline.errors import Forbidden, Unauthorized
from paceline.settings import Settings
from paceline.store import tokens
from paceline.store.database import Database
from tests.integration.api.allotment import Record
from tests.integration.api.holders import guarded
from workers.api_server import bind, serving, url_of

P = "/api/v1/projects"


@asynccontextmanager
async def listening(database: Database, client: Client, settings: Settings) -> AsyncGenerator[str]:
    """A server that needs a token; yields the address of its socket."""
    needed = guarded(settings, api_host="127.0.0.1")
    with bind(needed) as listener:
        async with serving(listener, database, client, needed):
            yield url_of(listener).replace("http://", "ws://") + "/ws"


async def close_code(address: str, secret: str) -> int | None:
    """The code with which the server ends a connection at once; None where it sends an event."""
    async with asyncio.timeout(20), connect(address, additional_headers=bearer(secret)) as connection:
        try:
            await connection.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0
    return None


def bearer(secret: str) -> dict[str, str]:
    """The header."""
    return {"Authorization": f"Bearer {secret}"}


async def test_a_socket_hears_of_its_tokens_projects_only(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    for name in ("allotment", "peas"):
        await (await record(name)).happen("first")
    made = await database.write(tokens.create_token, "ada", Role.VIEWER, "kim", ["allotment"])
    async with listening(database, no_temporal, settings) as address:
        codes = [
            await close_code(f"{address}{query}", made.secret)
            for query in ("?project_id=allotment", "?project_id=peas", "?project_id=nothing", "")
        ]
        assert codes == [None, 4404, 4404, 4403]
        with pytest.raises(InvalidStatus):
            await close_code(address, "pct_wrong")


async def test_a_socket_ends_when_its_token_does(
    database: Database,
    no_temporal: Client,
    settings: Settings,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(believed, "BELIEVED_SECONDS", 0.0)
    run = await record()
    await run.happen("first")
    made = await database.write(tokens.create_token, "ada", Role.VIEWER, "kim", (), timedelta(hours=1))
    async with listening(database, no_temporal, settings) as address:
        query = f"{address}?project_id=allotment"
        async with asyncio.timeout(20), connect(query, additional_headers=bearer(made.secret)) as connection:
            assert json.loads(await connection.recv())["name"] == "first"
            await database.write(tokens.revoke_token, "ada")
            await run.happen("second")
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def test_the_command_lines_client_brings_a_token_and_hears_what_it_may_not(
    database: Database, no_temporal: Client, settings: Settings, record: Record
) -> None:
    run = await record()
    await run.happen("first")
    made = await database.write(tokens.create_token, "ada", Role.OPERATOR, "kim")
    async with listening(database, no_temporal, settings) as address:
        url = address.replace("ws://", "http://").removesuffix("/ws")
        async with ApiClient(url, made.secret) as client, asyncio.timeout(20):
            assert [each.id for each in await client.projects()] == ["allotment"]
            assert [each.name async for each in _first(client.events("allotment"))] == ["first"]
            with pytest.raises(Forbidden, match="needs the role admin"):
                await client.cancel("allotment")
        async with ApiClient(url) as client:
            assert await client.answers()
            with pytest.raises(Unauthorized):
                await client.projects()


async def _first(events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
    """The first event only."""
    async for event in events:
        yield event
        return
