"""The comparator: the same graph on bare Temporal workflows and activities, and nothing else.

A parent starts a child a story when its dependencies are done; a child runs three no-op activities; nothing
is claimed, projected or reported.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import activity, workflow

STEPS = 3
TIMEOUT = timedelta(seconds=60)


@activity.defn(name="bare-step")
async def bare_step(seconds: float) -> None:
    """A step that takes the given time and does nothing."""
    if seconds:
        await asyncio.sleep(seconds)


@workflow.defn(name="bare-story")
class BareStory:
    """Three steps in a row, the second of which is the work."""

    @workflow.run
    async def run(self, seconds: float) -> None:
        """Run the steps."""
        for step in range(STEPS):
            await workflow.execute_activity(
                bare_step, seconds if step == 1 else 0.0, start_to_close_timeout=TIMEOUT
            )


@workflow.defn(name="bare-sprint")
class BareSprint:
    """A child a story, in dependency order, at most `cap` at once."""

    @workflow.run
    async def run(self, graph: list[list[int]], seconds: float, cap: int) -> int:
        """Run the graph; returns the number of stories done."""
        slots = asyncio.Semaphore(cap)
        done = [asyncio.Event() for _ in graph]

        async def story(index: int) -> None:
            for dependency in graph[index]:
                await done[dependency].wait()
            async with slots:
                await workflow.execute_child_workflow(
                    BareStory.run, seconds, id=f"{workflow.info().workflow_id}/{index}"
                )
            done[index].set()

        await asyncio.gather(*(story(index) for index in range(len(graph))))
        return len(graph)
