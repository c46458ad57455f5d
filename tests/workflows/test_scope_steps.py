"""The steps of a change of scope: each is done once however often it is tried, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from activities.context import ActivityContext
from activities.scope import ScopeActivities
from activities.updates import update_workflow
from api.amendments import amend_run
from paceline.domain.amendment import RefusalCode, refused_moves
from paceline.domain.exchange import AmendRequest
from paceline.domain.scope import Cut, ScopeAction, ScopeStep
from paceline.domain.states import StoryState
from paceline.domain.steering import SteerAction
from paceline.store import changes, status
from tests.steering import events_named, rows, until_state
from tests.workflows.test_scope import ONE_BY_ONE, PLAN
from tests.world import World

pytestmark = pytest.mark.temporal

WAITING = PLAN.replace("#### Story 1.2: Paint\n", "#### Story 1.2: Paint\n- **Dependencies**: Story 1.1\n")
EPIC = "Epic 1"


async def test_more_work_is_added_once(world: World, name: str) -> None:
    run = await world.start(PLAN, project=name, agents=ONE_BY_ONE)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
        pulled = Cut(story="Story 2.1", epic="Epic 2", action=ScopeAction.PULL_IN)
        extra = Cut(story="EXTRA-1", action=ScopeAction.ADD, text="Write more tests")
        step = await _step(world, run.id, pulled, extra)
        first, second = [await _steps(world).amend_scope(step) for _ in range(2)]
        found = await rows(world, run.id)
    assert first == second
    assert first.stories == ["Story 2.1", "EXTRA-1"]
    assert found["EXTRA-1"].sprint == found["Story 2.1"].sprint == found["Story 1.1"].sprint
    assert [each.story for each in await events_named(world, run.id, "story.pulled_in")] == ["Story 2.1"]
    assert [each.story for each in await events_named(world, run.id, "story.added")] == ["EXTRA-1"]
    assert len(await events_named(world, run.id, "plan.amended")) == 1
    assert len(await world.database.read(changes.changes_of, run.id)) == 2


async def test_an_edit_that_comes_between_reading_the_plan_and_changing_it_stays(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await world.start(PLAN, project=name, agents=ONE_BY_ONE)
    edited = PLAN + "\n#### Story 2.2: Rope\n- **Agent**: Mason\n"
    edits = [AmendRequest.model_validate({"plan": edited, "apply": True, "actor": "kim"})]

    async def overtaken(*given: Any) -> Any:
        while edits:
            await amend_run(run.id, edits.pop(), world.database, world.client)
        return await update_workflow(*given)

    monkeypatch.setattr("activities.scope.update_workflow", overtaken)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
        extra = Cut(story="EXTRA-1", action=ScopeAction.ADD, text="Write more tests")
        reply = await _steps(world).amend_scope(await _step(world, run.id, extra))
        found = await rows(world, run.id)
    assert reply.stories == ["EXTRA-1"]
    assert found["Story 2.2"].state is StoryState.PENDING
    assert found["EXTRA-1"].sprint == found["Story 1.1"].sprint
    told = await events_named(world, run.id, "plan.amended")
    assert [(each.data["added"], each.data["removed"]) for each in told] == [
        (["Story 2.2"], []),
        (["EXTRA-1"], []),
    ]


async def test_nothing_is_moved_into_a_sprint_that_there_is_not_any_more(world: World, name: str) -> None:
    run = await world.start(WAITING, project=name, agents=ONE_BY_ONE)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
        step = await _step(world, run.id, Cut(story="Story 1.2", epic=EPIC))
        assert (await _steps(world).steer_epics(step)).stories == ["Story 1.2"]
        alone = WAITING[: WAITING.index("## Sprint 2")]
        edit = AmendRequest.model_validate({"plan": alone, "apply": True, "actor": "kim"})
        await amend_run(run.id, edit, world.database, world.client)
        before = await rows(world, run.id)
        gone = step.model_copy(update={"stories": ["Story 1.2", "Story 9.9"]})
        assert (await _steps(world).defer_stories(gone)).into == ""
        assert await rows(world, run.id) == before
        assert await events_named(world, run.id, "story.deferred") == []


async def test_only_what_has_not_begun_is_held_and_once(world: World, name: str) -> None:
    run = await world.start(WAITING, project=name, agents=ONE_BY_ONE)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
        begun, pending = Cut(story="Story 1.1", epic=EPIC), Cut(story="Story 1.2", epic=EPIC)
        nowhere = Cut(story="Story 2.1", epic="Epic 2")
        step = await _step(world, run.id, begun, pending, nowhere)
        for _ in range(2):
            assert (await _steps(world).steer_epics(step)).stories == ["Story 1.2"]
        again = step.model_copy(update={"steer": SteerAction.RESUME, "cuts": [pending]})
        assert (await _steps(world).steer_epics(again)).stories == ["Story 1.2"]
    steered = await events_named(world, run.id, "steered")
    assert [each.data["action"] for each in steered] == ["pause", "resume"]
    assert (await rows(world, run.id))["Story 1.2"].reason_code is None


async def test_a_run_that_cannot_take_a_story_changes_nothing(world: World, name: str) -> None:
    blocked = PLAN + "\n#### Story 2.2: Rope\n- **Agent**: Mason\n- **Dependencies**: Story 2.1\n"
    run = await world.start(blocked, project=name, agents=ONE_BY_ONE)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
        pulled = Cut(story="Story 2.2", epic="Epic 2", action=ScopeAction.PULL_IN)
        before = await rows(world, run.id)
        reply = await _steps(world).amend_scope(await _step(world, run.id, pulled))
        assert await rows(world, run.id) == before
    assert (reply.revision, reply.stories) == (0, [])
    assert await events_named(world, run.id, "plan.amended") == []
    _, plan, _ = await world.database.read(changes.run_in_force, run.id)
    stands = await world.database.read(status.story_statuses, run.id)
    first, second = [sprint.id for sprint in plan.sprints]
    moves = {"Story 2.1": second, "Story 1.1": first, "Story 2.2": first}
    codes = [(each.story, each.code) for each in refused_moves(plan, stands, moves, [])]
    assert codes == [(story, RefusalCode.NOT_MOVABLE) for story in moves]
    ended = refused_moves(plan, stands, {"Story 2.1": first}, [first])
    assert [each.story for each in ended] == ["Story 2.1"]
    assert refused_moves(plan, stands, {"Story 2.1": first}, []) == []


async def test_a_run_that_has_ended_is_left_alone(world: World, name: str) -> None:
    run = await world.start(PLAN, project=name)
    async with world.workers():
        await world.result(run.id)
        cut = Cut(story="Story 1.2", epic=EPIC, action=ScopeAction.SIMPLIFY, text="one coat")
        step = await _step(world, run.id, cut)
        assert (await _steps(world).steer_epics(step)).stories == []
        assert (await _steps(world).amend_scope(step)).revision == 0
        look = ScopeStep(project=run.id, sprint=step.sprint)
        assert (await _steps(world).propose_cuts(look)).cuts == []
        assert (await _steps(world).propose_more(look)).cuts == []
    assert await events_named(world, run.id, "story.simplified") == []


def _steps(world: World) -> ScopeActivities:
    return ScopeActivities(ActivityContext(world.database, world.settings, world.client))


async def _step(world: World, project: str, *cuts: Cut) -> ScopeStep:
    sprint = (await rows(world, project))["Story 1.1"].sprint
    return ScopeStep(
        project=project, sprint=sprint, cuts=list(cuts), actor="ada", workflow=f"{project}@scope"
    )
