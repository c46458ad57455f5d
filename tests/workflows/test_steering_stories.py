"""People steer single stories: pause, resume, retry, skip, reassign, and the like, as the API does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.domain.questions import Decision
from paceline.domain.states import StoryState
from paceline.domain.steering import SteerAction
from paceline.errors import Conflict
from paceline.store import claims
from tests.held import Gate
from tests.sample_plans import E, S, plan
from tests.steering import events_named, steer, until_state
from tests.world import World, git_lines

pytestmark = pytest.mark.temporal

TWO = plan(E("1", [S("1.1", files=("a.txt",)), S("1.2", "Story 1.1", files=("b.txt",))]))


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """Agents wait here."""
    return Gate(tmp_path / "gate")


async def test_a_paused_story_keeps_its_work_and_files_and_goes_on_where_it_was(
    world: World, name: str, repository: Path, gate: Gate
) -> None:
    run = await world.start(TWO, project=name, repository=repository, agents=gate.agents())
    async with world.workers():
        await gate.until_reached(world, "1.1")
        reply = await steer(world, run.id, "pause", "1.1", reason="lunch")
        assert (reply.state, reply.target) == ("taken", "Story 1.1")
        row = (await world.status(run.id)).stories[0]
        assert (row.state, row.reason_code) == (StoryState.WORKING, "PAUSING")
        gate.open()
        await until_state(world, run.id, "Story 1.1", StoryState.PAUSED)
        held = await world.database.read(claims.list_claims)
        assert [need.resource for each in held for need in each.held] == ["file:a.txt"]
        with pytest.raises(Conflict, match="paused already"):
            await steer(world, run.id, "pause", "1.1")
        await steer(world, run.id, "resume", "1.1")
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 2}
    assert not gate.reached("1.1", 2)
    told = await events_named(world, run.id, "steered")
    assert [(event.actor, event.data["action"]) for event in told] == [("ada", "pause"), ("ada", "resume")]
    assert told[0].data["reason"] == "lunch"
    assert len(await events_named(world, run.id, "story.paused")) == 1


async def test_a_retried_story_at_work_begins_its_next_attempt_from_its_work(
    world: World, name: str, repository: Path, gate: Gate
) -> None:
    run = await world.start(TWO, project=name, repository=repository, agents=gate.agents())
    async with world.workers():
        await gate.until_reached(world, "1.1")
        await steer(world, run.id, "retry", "1.1")
        await gate.until_reached(world, "1.1", 2)
        gate.open()
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 2}
    assert git_lines(repository, "show", f"refs/paceline/preserved/{name}/story-1.1/1:a.txt")
    ended = await events_named(world, run.id, "attempt.ended")
    assert [(event.data["attempt"], event.data["code"]) for event in ended] == [(1, "RETRIED")]


async def test_a_failed_story_that_is_retried_starts_again_with_those_that_it_blocked(
    world: World, name: str, repository: Path, gate: Gate
) -> None:
    text = plan(
        E("1", [S("1.1", files=("a.txt",)), S("1.2", "Story 1.1", files=("b.txt",)), S("1.3")]),
        E("2", [S("2.1", "Story 1.2", files=("d.txt",)), S("2.2", files=("e.txt",))]),
    ).replace("#### Story 1.3: Piece 1.3", "#### Story 1.3: Piece 1.3\n- **Files Modified**: `c.txt`")
    run = await world.start(text, project=name, repository=repository, agents=gate.agents(), max_parallel=9)
    async with world.workers():
        for story in ("1.1", "1.3", "2.2"):
            await gate.until_reached(world, story)
        gate.fail("1.1")
        await world.answer(await world.question(run.id), Decision.REJECT)
        await until_state(world, run.id, "Story 2.1", StoryState.BLOCKED)
        gate.forgive("1.1")
        reply = await steer(world, run.id, "retry", "1.1")
        assert reply.message.startswith("It starts again")
        await until_state(world, run.id, "Story 1.1", StoryState.MERGED)
        gate.open()
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 5}
    ends = [event for event in await world.events(run.id) if event.story == "Story 1.1"]
    names = [event.name for event in ends if event.name.startswith("story.")]
    assert names == ["story.failed", "story.reopened", "story.merged"]
    assert {row.id: row.attempt for row in (await world.status(run.id)).stories}["Story 1.1"] == 2


async def test_a_skipped_story_lets_others_start_without_it(
    world: World, name: str, repository: Path, gate: Gate
) -> None:
    run = await world.start(TWO, project=name, repository=repository, agents=gate.agents())
    async with world.workers():
        await gate.until_reached(world, "1.1")
        with pytest.raises(Conflict, match="needs a reason"):
            await steer(world, run.id, "skip", "1.1")
        await steer(world, run.id, "skip", "1.1", reason="not this time")
        gate.open()
        result = await world.result(run.id)
    assert result.counts == {StoryState.SKIPPED: 1, StoryState.MERGED: 1}
    row = (await world.status(run.id)).stories[0]
    assert row.reason == "ada skipped it: not this time"
    assert git_lines(repository, "show", f"refs/paceline/preserved/{name}/story-1.1/1:a.txt")
    assert SteerAction.SKIP in {
        event.data["action"] for event in await events_named(world, run.id, "steered")
    }
