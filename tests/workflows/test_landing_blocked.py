"""Finished work that cannot be merged for a reason that is not the agent's is kept, and a person is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.states import StoryState
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, scripted

pytestmark = pytest.mark.temporal


async def test_a_checked_out_sprint_branch_is_asked_about_and_the_agent_is_not_run_again(
    world: World, name: str, repository: Path
) -> None:
    branch = f"paceline/{name}/sprint"
    text = plan(E("1", [S("1.1", files=("a.txt",), approval=True)]))
    run = await world.start(text, project=name, repository=repository, agents=scripted())
    async with world.workers():
        approval = await world.question(run.id)
        number = (await world.events(run.id))[-1].number
        git_lines(repository, "checkout", "--quiet", branch)
        await world.answer(approval, Decision.APPROVE)

        async def went_on() -> bool:
            events = await world.events(run.id)
            return events[-1].number > number and any(
                event.name == "attempt.ended" or event.data.get("kind") == QuestionKind.LANDING_BLOCKED
                for event in events
            )

        await world.until(went_on, "the story's next step")
        assert not [event for event in await world.events(run.id) if event.name == "attempt.ended"]
        blocked = await world.question(run.id)
        git_lines(repository, "checkout", "--quiet", "main")
        await world.answer(blocked, Decision.APPROVE)
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 1}
    assert (await world.status(run.id)).stories[0].attempt == 1
