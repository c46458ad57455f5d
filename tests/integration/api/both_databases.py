"""The database of a test of the API, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from paceline.settings import Settings
from paceline.store import migrate
from paceline.store.database import Database
from tests.databases import BOTH


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Database]:
    """A migrated database of each kind."""
    if request.param == "sqlite":
        url = settings.resolved_database_url
        migrate.upgrade(url)
    else:
        url = request.getfixturevalue("postgres_url")
    opened = Database(url)
    yield opened
    opened.close()
