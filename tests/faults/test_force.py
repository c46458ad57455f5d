"""Workflows cancelled and terminated from outside, in every place: nobody waits for what cannot come."""

from __future__ import annotations

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.service import RPCError

from paceline.contracts import CONTROL_TASK_QUEUE, ProjectInput
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import claims
from tests.sample_plans import E, S, plan
from tests.world import World

pytestmark = pytest.mark.temporal

SLOW = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(600.0, 600.0), concurrency=50)}
QUICK = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(0.0, 0.0), concurrency=50)}
TWO_EPICS = plan(E("1", [S("1.1"), S("1.2", "Story 1.1")]), E("2", [S("2.1", "Story 1.2")]))


async def _states(world: World, project: str) -> dict[str, StoryState]:
    return {row.id: row.state for row in (await world.status(project)).stories}


async def _reaches(world: World, project: str, story: str, state: StoryState) -> None:
    async def there() -> bool:
        return (await _states(world, project))[story] is state

    await world.until(there, f"{story} {state.value}")


async def _ended(world: World, project: str) -> bool:
    return (await world.status(project)).run.state is not RunState.RUNNING


@pytest.mark.parametrize("force", ["terminate", "cancel"])
async def test_an_epic_ended_by_force_lets_nobody_wait_for_its_stories(
    world: World, name: str, force: str
) -> None:
    run = await world.start(TWO_EPICS, project=name, agents=SLOW)
    async with world.workers():
        await _reaches(world, run.id, "Story 1.1", StoryState.WORKING)
        epic = world.client.get_workflow_handle(f"{name}/sprint/epic-1")
        await (epic.terminate() if force == "terminate" else epic.cancel())
        result = await world.result(run.id)
    assert result.state is RunState.INCOMPLETE
    states = await _states(world, run.id)
    assert states["Story 1.1"] in (StoryState.CANCELLED, StoryState.FAILED)
    assert states["Story 1.2"] in (StoryState.CANCELLED, StoryState.BLOCKED)
    assert states["Story 2.1"] is StoryState.BLOCKED
    assert await world.database.read(claims.list_claims) == []


async def test_a_terminated_sprint_leaves_nothing_running(world: World, name: str) -> None:
    run = await world.start(TWO_EPICS, project=name, agents=SLOW)
    async with world.workers():
        await _reaches(world, run.id, "Story 1.1", StoryState.WORKING)
        await world.client.get_workflow_handle(f"{name}/sprint").terminate()
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)

        async def nothing_runs() -> bool:
            return not await _open_workflows(world, name)

        await world.until(nothing_runs, "the end of everything below the terminated sprint")
    assert (await world.status(run.id)).run.state is RunState.FAILED
    assert await world.database.read(claims.list_claims) == []


async def _open_workflows(world: World, project: str) -> list[str]:
    ids = [f"{project}/sprint", f"{project}/sprint/epic-1", f"{project}/sprint/epic-2"]
    ids += [f"{project}/sprint/epic-1/story-1.1", f"{project}/sprint/epic-1/story-1.2"]
    found: list[str] = []
    for id in ids:
        try:
            described = await world.client.get_workflow_handle(id).describe()
        except RPCError:  # it never started
            continue
        if described.status is WorkflowExecutionStatus.RUNNING:
            found.append(id)
    return found


@pytest.mark.parametrize("limit", [10, 40])
async def test_a_run_that_continued_as_new_can_be_cancelled(world: World, name: str, limit: int) -> None:
    chain = [S(f"1.{n}", f"Story 1.{n - 1}" if n > 1 else "") for n in range(1, 6)]
    text = plan(E("1", [*chain, S("1.9", agent="Sleeper")]), E("2", [S("2.1", "Story 1.5", agent="Sleeper")]),
                agents=("Builder", "Sleeper"))  # fmt: skip
    agents = {"*": QUICK["*"], "Sleeper": SLOW["*"]}
    run = await world.start(text, project=name, agents=agents)
    handle = world.client.get_workflow_handle(run.id)
    await handle.terminate("start again with a small limit")
    await world.client.start_workflow(
        "project",
        ProjectInput(project=run.id, history_limit=limit),
        id=run.id,
        task_queue=CONTROL_TASK_QUEUE,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    )
    async with world.workers():
        await _reaches(world, run.id, "Story 2.1", StoryState.WORKING)
        await _reaches(world, run.id, "Story 1.9", StoryState.WORKING)
        await world.client.get_workflow_handle(run.id).cancel()
        await world.until(lambda: _ended(world, run.id), "the end of the cancelled run")
    states = await _states(world, run.id)
    assert states["Story 2.1"] is states["Story 1.9"] is StoryState.CANCELLED
    assert await world.database.read(claims.list_claims) == []


@pytest.mark.parametrize("taken", ["sprint", "sprint/epic-1", "sprint/epic-1/story-1.1"])
async def test_an_id_that_is_taken_is_an_end_and_not_a_wait(world: World, name: str, taken: str) -> None:
    """Somebody terminated a run and started its workflow by hand, or used the id for something else."""
    run = await world.start(TWO_EPICS, project=name, agents=QUICK)
    left = await world.client.start_workflow("nobody", id=f"{name}/{taken}", task_queue=f"nowhere-{name}")
    await left.terminate()
    async with world.workers():
        await world.until(lambda: _ended(world, run.id), "the end of the run")
    states = await _states(world, run.id)
    assert StoryState.PENDING not in states.values(), states
    assert states["Story 2.1"] not in (StoryState.SETTLED, StoryState.MERGED)


async def test_a_cancelled_run_cancels_stories_that_are_just_starting(world: World, name: str) -> None:
    stories = [S(f"1.{n}") for n in range(1, 31)]
    run = await world.start(plan(E("1", stories)), project=name, agents=SLOW, max_parallel=30)
    async with world.workers():
        epic = world.client.get_workflow_handle(f"{name}/sprint/epic-1")

        async def starting() -> bool:
            try:
                found = [event async for event in epic.fetch_history_events()]
            except RPCError:
                return False
            initiated = EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED
            return any(event.event_type == initiated for event in found)

        await world.until(starting, "the first story's start")
        await epic.cancel()
        await world.client.get_workflow_handle(run.id).cancel()
        await world.until(lambda: _ended(world, run.id), "the end of the cancelled run")
    assert set((await _states(world, run.id)).values()) == {StoryState.CANCELLED}
    assert await world.database.read(claims.list_claims) == []
