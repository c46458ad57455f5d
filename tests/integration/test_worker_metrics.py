"""A worker alone serves what it counts, on loopback or to who brings the token."""

from __future__ import annotations

import asyncio
import socket
import uuid
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from paceline.errors import ConfigurationError
from paceline.settings import Settings
from tests.world import PATIENCE, World, open_world
from workers.observing import observed, serving_metrics
from workers.temporal_server import EmbeddedServer

PLAN = """\
# Sprint Plan: One Bed

## Sprint Backlog

### Epic 1: Beds

#### Story 1.1: Dig
- **Agent**: Digger
- **Points**: 1
"""


async def get(url: str, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient() as calls:
        return await calls.get(url, headers=headers)


@pytest.mark.temporal
async def test_a_worker_tells_what_its_activities_did(
    tmp_path: Path, temporal_server: EmbeddedServer
) -> None:
    async with (
        open_world(tmp_path / "home", temporal_server.address, metrics_port=0) as world,
        serving_metrics(world.settings) as url,
        world.workers(),
    ):
        assert url is not None
        run = await world.start(PLAN, project=f"bed-{uuid.uuid4().hex[:10]}")
        await world.result(run.id)
        await _swept(world, url)
        text = (await get(url)).text
    lines = text.splitlines()
    assert any(
        line.startswith('paceline_activities_total{activity="do-work",outcome="completed"}') for line in lines
    )
    assert any(line.startswith("paceline_activity_slots{queue=") for line in lines)
    assert any(line.startswith('paceline_disk_free_bytes{folder="home"}') for line in lines)
    # What the database knows is the API's to tell, or it would be told twice.
    assert not any(line.startswith("paceline_stories") for line in lines)


async def _swept(world: World, url: str) -> None:
    async def told() -> bool:
        return 'paceline_sweep_last_success_timestamp_seconds{sweep="claims"}' in (await get(url)).text

    await world.until(told, "a sweep")


async def test_it_is_off_by_default_and_guarded_beyond_loopback(tmp_path: Path) -> None:
    async with serving_metrics(Settings(home=tmp_path)) as url:
        assert url is None
    public = {"home": tmp_path, "metrics_port": 0, "metrics_host": "0.0.0.0"}  # noqa: S104 - what is guarded
    with pytest.raises(ConfigurationError, match="PACELINE_API_TOKEN"):
        async with serving_metrics(Settings.model_validate(public)):
            pass
    guarded = Settings.model_validate({**public, "api_token": SecretStr("a-long-random-token")})
    async with asyncio.timeout(PATIENCE), serving_metrics(guarded) as url:
        assert url is not None
        own = url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - where it listens
        assert (await get(own)).status_code == 401
        assert (await get(own, Authorization="Bearer another")).status_code == 401
        assert (await get(own, Authorization="Bearer a-long-random-token")).status_code == 200


async def test_a_page_of_another_site_gets_nothing(tmp_path: Path) -> None:
    async with serving_metrics(Settings(home=tmp_path, metrics_port=0)) as url:
        assert url is not None
        assert (await get(url, Host="evil.example")).status_code == 403
        assert (await get(url)).status_code == 200


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match="PACELINE_METRICS_PORT"):
            async with serving_metrics(Settings(home=tmp_path, metrics_port=port)):
                pass
        told = Settings(home=tmp_path, temporal_metrics_address=f"127.0.0.1:{port}")
        with (
            pytest.raises(ConfigurationError, match="PACELINE_TEMPORAL_METRICS_ADDRESS"),
            observed(told, "x"),
        ):
            pass
