"""What a run's options and a collaborative story mean for its workflows."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.states import AgentState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import claims
from tests.sample_plans import E, S, plan
from tests.world import World, scripted

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
