"""The worker's health check asks a real server whether this host takes tasks."""

from __future__ import annotations

import asyncio
import os
import socket
import sys

import pytest
from temporalio import workflow
from temporalio.worker import Worker

from paceline.contracts import CONTROL_TASK_QUEUE
from workers.health import is_polling
from workers.temporal_client import connect
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal


@workflow.defn(name="never-started", sandboxed=False)
class NeverStarted:
    @workflow.run
    async def run(self) -> None:
        """Nothing: the worker only has to poll."""


async def check(server: EmbeddedServer) -> int:
    """The exit status of the command that docker-compose.yml runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "workers.health",
        env={
            **os.environ,
            "PACELINE_TEMPORAL_ADDRESS": server.address,
            "PACELINE_TEMPORAL_NAMESPACE": "default",
        },
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


async def test_healthy_only_while_a_worker_of_this_host_polls(temporal_server: EmbeddedServer) -> None:
    client = await connect(temporal_server.address, "default")
    async with Worker(client, task_queue=CONTROL_TASK_QUEUE, workflows=[NeverStarted]):
        async with asyncio.timeout(30):
            while not await is_polling(client, socket.gethostname()):  # noqa: ASYNC110 - the server knows
                await asyncio.sleep(0.05)
        assert await check(temporal_server) == 0
        assert not await is_polling(client, "another-host")


async def test_unhealthy_without_a_server() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "workers.health",
        env={**os.environ, "PACELINE_TEMPORAL_ADDRESS": "127.0.0.1:1"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"127.0.0.1:1" in said
