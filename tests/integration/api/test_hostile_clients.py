"""Whatever a client sends, as the API's description allows or not: no 500, and nothing undeclared."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from temporalio.client import Client

from api.endpoints import ACCESS
from api.main import create_app
from paceline.settings import Settings
from paceline.store import migrate
from paceline.store.database import Database
from tests.integration.api.fuzzing import Found, fuzz
from tests.integration.api.holders import guarded
from tests.integration.api.seeded import Seeds, seed

SILENT = {("GET", "/ws"), ("GET", "/api/v1/openapi.json"), ("GET", "/api/v1/events/stream")}
"""What the description does not have, and what never ends."""


@dataclass(frozen=True)
class Target:
    """An application, and what there is in its database."""

    app: FastAPI
    seeds: Seeds


async def target(database: Database, client: Client, settings: Settings) -> Target:
    needed = guarded(settings, rate_per_second=0.0)
    seeds = await seed(database, needed, client)
    return Target(create_app(database, client, needed), seeds)


@pytest.fixture
async def hostile(database: Database, no_temporal: Client, settings: Settings) -> Target:
    """On SQLite."""
    return await target(database, no_temporal, settings)


@pytest.fixture
async def on_postgres(no_temporal: Client, settings: Settings, postgres_url: str) -> AsyncGenerator[Target]:
    """On PostgreSQL, which takes fewer texts and numbers than SQLite."""
    needed = settings.model_copy(update={"database_url": postgres_url})
    migrate.upgrade(postgres_url)
    database = Database(postgres_url)
    yield await target(database, no_temporal, needed)
    database.close()


def asked_everything(found: Found) -> None:
    """Every operation was asked, and more than one kind of answer came."""
    assert found.operations == {f"{method} {template}" for method, template in ACCESS.keys() - SILENT}
    assert {200, 201, 404, 409, 422} <= found.statuses.keys()


def test_the_edges_of_every_field(hostile: Target) -> None:
    found = fuzz(hostile.app, {"examples": 1, "coverage": 1})
    assert found.wrong == {}
    asked_everything(found)


def test_made_up_requests_about_what_there_is(hostile: Target) -> None:
    found = fuzz(hostile.app, {"fuzzing": 6}, hostile.seeds.paths)
    assert found.wrong == {}
    asked_everything(found)


def test_made_up_names(hostile: Target) -> None:
    found = fuzz(hostile.app, {"fuzzing": 4})
    assert found.wrong == {}


@pytest.mark.postgres
def test_made_up_requests_on_postgres(on_postgres: Target) -> None:
    found = fuzz(on_postgres.app, {"fuzzing": 4}, on_postgres.seeds.paths)
    assert found.wrong == {}
    asked_everything(found)


@pytest.mark.long
@pytest.mark.parametrize("fixed", [True, False])
def test_many_made_up_requests(hostile: Target, fixed: bool) -> None:
    found = fuzz(hostile.app, {"fuzzing": 300}, hostile.seeds.paths if fixed else None)
    assert found.wrong == {}


@pytest.mark.long
@pytest.mark.postgres
def test_many_made_up_requests_on_postgres(on_postgres: Target) -> None:
    found = fuzz(on_postgres.app, {"coverage": 100, "fuzzing": 100}, on_postgres.seeds.paths)
    assert found.wrong == {}
