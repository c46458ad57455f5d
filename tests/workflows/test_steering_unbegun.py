"""What has not begun is steered too: every action on a later sprint, its epics and its stories."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from paceline.domain.changes import ChangeDraft, ChangeKind
from paceline.domain.ids import epic_workflow_id, sprint_workflow_id
from paceline.domain.questions import Decision
from paceline.domain.states import SUCCESS_STATES, RunState, StoryState
from paceline.domain.steering import ENDS, RULES, PartState, SteerAction, SteerScope
from paceline.domain.work import AgentDeclaration
from paceline.errors import Conflict
from paceline.store import changes, questions, steering
from tests.steering import ACTOR, events_named, rows, steer, until_state
from tests.world import World

pytestmark = pytest.mark.temporal

SLOW = AgentDeclaration(kind="simulated", simulated_seconds=(900.0, 900.0), concurrency=50)
QUICK = AgentDeclaration(kind="simulated", concurrency=50)
AGENTS = {"Digger": SLOW, "Mason": QUICK, "Joiner": QUICK}
HOUSE = """
# Plan
## Agent Team
### 1. Digger
- **Role**: Digs
### 2. Mason
- **Role**: Builds
### 3. Joiner
- **Role**: Joins
## Sprint 1: Ground
### Epic 1: House
#### Story 1.1: Dig
- **Agent**: Digger
## Sprint 2: Walls
### Epic 1: House (continued)
#### Story 1.2: Build
- **Agent**: Mason
### Epic 2: Garden
#### Story 2.1: Fence
- **Agent**: Mason
## Sprint 3: Roof
### Epic 1: House (continued)
#### Story 1.3: Cover
- **Agent**: Mason
- **Dependencies**: Story 1.2
"""
DIG, BUILD, FENCE, COVER = "Story 1.1", "Story 1.2", "Story 2.1", "Story 1.3"
WALLS = "Sprint 2"
MORE: dict[SteerAction, dict[str, Any]] = {
    SteerAction.REASSIGN: {"agents": ["Joiner"]},
    SteerAction.REPRIORITISE: {"priority": "Critical"},
    SteerAction.SET_MAX_PARALLEL: {"max_parallel": 1},
}
TARGETS: dict[SteerScope, tuple[dict[str, str], set[str]]] = {
    SteerScope.SPRINT: ({"sprint": WALLS}, {BUILD, FENCE}),
    SteerScope.EPIC: ({"sprint": WALLS, "epic": "Epic 1"}, {BUILD}),
    SteerScope.STORY: ({"story": BUILD}, {BUILD}),
}


async def begin(world: World, name: str, plan: str = HOUSE, **options: Any) -> str:
    """A run whose first sprint goes on until its story is skipped."""
    run = await world.start(plan, project=name, agents=AGENTS, **options)
    await until_state(world, run.id, DIG, StoryState.WORKING)
    return run.id


async def end(world: World, run: str) -> None:
    """Leave nothing behind for the next test's workers."""
    await steer(world, run, "force_complete", reason="seen")
    await world.result(run)


def cells() -> list[tuple[SteerScope, SteerAction]]:
    return [
        (scope, action)
        for scope in TARGETS
        for action in SteerAction
        if PENDING_OF[scope] in (RULES[scope][action].effects if action in RULES[scope] else {})
        and action is not SteerAction.RESUME
    ]


PENDING_OF = {
    SteerScope.SPRINT: PartState.PENDING,
    SteerScope.EPIC: PartState.PENDING,
    SteerScope.STORY: StoryState.PENDING,
}


async def test_every_action_that_is_refused_before_the_beginning(world: World, name: str) -> None:
    """With its reason, and nothing is changed."""
    async with world.workers():
        run = await begin(world, name)
        before, known = await rows(world, run), await world.events(run)
        for scope, (part, _) in TARGETS.items():
            for action in SteerAction:
                if (scope, action) in cells():
                    continue
                with pytest.raises(Conflict) as refused:
                    await steer(world, run, action, reason="try", **part, **MORE.get(action, {}))
                assert len(refused.value.message) > 15, (scope, action)
        assert await rows(world, run) == before
        assert await world.events(run) == known
        assert (await world.status(run)).paused == []
        await end(world, run)


@pytest.mark.parametrize(("scope", "action"), cells(), ids=str)
async def test_every_action_that_is_allowed_before_the_beginning(
    world: World, name: str, scope: SteerScope, action: SteerAction
) -> None:
    """It has its effect in words, its event and its change at once, and holds when the sprint begins."""
    part, stories = TARGETS[scope]
    async with world.workers():
        run = await begin(world, name)
        reply = await steer(world, run, action, reason="table", **part, **MORE.get(action, {}))
        assert reply.message == RULES[scope][action].effects[PENDING_OF[scope]]
        [told] = await events_named(world, run, "steered")
        assert (told.actor, told.data["scope"], told.data["action"]) == (ACTOR, scope, action)
        _, _, made = await world.database.read(changes.run_in_force, run)
        assert [(each.actor, each.revision) for each in made] == [(ACTOR, reply.revision)]
        if action is SteerAction.PAUSE:
            await see_pause(world, run, scope, stories)
        await steer(world, run, "skip", DIG, reason="seen")
        if action is SteerAction.PAUSE:
            await see_that_it_is_held(world, run, scope, stories)
            await steer(world, run, "resume", **part)
        result = await world.result(run)
    await see(world, run, action, stories)
    good = action is not SteerAction.CANCEL
    assert result.state is (RunState.COMPLETED if good else RunState.INCOMPLETE)


