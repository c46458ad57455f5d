"""Fixtures that more than one tier shares, and what is done where a real part cannot be had."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import NoReturn

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from paceline.agents.confinement import find_sandbox
from paceline.errors import ServerUnavailable
from paceline.settings import Settings
from workers.temporal_binary import Binary, find_server
from workers.temporal_server import EmbeddedServer

# A busy machine is no counterexample.
settings.register_profile("paceline", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("paceline")


def unavailable(reason: str) -> NoReturn:
    """Skips the test with the reason, or fails it where everything must be there (`CI=true`)."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the long tiers to their own commands, which select them with `-m`."""
    if "long" in str(config.getoption("-m")):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(scope="session")
def bubblewrap() -> str:
    """The program that confines agents, where it works on this machine."""
    found = find_sandbox("auto")
    if found.program is None:
        unavailable(f"agents cannot be confined here: {found.reason}")
    return found.program


@pytest.fixture(scope="session")
def temporal_binary() -> Binary:
    """The `temporal` binary of this machine, found as the product finds it."""

    def say(sentence: str) -> None:
        sys.stderr.write(f"{sentence}\n")

    try:
        found = find_server(Settings(temporal_address=None), say)
    except ServerUnavailable as error:
        unavailable(error.message)
    assert isinstance(found, Binary)
    return found


@pytest.fixture
def temporal_settings(tmp_path: Path) -> Settings:
    """A home of the test's own, with free ports."""
    return Settings(home=tmp_path / "home", temporal_address=None, temporal_port=0, temporal_ui_port=0)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_server(
    temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[EmbeddedServer]:
    """One embedded server for the whole session, on a database file and free ports; do not stop it."""
    home = tmp_path_factory.mktemp("temporal")
    settings = Settings(home=home, temporal_address=None, temporal_port=0, temporal_ui_port=0)
    server = await EmbeddedServer.start(settings, lambda sentence: None, temporal_binary)
    yield server
    await server.stop()
