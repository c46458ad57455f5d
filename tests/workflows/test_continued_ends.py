"""After continue-as-new an epic cannot await its stories; they still end, also by force."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError

from paceline.contracts import CONTROL_TASK_QUEUE, ProjectInput
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import claims
from tests.sample_plans import E, S, plan
from tests.world import World

pytestmark = pytest.mark.temporal

PATIENCE = 10.0
"""Seconds, where nothing has to be waited for but a few signals."""


async def _continued(world: World, name: str) -> WorkflowHandle[object, object]:
    """Start a run whose epic has continued as new while its last story works."""
    quick = [S(f"1.{number}") for number in range(1, 9)]
    text = plan(E("1", [*quick, S("1.9", agent="Waiter")]), agents=("Builder", "Waiter"))
    agents = {
        "Builder": AgentDeclaration(kind="simulated", concurrency=50),
        "Waiter": AgentDeclaration(kind="simulated", simulated_seconds=(600.0, 600.0)),
    }
    run = await world.start(text, project=name, agents=agents, max_parallel=20)
    await world.client.get_workflow_handle(run.id).terminate("start again with a small limit")
    return await world.client.start_workflow(
        "project", ProjectInput(project=run.id, history_limit=20), id=run.id, task_queue=CONTROL_TASK_QUEUE
    )


async def _adopted(world: World, name: str) -> None:
    """Wait until the epic's new run has asked the story for word of its end."""
    story = world.client.get_workflow_handle(f"{name}/sprint/epic-1/story-1.9")

    async def asked() -> bool:
        try:
            events = (await story.fetch_history()).events
        except RPCError:
            return False
        signals = [each.workflow_execution_signaled_event_attributes.signal_name for each in events]
        return "settle-by-signal" in signals

    await world.until(asked, "the epic's continuation")


async def test_cancelling_a_continued_run_ends_it(world: World, name: str) -> None:
    handle = await _continued(world, name)
    async with world.workers():
        await _adopted(world, name)
        await handle.cancel()
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(WorkflowFailureError):
                await handle.result()
    status = await world.status(name)
    assert status.run.state is RunState.CANCELLED
    assert {row.id: row.state for row in status.stories}["Story 1.9"] is StoryState.CANCELLED
    assert await world.database.read(claims.list_claims) == []
