"""What routes are given, as `Annotated` aliases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import HTTPConnection
from starlette.responses import Response
from temporalio.client import Client

from api.hub import Hub
from paceline.settings import Settings
from paceline.store.database import Database


@dataclass(frozen=True)
class Parts:
    """What one application is made of; kept in `app.state.parts`."""

    database: Database
    client: Client
    settings: Settings
    hub: Hub


def parts_of(connection: HTTPConnection) -> Parts:
    """The parts of the application that serves this request or WebSocket."""
    parts = connection.app.state.parts
    assert isinstance(parts, Parts)  # noqa: S101 - set by create_app; narrows the type
    return parts


# Not plain functions, which FastAPI would run in another thread each time.
async def _database(connection: HTTPConnection) -> Database:
    return parts_of(connection).database


async def _client(connection: HTTPConnection) -> Client:
    return parts_of(connection).client


async def _settings(connection: HTTPConnection) -> Settings:
    return parts_of(connection).settings


async def _hub(connection: HTTPConnection) -> Hub:
    return parts_of(connection).hub


async def _never_kept(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


NEVER_KEPT = Depends(_never_kept)
"""Of routes whose answer has a secret: neither caches nor the table of keyed requests keep it."""
DatabaseDep = Annotated[Database, Depends(_database)]
ClientDep = Annotated[Client, Depends(_client)]
SettingsDep = Annotated[Settings, Depends(_settings)]
HubDep = Annotated[Hub, Depends(_hub)]

ProjectFilter = Annotated[str | None, Query(description="Only this project.", max_length=200)]
HIGHEST = 2**63 - 1
"""The largest number that a database keeps."""
Limit = Annotated[int, Query(ge=1, le=1000, description="The most entries to return.")]
