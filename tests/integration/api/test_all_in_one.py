"""Everything in one process: it serves, it survives its Temporal server, and it refuses in time."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

import httpx2
import pytest

from paceline.errors import ConfigurationError, PortBusy
from paceline.settings import Settings
from tests.integration.api.allotment import PLAN, SIMULATED
from workers.all_in_one import all_in_one
from workers.temporal_binary import Binary

pytestmark = pytest.mark.temporal


@pytest.fixture
def own(settings: Settings, temporal_binary: Binary) -> Settings:
    """Free ports, and the binary of this machine."""
    chosen = {"temporal_binary": temporal_binary.path, "temporal_port": 0, "temporal_ui_port": 0}
    return settings.model_copy(update=chosen)


async def test_a_killed_temporal_server_is_started_again_and_runs_go_on(own: Settings) -> None:
    restarting = asyncio.Event()

    def say(sentence: str) -> None:
        if "started again" in sentence:
            restarting.set()

    async with all_in_one(own, say) as running, httpx2.AsyncClient(base_url=running.api_url or "") as calls:
        assert (await calls.get("/ready", timeout=20)).json()["ready"] is True
        assert running.embedded is not None
        assert running.embedded.pid is not None
        os.kill(running.embedded.pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            await restarting.wait()
            body = {"plan": PLAN, "options": SIMULATED}
            started = await calls.post("/api/v1/sprints", json=body, timeout=60)
            while started.status_code == 503:  # recorded; Temporal is not back yet, and posting again goes on
                started = await calls.post("/api/v1/sprints", json=body, timeout=60)
            project = started.json()["run"]["id"]
            state = "running"
            while state == "running":
                state = (await calls.get(f"/api/v1/projects/{project}")).json()["run"]["state"]
        assert state == "completed"
        assert not running.failure.done()


async def test_a_busy_api_port_is_refused_before_temporal_starts(own: Settings) -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = own.model_copy(update={"api_port": taken.getsockname()[1]})
        with pytest.raises(PortBusy, match="PACELINE_API_PORT"):
            async with all_in_one(busy, said.append):
                pass
    assert said == []


async def test_beyond_loopback_it_does_not_start_without_a_token(own: Settings) -> None:
    public = own.model_copy(update={"api_host": "0.0.0.0"})  # noqa: S104 - the address that is refused
    with pytest.raises(ConfigurationError, match="PACELINE_API_TOKEN"):
        async with all_in_one(public, lambda sentence: None):
            pass