async def see_pause(world: World, run: str, scope: SteerScope, stories: set[str]) -> None:
    """The status says who paused what, and each story why it waits."""
    [paused] = (await world.status(run)).paused
    assert (paused.scope, paused.actor, paused.reason) == (scope, ACTOR, "table")
    said = "it is paused" if scope is SteerScope.STORY else f"its {scope} is paused"
    found = await rows(world, run)
    assert {story for story, row in found.items() if row.reason == said} == stories


async def see_that_it_is_held(world: World, run: str, scope: SteerScope, stories: set[str]) -> None:
    """What is not paused goes on; what is paused has begun nothing."""
    for story in {BUILD, FENCE} - stories:
        await until_state(world, run, story, StoryState.SETTLED)
    await until_begun(world, run, WALLS)
    found = await rows(world, run)
    assert {found[story].state for story in stories} == {StoryState.PENDING}
    assert {found[story].reason_code for story in stories} == {"PAUSED"}


async def see(world: World, run: str, action: SteerAction, stories: set[str]) -> None:
    """Where the stories of the second sprint and the one behind them ended."""
    found = await rows(world, run)
    if action in ENDS:
        state, code = ENDS[action]
        assert {(found[story].state, found[story].reason_code) for story in stories} == {(state, code)}
        assert {found[story].attempt for story in stories} == {0}
        behind = StoryState.SETTLED if state in SUCCESS_STATES else StoryState.BLOCKED
        assert found[COVER].state is behind
    else:
        assert {found[story].state for story in (BUILD, FENCE, COVER)} == {StoryState.SETTLED}
    if action is SteerAction.REASSIGN:
        assert found[BUILD].agents == ["Joiner"]
        done = [event for event in await world.events(run) if event.story == BUILD]
        assert any(event.data.get("agent") == "Joiner" for event in done)


async def test_a_sprint_that_nobody_wants_any_more_is_not_asked_about(world: World, name: str) -> None:
    asking = HOUSE.replace("Sprint 2: Walls", "Sprint 2: Walls (Optional)")
    async with world.workers():
        run = await begin(world, name, asking)
        await steer(world, run, "skip", DIG, reason="seen")
        question = await world.question(run)
        await steer(world, run, "skip", sprint=WALLS, reason="no walls")
        assert (await world.result(run)).counts == {StoryState.SKIPPED: 3, StoryState.SETTLED: 1}
    found = await world.database.read(questions.get_question, question.id)
    assert found.state == "withdrawn"


async def test_a_story_ended_before_its_sprint_began_is_retried(world: World, name: str) -> None:
    async with world.workers():
        run = await begin(world, name)
        await steer(world, run, "cancel", BUILD)
        assert (await rows(world, run))[BUILD].state is StoryState.CANCELLED
        with pytest.raises(Conflict, match="cancelled"):
            await steer(world, run, "pause", BUILD)
        reply = await steer(world, run, "retry", BUILD, id="again")
        assert (await rows(world, run))[BUILD].state is StoryState.PENDING
        assert await steer(world, run, "retry", BUILD, id="again") == reply
        await steer(world, run, "skip", DIG, reason="seen")
        assert (await world.result(run)).counts == {StoryState.SKIPPED: 1, StoryState.SETTLED: 3}
    assert [each.story for each in await events_named(world, run, "story.reopened")] == [BUILD]


async def test_a_story_is_found_where_a_change_beside_the_run_has_put_it(world: World, name: str) -> None:
    """The run's workflow need not have heard of it: the newest change counts when the action is recorded."""
    async with world.workers():
        run = await begin(world, name)
        moved = ChangeDraft(key="moved", kind=ChangeKind.SPRINT, target=FENCE, text="Sprint 3")
        await world.database.write(_move, run, moved)
        await steer(world, run, "skip", FENCE, reason="no fence")
        assert (await rows(world, run))[FENCE].state is StoryState.SKIPPED
        await end(world, run)


def _move(session: Session, run: str, change: ChangeDraft) -> None:
    changes.record_changes(session, run, [change])
    steering.move(session, run, change.target, change.text, "moved", "DEFERRED")


async def test_what_was_ended_before_it_began_takes_nothing_more(world: World, name: str) -> None:
    async with world.workers():
        run = await begin(world, name)
        await steer(world, run, "pause", BUILD)
        await steer(world, run, "cancel", sprint=WALLS, epic="Epic 1")
        assert (await world.status(run)).paused == []
        with pytest.raises(Conflict, match="Epic 1 is ended"):
            await steer(world, run, "pause", sprint=WALLS, epic="Epic 1")
        await steer(world, run, "cancel", sprint=WALLS)
        for part in ({"sprint": WALLS}, {"story": FENCE}):
            with pytest.raises(Conflict, match="ended"):
                await steer(world, run, "pause", **part)
        await end(world, run)


