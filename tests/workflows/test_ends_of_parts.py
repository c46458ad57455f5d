"""A story whose part is done takes no steering before its next sprint, and yet people can always end it."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowFailureError

from paceline.domain.questions import Decision
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.errors import Conflict
from tests.steering import events_named, rows, steer, until_state
from tests.workflows.test_split_stories import BAKERY
from tests.world import World

pytestmark = pytest.mark.temporal

OVEN, FLOUR, LOAF = "US-1", "US-2", "US-3"
AGENTS = {"Ada": AgentDeclaration(kind="simulated"), "Bob": AgentDeclaration(kind="human")}


async def _begin(world: World, name: str) -> str:
    """A run whose first sprint goes on after the first part of a story."""
    run = await world.start(BAKERY, project=name, agents=AGENTS)
    await until_state(world, run.id, OVEN, StoryState.PART_DONE)
    await until_state(world, run.id, FLOUR, StoryState.WAITING_FOR_PERSON)
    for action in ("skip", "cancel", "retry", "pause"):
        with pytest.raises(Conflict, match="next part is in a later sprint"):
            await steer(world, run.id, action, OVEN, reason="try")
    return run.id


async def test_a_forced_end_counts_it_as_done(world: World, name: str) -> None:
    async with world.workers():
        run = await _begin(world, name)
        await steer(world, run, "force_complete", reason="enough")
        result = await world.result(run)
    assert (result.state, result.counts) == (RunState.COMPLETED, {StoryState.SETTLED: 3})
    assert {row.state for row in (await rows(world, run)).values()} == {StoryState.SETTLED}


async def test_it_is_skipped_with_the_sprint_of_its_next_part(world: World, name: str) -> None:
    async with world.workers():
        run = await _begin(world, name)
        await steer(world, run, "skip", sprint="Sprint 2", reason="no bread")
        await world.answer(await world.question(run), Decision.APPROVE)
        result = await world.result(run)
    assert result.state is RunState.COMPLETED
    assert result.counts[StoryState.SKIPPED] == 2
    assert (await rows(world, run))[OVEN].state is StoryState.SKIPPED


async def test_it_goes_on_where_the_rest_of_its_sprint_is_skipped(world: World, name: str) -> None:
    async with world.workers():
        run = await _begin(world, name)
        await steer(world, run, "skip", sprint="Sprint 1", reason="no flour")
        await until_state(world, run, OVEN, StoryState.SETTLED)
        await world.answer(await world.question(run), Decision.APPROVE)
        result = await world.result(run)
    assert result.state is RunState.COMPLETED
    assert {key: row.state for key, row in (await rows(world, run)).items()} == {
        OVEN: StoryState.SETTLED,
        FLOUR: StoryState.SKIPPED,
        LOAF: StoryState.SETTLED,
    }


async def test_it_is_skipped_with_its_epic_in_the_sprint_of_its_next_part(world: World, name: str) -> None:
    async with world.workers():
        run = await _begin(world, name)
        epic = (await rows(world, run))[OVEN].epic
        await steer(world, run, "skip", sprint="Sprint 2", epic=epic, reason="no bread")
        await world.answer(await world.question(run), Decision.APPROVE)
        result = await world.result(run)
    assert (result.state, result.counts[StoryState.SKIPPED]) == (RunState.COMPLETED, 2)
    assert (await rows(world, run))[OVEN].reason == "ada skipped it: no bread"
    told = await events_named(world, run, "story.skipped")
    assert [(each.story, each.actor) for each in told] == [(LOAF, "ada"), (OVEN, "ada")]


async def test_a_cancelled_run_ends_with_its_part_kept(world: World, name: str) -> None:
    async with world.workers():
        run = await _begin(world, name)
        await steer(world, run, "cancel")
        with pytest.raises(WorkflowFailureError):
            await world.result(run)
    states = {key: row.state for key, row in (await rows(world, run)).items()}
    assert states == {
        OVEN: StoryState.PART_DONE,
        FLOUR: StoryState.CANCELLED,
        LOAF: StoryState.CANCELLED,
    }
