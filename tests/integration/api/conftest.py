"""A real database and the API in front of it; Temporal only where a test asks for it."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.main import create_app
from paceline.domain.status import Run, RunOptions
from paceline.settings import Settings
from paceline.store import migrate
from paceline.store.database import Database
from tests.databases import database_template, postgres_cluster, postgres_url
from tests.integration.api.allotment import PLAN, Calls, Record, Recorded, calling, git, write_run
from tests.integration.api.command_line import CommandLine
from tests.integration.api.holders import door
from workers.temporal_binary import Binary
from workers.temporal_client import connect
from workers.temporal_server import EmbeddedServer

__all__ = ["database_template", "door", "postgres_cluster", "postgres_url"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of the test's own."""
    home = tmp_path / "home"
    home.mkdir()
    return Settings(home=home, database_url=None, temporal_address=None, api_port=0, api_token=None)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """A migrated SQLite database."""
    migrate.upgrade(settings.resolved_database_url)
    database = Database(settings.resolved_database_url)
    yield database
    database.close()


@pytest_asyncio.fixture
async def no_temporal() -> Client:
    """A client whose server does not exist."""
    return await Client.connect("127.0.0.1:1", lazy=True, data_converter=pydantic_data_converter)


@pytest_asyncio.fixture
async def temporal(temporal_server: EmbeddedServer) -> Client:
    """A client of the session's real server."""
    return await connect(temporal_server.address, "default")


@pytest.fixture
def app(database: Database, no_temporal: Client, settings: Settings) -> FastAPI:
    """The application without Temporal."""
    return create_app(database, no_temporal, settings)


@pytest_asyncio.fixture
async def api(app: FastAPI) -> AsyncGenerator[Calls]:
    """A client of the application without Temporal."""
    async with calling(app) as calls:
        yield calls


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with one commit."""
    path = tmp_path / "repository"
    path.mkdir()
    (path / "beds.txt").write_text("none\n")
    git(path, "init", "--quiet", "--initial-branch=main")
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", "Fence the plot")
    return path


@pytest.fixture
def record(database: Database) -> Record:
    """Writes a run of `PLAN` into the database, without a workflow."""

    async def write(
        project: str = "allotment", repository: Path | None = None, base: str | None = None
    ) -> Recorded:
        run = Run(
            id=project,
            title="Tend the Allotment",
            plan_digest="",
            repository=str(repository) if repository else None,
            base_commit=base,
            options=RunOptions(),
            started_at=datetime(2026, 11, 21, 9, tzinfo=UTC),
        )
        return Recorded(await database.write(write_run, run), database)

    return write


@pytest.fixture
def paceline(tmp_path: Path, temporal_binary: Binary) -> CommandLine:
    """The command line without anything that runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PACELINE_")}
    own = {
        "PACELINE_HOME": str(tmp_path / "home"),
        "PACELINE_TEMPORAL_BINARY": str(temporal_binary.path),
        "PACELINE_TEMPORAL_PORT": "0",
        "PACELINE_TEMPORAL_UI_PORT": "0",
        "PACELINE_API_PORT": str(port),
    }
    return CommandLine({**kept, **own})


@pytest.fixture
def plan(tmp_path: Path) -> str:
    """A plan's file."""
    path = tmp_path / "plan.md"
    path.write_text(PLAN)
    return str(path)
