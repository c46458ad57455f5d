"""Heartbeats that go on while an activity waits for something else."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from temporalio import activity

INTERVAL = 1.0
"""Seconds between two heartbeats; the server's patience is six times that."""


@asynccontextmanager
async def heartbeating(
    also: Callable[[], Awaitable[None]] | None = None, every: int = 5
) -> AsyncGenerator[None]:
    """Heartbeat once a second until the block is left.

    Args:
        also: done at every so many heartbeats.
        every: how many.
    """

    async def beat() -> None:
        for count in itertools.count(1):
            await asyncio.sleep(INTERVAL)
            activity.heartbeat()
            if also is not None and count % every == 0:
                await also()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
