"""Every way out of a story gives its claim back, and long lives continue as new without losing anyone."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle

from paceline.contracts import CONTROL_TASK_QUEUE, ProjectInput
from paceline.domain.questions import Decision
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import claims
from tests.sample_plans import E, S, plan
from tests.steering import steer
from tests.world import World, git_lines

pytestmark = pytest.mark.temporal


async def _working(world: World, project: str, story: str) -> None:
    async def works() -> bool:
        rows = {row.id: row for row in (await world.status(project)).stories}
        return rows[story].state is StoryState.WORKING

    await world.until(works, f"{story} working")


async def test_cancelling_preserves_work_releases_claims_and_ends_the_run(
    world: World, name: str, repository: Path
) -> None:
    script = "echo half > a.txt; exec sleep 600"
    agents = {"*": AgentDeclaration(kind="command", command=["/bin/sh", "-c", script])}
    run = await world.start(
        plan(E("1", [S("1.1", files=("a.txt",)), S("1.2", "Story 1.1")])),
        project=name,
        repository=repository,
        agents=agents,
    )
    async with world.workers():

        async def written() -> bool:
            return any(path.read_text() == "half\n" for path in world.settings.worktree_root.rglob("a.txt"))

        await world.until(written, "the agent's first line")
        await world.client.get_workflow_handle(run.id).cancel()
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)
    status = await world.status(run.id)
    assert status.run.state is RunState.CANCELLED
    states = {row.id: row.state for row in status.stories}
    assert states["Story 1.1"] is StoryState.CANCELLED
    assert await world.database.read(claims.list_claims) == []
    assert git_lines(repository, "show", f"refs/paceline/preserved/{name}/story-1.1/1:a.txt") == ["half"]


async def test_a_terminated_story_frees_its_claim_and_blocks_its_dependants(world: World, name: str) -> None:
    agents = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(600.0, 600.0))}
    text = plan(E("1", [S("1.1", files=("a.txt",)), S("1.2", "Story 1.1")]))
    run = await world.start(text, project=name, agents=agents)
    async with world.workers():
        await _working(world, run.id, "Story 1.1")
        story = world.client.get_workflow_handle(f"{name}/sprint/epic-1/story-1.1")
        await story.terminate("by hand")
        result = await world.result(run.id)
    assert result.counts == {StoryState.FAILED: 1, StoryState.BLOCKED: 1}
    assert await world.database.read(claims.list_claims) == []


async def test_a_terminated_project_frees_everything(world: World, name: str) -> None:
    agents = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(600.0, 600.0))}
    run = await world.start(plan(E("1", [S("1.1", files=("a.txt",))])), project=name, agents=agents)
    async with world.workers():
        await _working(world, run.id, "Story 1.1")
        await world.client.get_workflow_handle(run.id).terminate("by hand")

        async def freed() -> bool:
            return await world.database.read(claims.list_claims) == []

        await world.until(freed, "the claim of the terminated project's story freed")
        await world.until(lambda: _ended(world, run.id), "the end of the terminated project's run")
    assert (await world.status(run.id)).run.state is RunState.CANCELLED


async def test_continue_as_new_loses_nobody(world: World, name: str) -> None:
    """A history limit of a few events makes epics and the sprint continue again and again mid-way."""
    epics = [
        E("1", [S(f"1.{number}", f"Story 1.{number - 1}" if number > 1 else "") for number in range(1, 9)]),
        E("2", [S(f"2.{number}", f"Story 1.{number}") for number in range(1, 9)]),
    ]
    agents = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(0.0, 0.3), concurrency=50)}
    run = await world.start(plan(*epics), project=name, agents=agents, max_parallel=20)
    handle = world.client.get_workflow_handle(run.id)
    await handle.terminate("start again with a small limit")
    short: WorkflowHandle[object, object] = await world.client.start_workflow(
        "project",
        ProjectInput(project=run.id, history_limit=30),
        id=run.id,
        task_queue=CONTROL_TASK_QUEUE,
    )
    async with world.workers():
        await world.until(lambda: _ended(world, run.id), "the end of the run")
        await short.result()
    assert (await world.status(run.id)).counts[StoryState.SETTLED] == 16
    epic = await world.client.get_workflow_handle(f"{name}/sprint/epic-2").describe()
    assert epic.raw_info.execution.run_id != epic.raw_description.workflow_extended_info.original_start_time
    histories = [each async for each in world.client.list_workflows(f"WorkflowId = '{name}/sprint/epic-1'")]
    assert len(histories) > 1


async def _ended(world: World, project: str) -> bool:
    return (await world.status(project)).run.state is not RunState.RUNNING


async def test_a_question_outlives_its_worker(world: World, name: str) -> None:
    run = await world.start(
        plan(E("1", [S("1.1")])), project=name, agents={"*": AgentDeclaration(kind="human")}
    )
    async with world.workers():
        question = await world.question(run.id)
    async with world.workers():
        await world.answer(question, Decision.APPROVE)
        assert (await world.result(run.id)).counts == {StoryState.SETTLED: 1}


SPRINTS = """# Long

## Sprint 1

- **STORY-1**: Dig (3 points)

## Sprint 2

- **STORY-2**: Build (5 points)

## Sprint 3

- **STORY-3**: Cover (5 points)
"""


async def test_a_run_continues_as_new_between_sprints_and_a_story_between_attempts(
    world: World, name: str
) -> None:
    """A limit of a few events: each kind continues, and what people did and what failed goes along."""
    agents = {
        "*": AgentDeclaration(kind="simulated", concurrency=50),
        "Failing": AgentDeclaration(kind="simulated", failure_rate=1.0, max_attempts=4),
    }
    run = await world.start(SPRINTS, project=name, agents=agents)
    await world.client.get_workflow_handle(run.id).terminate("start again with a small limit")
    await world.client.start_workflow(
        "project", ProjectInput(project=run.id, history_limit=5), id=run.id, task_queue=CONTROL_TASK_QUEUE
    )
    async with world.workers():
        await steer(world, run.id, "skip", sprint="Sprint 3", reason="no roof")
        await steer(world, run.id, "reassign", "STORY-2", agents=["Failing"])
        question = await world.question(run.id)
        assert question.story == "STORY-2"
        await world.answer(question, Decision.REJECT)
        await world.until(lambda: _ended(world, run.id), "the end of the run")
    found = {row.id: (row.state, row.attempt) for row in (await world.status(run.id)).stories}
    assert found == {
        "STORY-1": (StoryState.SETTLED, 1),
        "STORY-2": (StoryState.FAILED, 4),
        "STORY-3": (StoryState.SKIPPED, 0),
    }
    story = (await world.status(run.id)).stories[1].workflow_id
    for workflow_id, least in ((run.id, 4), (story, 2)):
        runs = [each async for each in world.client.list_workflows(f"WorkflowId = '{workflow_id}'")]
        assert len(runs) >= least, workflow_id
        ends = [each.status for each in runs]
        assert WorkflowExecutionStatus.CONTINUED_AS_NEW in ends
