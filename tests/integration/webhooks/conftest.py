"""Fixtures of webhooks: every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.settings import Settings
from tests.databases import *  # noqa: F403 - fixtures are found by their names


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Tries follow each other at once, and this machine may be reached."""
    return Settings(
        home=tmp_path,
        webhook_networks="127.0.0.0/8",
        webhook_pause=0.05,
        webhook_timeout=20.0,
        webhook_tries=4,
    )
