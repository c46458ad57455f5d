"""What a sprint ended without goes on in the next one, if a person says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.temporal import update_workflow
from paceline.domain.questions import Answer, AnswerReceipt, Decision, QuestionKind
from paceline.domain.states import RunState, StoryState
from paceline.store import changes
from tests.world import World, git_lines, scripted

pytestmark = pytest.mark.temporal

TWO_SPRINTS = """
# Sprint Plan: Two Boxes

## Sprint 1: First

### Epic 1: Part

#### Story 1.1: Broken
- **Agent**: Builder
- **Files Modified**: `a.txt`
- **Checks**:
  - `test -e allowed`

#### Story 1.2: Behind it
- **Agent**: Builder
- **Dependencies**: Story 1.1
- **Files Modified**: `b.txt`

## Sprint 2: Second

### Epic 2: Other part

#### Story 2.1: Free
- **Agent**: Builder
- **Files Modified**: `c.txt`
"""


async def _fail(world: World, project: str) -> None:
    """Let the first story fail for good."""
    taken = await world.question(project)
    assert taken.kind is QuestionKind.TAKE_OVER
    await world.answer(taken, Decision.REJECT)


async def test_a_person_carries_stories_over_and_they_go_on_from_their_work(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(TWO_SPRINTS, project=name, repository=repository, agents=scripted(max_attempts=1))
    async with world.workers():
        await _fail(world, run.id)
        asked = await world.question(run.id)
        assert asked.kind is QuestionKind.CARRY_OVER
        assert "Story 1.1" in asked.text
        assert "Story 1.2" in asked.text
        await world.answer(asked, Decision.AMEND, "with patience")
        again = await world.question(run.id)
        assert (again.kind, again.story) == (QuestionKind.TAKE_OVER, "Story 1.1")
        await world.answer(again, Decision.REJECT)
        result = await world.result(run.id)
    assert result.state is RunState.INCOMPLETE
    assert result.counts == {StoryState.FAILED: 1, StoryState.BLOCKED: 1, StoryState.MERGED: 1}
    rows = {story.id: story for story in (await world.status(run.id)).stories}
    assert {rows[key].sprint for key in rows} == {rows["Story 2.1"].sprint}
    assert rows["Story 1.1"].attempt == 2
    events = await world.events(run.id)
    carried = [event for event in events if event.name == "story.carried_over"]
    assert [(event.story, event.actor, event.data["was"]) for event in carried] == [
        ("Story 1.1", "ada", "failed"),
        ("Story 1.2", "ada", "blocked"),
    ]
    found = await world.database.read(changes.changes_of, run.id)
    assert [(each.target, each.reason) for each in found] == [
        ("Story 1.1", "with patience"),
        ("Story 1.2", "with patience"),
    ]
    kept = git_lines(repository, "for-each-ref", "--format=%(refname)", "refs/paceline/preserved/")
    assert len([ref for ref in kept if "story-1.1" in ref]) == 2


async def test_without_a_yes_they_stay_where_they_are(world: World, name: str, repository: Path) -> None:
    run = await world.start(TWO_SPRINTS, project=name, repository=repository, agents=scripted(max_attempts=1))
    async with world.workers():
        await _fail(world, run.id)
        await world.answer(await world.question(run.id), Decision.REJECT)
        result = await world.result(run.id)
    assert result.counts == {StoryState.FAILED: 1, StoryState.BLOCKED: 1, StoryState.MERGED: 1}
    rows = {story.id: story for story in (await world.status(run.id)).stories}
    assert rows["Story 1.1"].sprint != rows["Story 2.1"].sprint
    assert await world.database.read(changes.latest_revision, run.id) == 0


@pytest.mark.parametrize("policy", ["always", "never"])
async def test_a_run_may_decide_beforehand(world: World, name: str, repository: Path, policy: str) -> None:
    run = await world.start(
        TWO_SPRINTS,
        project=name,
        repository=repository,
        agents=scripted(max_attempts=1),
        carry_over=policy,
    )
    async with world.workers():
        await _fail(world, run.id)
        if policy == "always":
            again = await world.question(run.id)
            assert again.kind is QuestionKind.TAKE_OVER
            await world.answer(again, Decision.REJECT)
        await world.result(run.id)
    events = [event.name for event in await world.events(run.id)]
    assert events.count("story.carried_over") == (2 if policy == "always" else 0)


async def test_a_person_chooses_which_stories_are_carried_over(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(TWO_SPRINTS, project=name, repository=repository, agents=scripted(max_attempts=1))
    async with world.workers():
        await _fail(world, run.id)
        asked = await world.question(run.id)
        assert [option.name for option in asked.options] == ["Story 1.1", "Story 1.2"]
        answer = Answer(question=asked.id, decision=Decision.CHOOSE, chosen=["Story 1.1"], actor="ada")
        await update_workflow(world.client, asked.workflow_id, "answer", answer, AnswerReceipt)
        again = await world.question(run.id)
        assert (again.kind, again.story) == (QuestionKind.TAKE_OVER, "Story 1.1")
        await world.answer(again, Decision.REJECT)
        await world.result(run.id)
    moved = [event.story for event in await world.events(run.id) if event.name == "story.carried_over"]
    assert moved == ["Story 1.1"]
