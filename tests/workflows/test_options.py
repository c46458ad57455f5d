"""What a run's options and a collaborative story mean for its workflows."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.contracts import ProjectResult
from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.states import AgentState, RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import claims
from tests.sample_plans import E, S, plan
from tests.world import World, scripted
from workers.worker import running_workers

pytestmark = pytest.mark.temporal


async def test_approval_may_be_asked_for_where_the_plan_does_not(
    world: World, name: str, repository: Path
) -> None:
    text = plan(E("1", [S("1.1", files=("a.txt",))]))
    run = await world.start(text, project=name, repository=repository, agents=scripted(), approve_merges=True)
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.APPROVE_MERGE
        assert (await world.status(run.id)).stories[0].merge_commit is None
        await world.answer(question, Decision.APPROVE)
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}


async def test_a_collaborative_story_holds_all_of_its_agents(world: World, name: str) -> None:
    text = plan(
        E("1", [S("1.1", agent="Ada + Bob (Collaborative)"), S("1.2", "Story 1.1", agent="Bob")]),
        agents=("Ada", "Bob"),
    )
    long = AgentDeclaration(kind="simulated", simulated_seconds=(600.0, 600.0))
    run = await world.start(text, project=name, agents={"*": long})
    async with world.workers():

        async def works() -> bool:
            return (await world.status(run.id)).stories[0].state is StoryState.WORKING

        await world.until(works, "the collaborative story's work")
        held = {need.resource for each in await world.database.read(claims.list_claims) for need in each.held}
        states = {agent.agent: agent.state for agent in (await world.status(run.id)).agents}
        await world.client.get_workflow_handle(run.id).cancel()
        await world.until(lambda: _freed(world), "everything given back")
    assert {f"agent:{run.id}:Ada", f"agent:{run.id}:Bob"} <= held
    assert states == {"Ada": AgentState.WORKING, "Bob": AgentState.WORKING}


async def _freed(world: World) -> bool:
    return await world.database.read(claims.list_claims) == []


TWO_SPRINTS = """
# Plan
## Agent Team
### 1. Ada
- **Role**: Builds
## Sprint 1: Ground
### Epic 1: House
#### Story 1.1: Dig
- **Agent**: Ada
- **Files**: `a.txt`
## Sprint 2: Walls (Optional)
### Epic 1: House (continued)
#### Story 1.2: Build
- **Agent**: Ada
- **Dependencies**: Story 1.1
- **Files**: `b.txt`
"""


async def _optional_sprint(world: World, name: str, decision: Decision) -> ProjectResult:
    run = await world.start(TWO_SPRINTS, project=name)
    async with world.workers():
        question = await world.question(run.id)
        assert question.kind is QuestionKind.START_OPTIONAL_SPRINT
        before = {story.id: story.state for story in (await world.status(run.id)).stories}
        assert before == {"Story 1.1": StoryState.SETTLED, "Story 1.2": StoryState.PENDING}
        await world.answer(question, decision)
        return await world.result(run.id)


async def test_an_optional_sprint_that_is_approved_runs(world: World, name: str) -> None:
    result = await _optional_sprint(world, name, Decision.APPROVE)
    assert result.state is RunState.COMPLETED
    assert result.counts == {StoryState.SETTLED: 2}


async def test_an_optional_sprint_that_is_rejected_is_skipped(world: World, name: str) -> None:
    result = await _optional_sprint(world, name, Decision.REJECT)
    assert result.counts == {StoryState.SETTLED: 1, StoryState.SKIPPED: 1}
    left_out = (await world.status(name)).stories[1]
    assert left_out.state is StoryState.SKIPPED
    assert left_out.reason


async def test_a_story_of_another_task_queue_waits_for_a_worker_that_serves_it(
    world: World, name: str
) -> None:
    agents = {"*": AgentDeclaration(kind="simulated", task_queue="paceline-work-rust")}
    run = await world.start(plan(E("1", [S("1.1")])), project=name, agents=agents)
    async with world.workers():

        async def claimed() -> bool:
            return (await world.status(run.id)).stories[0].state is StoryState.WORKING

        await world.until(claimed, "the story's claim")
        alone = running_workers(
            world.client, world.database, world.settings, work_queues=["paceline-work-rust"], control=False
        )
        async with alone:
            result = await world.result(run.id)
    assert result.counts == {StoryState.SETTLED: 1}
