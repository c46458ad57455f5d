"""A world without workers, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio

from tests.databases import *  # noqa: F403 - fixtures are found by their names
from tests.world import World, open_world
from workers.temporal_server import EmbeddedServer


@pytest_asyncio.fixture
async def world(
    tmp_path: Path, temporal_server: EmbeddedServer, any_database_url: str
) -> AsyncGenerator[World]:
    """Everything but workers."""
    address = temporal_server.address
    async with open_world(tmp_path / "home", address, database_url=any_database_url) as opened:
        yield opened
