"""Heartbeats that go on while an activity waits for something else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from temporalio import activity

INTERVAL = 1.0
"""Seconds between two heartbeats; the server's patience is six times that."""


@asynccontextmanager
async def heartbeating() -> AsyncGenerator[None]:
    """Heartbeat once a second until the block is left."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(INTERVAL)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