async def test_pauses_around_a_story_that_has_not_begun_are_lifted_one_by_one(
    world: World, name: str
) -> None:
    async with world.workers():
        run = await begin(world, name)
        for part in ({"story": BUILD}, {"sprint": WALLS}, {"sprint": WALLS, "epic": "Epic 1"}):
            await steer(world, run, "pause", **part)
        scopes = [pause.scope for pause in (await world.status(run)).paused]
        assert scopes == [SteerScope.SPRINT, SteerScope.EPIC, SteerScope.STORY]
        await steer(world, run, "resume", sprint=WALLS)
        await steer(world, run, "skip", DIG, reason="seen")
        await until_state(world, run, FENCE, StoryState.SETTLED)
        await steer(world, run, "resume", BUILD)
        with pytest.raises(Conflict, match="epic is paused"):
            await steer(world, run, "resume", BUILD)
        await steer(world, run, "resume", sprint=WALLS, epic="Epic 1")
        await until_state(world, run, BUILD, StoryState.SETTLED)
        await world.result(run)
    assert (await world.status(run)).paused == []


async def test_a_retry_in_what_has_ended_says_what_to_do(world: World, name: str) -> None:
    """In an epic that ended while its sprint goes on, and in a sprint that ended."""
    failing = AgentDeclaration(kind="simulated", failure_rate=1.0, max_attempts=1, concurrency=50)
    text = HOUSE.replace(
        "#### Story 1.2: Build\n- **Agent**: Mason", "#### Story 1.2: Build\n- **Agent**: Joiner"
    )
    text = text.replace(
        "#### Story 2.1: Fence\n- **Agent**: Mason", "#### Story 2.1: Fence\n- **Agent**: Digger"
    )
    async with world.workers():
        run = (
            await world.start(text, project=name, agents={"Digger": SLOW, "Mason": SLOW, "Joiner": failing})
        ).id
        await until_state(world, run, DIG, StoryState.WORKING)
        await steer(world, run, "skip", DIG, reason="seen")
        await until_state(world, run, FENCE, StoryState.WORKING)
        question = await world.question(run)
        await world.answer(question, Decision.REJECT)
        await until_state(world, run, BUILD, StoryState.FAILED)

        async def closed() -> bool:
            handle = world.client.get_workflow_handle(epic_workflow_id(run, WALLS, "Epic 1"))
            return (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED

        await world.until(closed, "the end of the epic")
        with pytest.raises(Conflict, match=r"has ended in Sprint 2.*carried over.*--rerun"):
            await steer(world, run, "retry", BUILD)
        with pytest.raises(Conflict, match=r"in Sprint 1, which has ended.*--rerun"):
            await steer(world, run, "retry", DIG)
        with pytest.raises(Conflict, match="Sprint 1 has ended"):
            await steer(world, run, "pause", sprint="Sprint 1")
        await end(world, run)


async def test_a_story_with_an_epic_that_it_is_not_in_is_refused(world: World, name: str) -> None:
    async with world.workers():
        run = await begin(world, name)
        with pytest.raises(Conflict, match="is in the epic Epic 1, not in Epic 2"):
            await steer(world, run, "skip", BUILD, epic="Epic 2", reason="which?")
        with pytest.raises(Conflict, match="is in the sprint Sprint 2, not in Sprint 3"):
            await steer(world, run, "skip", BUILD, sprint="Sprint 3", reason="which?")
        await steer(world, run, "skip", BUILD, epic="Epic 1", sprint=WALLS, reason="both are its own")
        found = await rows(world, run)
        assert (found[BUILD].state, found[FENCE].state) == (StoryState.SKIPPED, StoryState.PENDING)
        await end(world, run)


async def test_what_is_done_to_a_later_sprint_outlives_the_workers(world: World, name: str) -> None:
    """Also a run that continued as new carries it, and a carried-over story keeps its attempts in a pause."""
    async with world.workers():
        run = await begin(world, name)
        await steer(world, run, "pause", sprint="Sprint 3")
    async with world.workers():
        await steer(world, run, "skip", DIG, reason="seen")
        await until_state(world, run, FENCE, StoryState.SETTLED)
        await until_begun(world, run, "Sprint 3")
        assert (await rows(world, run))[COVER].reason == "its sprint is paused"
        await steer(world, run, "resume", sprint="Sprint 3")
        await world.result(run)
    kinds = [each.kind for each in (await world.database.read(changes.changes_of, run))]
    assert kinds == [ChangeKind.UNBEGUN]


async def until_begun(world: World, run: str, sprint: str) -> None:
    """Wait until a sprint's own workflow runs."""
    handle = world.client.get_workflow_handle(sprint_workflow_id(run, sprint))

    async def there() -> bool:
        try:
            return (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        except RPCError:
            return False

    await world.until(there, sprint)
