"""A worker alone, as a container runs it, on a Temporal server that does not know Paceline yet."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from paceline.settings import Settings
from paceline.store.migrate import upgrade
from workers.search_attributes import ensure_search_attributes
from workers.temporal_binary import Binary
from workers.temporal_client import connect
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal


async def test_a_worker_registers_what_its_server_does_not_have(
    tmp_path: Path, temporal_binary: Binary, temporal_settings: Settings
) -> None:
    server = await EmbeddedServer.start(temporal_settings, lambda sentence: None, temporal_binary)
    try:
        remove = [str(temporal_binary.path), "operator", "search-attribute", "remove", "--yes"]
        remove += ["--address", server.address, "--name", "PacelineStory"]
        assert await (await asyncio.create_subprocess_exec(*remove)).wait() == 0
        home = tmp_path / "worker"
        home.mkdir()
        upgrade(Settings(home=home).resolved_database_url)
        variables = {"PACELINE_HOME": str(home), "PACELINE_TEMPORAL_ADDRESS": server.address}
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "paceline.cli.main", "worker"),
            env=os.environ | variables,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert worker.stdout is not None
            assert b"A worker for paceline-work runs" in await worker.stdout.readline()
            assert await ensure_search_attributes(await connect(server.address, "default")) == []
        finally:
            worker.terminate()
            await worker.communicate()
    finally:
        await server.stop()
