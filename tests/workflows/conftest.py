"""A world on the session's Temporal server, with a project name of its own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.world import World, make_repository, open_world
from workers.temporal_server import EmbeddedServer


@pytest_asyncio.fixture
async def world(tmp_path: Path, temporal_server: EmbeddedServer) -> AsyncGenerator[World]:
    """Everything but workers."""
    async with open_world(tmp_path / "home", temporal_server.address) as opened:
        yield opened


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with one commit."""
    return make_repository(tmp_path / "repository")


@pytest.fixture
def name() -> str:
    """A project name that no other test uses: workflow ids are per server."""
    return f"p-{uuid.uuid4().hex[:10]}"
