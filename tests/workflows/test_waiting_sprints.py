"""A sprint whose stories have ended and that waits for a person takes changes, and ends when told to."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError

from api.amendments import amend_run
from paceline.domain.exchange import AmendRequest
from paceline.domain.ids import sprint_workflow_id
from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.states import RunState, StoryState
from paceline.domain.steering_steps import FromAbove
from paceline.domain.work import AgentDeclaration
from paceline.store import questions
from tests.steering import rows, until_state
from tests.world import World, scripted

pytestmark = pytest.mark.temporal

PLAN = """
# Sprint Planning: Boat Yard

## Sprint 1: Hull (Week 1)

**Stories**:
- Story 1.1: Planks
  - **Agent**: Builder
  - **Files Modified**: `a.txt`

**Success Criteria**:
- [ ] The hull floats
"""
MORE = """
- Story 1.2: Keel
  - **Agent**: Builder
  - **Files Modified**: `b.txt`

**Success"""


async def amend_waiting(world: World, name: str, repository: Path) -> str:
    """A run whose only sprint waits for a verdict when its plan gets one more story."""
    run = await world.start(
        PLAN, project=name, repository=repository, agents=scripted(), metrics={"ask": "wait"}
    )
    asked = await world.question(run.id)
    assert asked.kind is QuestionKind.MEASURE_METRICS
    edited = PLAN.replace("\n**Success", MORE)
    request = AmendRequest.model_validate({"plan": edited, "apply": True, "actor": "ada"})
    reply = await amend_run(run.id, request, world.database, world.client)
    assert reply.amendment.added == ["Story 1.2"]
    return run.id


async def test_a_story_that_comes_while_a_sprint_waits_for_a_verdict_does_not_wait_with_it(
    world: World, name: str, repository: Path
) -> None:
    async with world.workers():
        run = await amend_waiting(world, name, repository)
        await until_state(world, run, "Story 1.2", StoryState.MERGED)
        (left,) = await world.database.read(questions.list_questions, run)
        await world.answer(left, Decision.APPROVE)
        result = await world.result(run)
    assert (result.state, result.counts) == (RunState.COMPLETED, {StoryState.MERGED: 2})


async def test_a_run_is_cancelled_while_its_sprint_hears_of_an_amended_plan(world: World, name: str) -> None:
    """Both arrive together: nothing begins any more, and nothing waits for it to begin."""
    slow = {"Builder": AgentDeclaration(kind="simulated", simulated_seconds=(900.0, 900.0))}
    run = await world.start(PLAN, project=name, agents=slow)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
    sprint = world.client.get_workflow_handle(sprint_workflow_id(run.id, "Sprint 1"))
    await sprint.cancel()
    await sprint.signal("held", FromAbove(paused=[], revision=0, amended=1))
    async with world.workers():
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)
    assert (await rows(world, run.id))["Story 1.1"].state is StoryState.CANCELLED


async def test_a_run_is_cancelled_also_where_its_sprint_has_not_looked_at_an_amended_plan(
    world: World, name: str, repository: Path
) -> None:
    async with world.workers():
        run = await amend_waiting(world, name, repository)
        await world.client.get_workflow_handle(run).cancel()
        with pytest.raises(WorkflowFailureError):
            await world.result(run)
        assert (await world.status(run)).run.state is RunState.CANCELLED
