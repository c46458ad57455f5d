"""People steer runs of several sprints: what has not begun yet, questions of the run, and epics beside."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from paceline.contracts import CONTROL_TASK_QUEUE, EpicInput, SprintInput
from paceline.domain.ids import epic_workflow_id, sprint_workflow_id
from paceline.domain.questions import Decision
from paceline.domain.states import RunState, StoryState
from paceline.domain.steering import Steer, SteerAction
from paceline.domain.work import AgentDeclaration
from paceline.store import questions
from tests.sample_plans import E, S, plan
from tests.steering import events_named, rows, steer, until_state
from tests.world import PATIENCE, World

pytestmark = pytest.mark.temporal

SLOW = AgentDeclaration(kind="simulated", simulated_seconds=(900.0, 900.0), concurrency=50)
QUICK = AgentDeclaration(kind="simulated", concurrency=50)
FAILING = AgentDeclaration(kind="simulated", failure_rate=1.0, max_attempts=1, concurrency=50)

HOUSE = """
# Plan
## Agent Team
### 1. Digger
- **Role**: Digs
### 2. Mason
- **Role**: Builds
## Sprint 1: Ground
### Epic 1: House
#### Story 1.1: Dig
- **Agent**: Digger
## Sprint 2: Walls
### Epic 1: House (continued)
#### Story 1.2: Build
- **Agent**: Mason
## Sprint 3: Roof
### Epic 1: House (continued)
#### Story 1.3: Cover
- **Agent**: Mason
"""
DIG, BUILD, COVER = "Story 1.1", "Story 1.2", "Story 1.3"


async def test_a_cancelled_sprint_is_over_and_the_next_one_begins(world: World, name: str) -> None:
    run = await world.start(HOUSE, project=name, agents={"Digger": SLOW, "Mason": QUICK})
    async with world.workers():
        row = await until_state(world, run.id, DIG, StoryState.WORKING)
        await steer(world, run.id, "cancel", sprint=row.sprint)
        result = await world.result(run.id)
    assert result.state is RunState.INCOMPLETE
    assert result.counts == {StoryState.CANCELLED: 1, StoryState.SETTLED: 2}


async def test_a_run_that_is_force_completed_ends_what_has_not_begun_too(world: World, name: str) -> None:
    run = await world.start(HOUSE, project=name, agents={"Digger": SLOW, "Mason": SLOW})
    async with world.workers():
        await until_state(world, run.id, DIG, StoryState.WORKING)
        await steer(world, run.id, "pause")
        await steer(world, run.id, "force_complete", reason="done by hand")
        result = await world.result(run.id)
    status = await world.status(run.id)
    assert (result.state, status.run.state, status.forced_by) == ("completed", "completed", "ada")
    assert {row.reason_code for row in status.stories} == {"FORCE_COMPLETED"}
    assert result.counts == {StoryState.SETTLED: 3}
    ended = await events_named(world, run.id, "project.completed")
    assert [event.data["forced_by"] for event in ended] == ["ada"]


async def test_a_paused_run_begins_no_sprint(world: World, name: str) -> None:
    run = await world.start(HOUSE, project=name, agents={"Digger": SLOW, "Mason": QUICK})
    async with world.workers():
        await until_state(world, run.id, DIG, StoryState.WORKING)
        await steer(world, run.id, "pause")
        assert (await rows(world, run.id))[COVER].reason == "its project is paused"
        await steer(world, run.id, "skip", DIG, reason="later")
        await until_state(world, run.id, DIG, StoryState.SKIPPED)
        before = await rows(world, run.id)
        assert (before[BUILD].state, before[BUILD].reason) == (StoryState.PENDING, "its project is paused")
        await steer(world, run.id, "resume")
        result = await world.result(run.id)
    assert result.counts == {StoryState.SKIPPED: 1, StoryState.SETTLED: 2}


async def test_a_run_that_asks_can_be_force_completed_and_the_question_is_withdrawn(
    world: World, name: str
) -> None:
    asking = HOUSE.replace("Sprint 2: Walls", "Sprint 2: Walls (Optional)")
    run = await world.start(asking, project=name, agents={"*": QUICK})
    async with world.workers():
        question = await world.question(run.id)
        await steer(world, run.id, "force_complete", reason="enough")
        assert (await world.result(run.id)).state is RunState.COMPLETED
    found = await world.database.read(questions.get_question, question.id)
    assert found.state == "withdrawn"


async def test_epics_hear_of_a_story_of_another_epic_that_starts_again(world: World, name: str) -> None:
    """The first fails, so a story of the second is blocked; another agent retries it, and all end well."""
    text = plan(
        E("1", [S("1.1", agent="Failing"), S("1.2", agent="Slow")]),
        E("2", [S("2.1", "Story 1.1", "Quick"), S("2.2", "Story 2.1", "Quick"), S("2.3", agent="Slow")]),
        agents=("Failing", "Slow", "Quick"),
    )
    agents = {"Failing": FAILING, "Slow": SLOW, "Quick": QUICK}
    run = await world.start(text, project=name, agents=agents, max_parallel=9)
    async with world.workers():
        await world.answer(await world.question(run.id), Decision.REJECT)
        await until_state(world, run.id, "Story 2.2", StoryState.BLOCKED)
        await steer(world, run.id, "reassign", "1.1", agents=["Quick"])
        await steer(world, run.id, "retry", "1.1")
        await until_state(world, run.id, "Story 2.2", StoryState.SETTLED)
        for story in ("1.2", "2.3"):
            await steer(world, run.id, "skip", story, reason="seen")
        result = await world.result(run.id)
    assert result.counts == {StoryState.SETTLED: 3, StoryState.SKIPPED: 2}
    freed = await events_named(world, run.id, "story.unblocked")
    assert {event.story for event in freed} == {"Story 2.1", "Story 2.2"}


async def test_a_skip_of_a_failed_story_frees_those_that_it_blocked(world: World, name: str) -> None:
    text = plan(
        E("1", [S("1.1", agent="Failing"), S("1.2", "Story 1.1", "Quick"), S("1.3", agent="Slow")]),
        agents=("Failing", "Slow", "Quick"),
    )
    agents = {"Failing": FAILING, "Slow": SLOW, "Quick": QUICK}
    run = await world.start(text, project=name, agents=agents, max_parallel=9)
    async with world.workers():
        await world.answer(await world.question(run.id), Decision.REJECT)
        await until_state(world, run.id, "Story 1.2", StoryState.BLOCKED)
        await steer(world, run.id, "skip", "1.1", reason="not needed")
        await until_state(world, run.id, "Story 1.2", StoryState.SETTLED)
        await steer(world, run.id, "cancel", "1.3")
        result = await world.result(run.id)
    assert result.counts == {StoryState.SKIPPED: 1, StoryState.SETTLED: 1, StoryState.CANCELLED: 1}


async def test_a_story_given_to_a_person_asks_and_one_taken_from_a_person_works(
    world: World, name: str
) -> None:
    text = plan(
        E("1", [S("1.1", agent="Slow"), S("1.2", agent="Person")]), agents=("Slow", "Person", "Quick")
    )
    agents = {"Slow": SLOW, "Quick": QUICK, "Person": AgentDeclaration(kind="human")}
    run = await world.start(text, project=name, agents=agents)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
        await until_state(world, run.id, "Story 1.2", StoryState.WAITING_FOR_PERSON)
        await steer(world, run.id, "reassign", "1.2", agents=["Quick"])
        await until_state(world, run.id, "Story 1.2", StoryState.SETTLED)
        await steer(world, run.id, "reassign", "1.1", agents=["Person"])
        question = await world.question(run.id)
        assert question.story == "Story 1.1"
        await world.answer(question, Decision.APPROVE)
        assert (await world.result(run.id)).counts == {StoryState.SETTLED: 2}


@pytest.mark.parametrize("kind", ["sprint", "epic"])
async def test_what_is_skipped_before_it_knows_its_parts_skips_all_of_them(
    world: World, name: str, kind: str
) -> None:
    """The action is there before the workflow has read anything: it waits for that, and ends every story."""
    text = plan(E("1", [S("1.1"), S("1.2", "Story 1.1")]))
    run = await world.start(text, project=name, agents={"*": SLOW})
    await world.client.get_workflow_handle(run.id).terminate("a part of it is started by itself")
    common = {"project": run.id, "sprint": "Sprint", "title": "alone"}
    start, id = {
        "sprint": (SprintInput.model_validate(common), sprint_workflow_id(run.id, "Sprint")),
        "epic": (
            EpicInput.model_validate({**common, "epic": "Epic 1"}),
            epic_workflow_id(run.id, "Sprint", "Epic 1"),
        ),
    }[kind]
    early = Steer(id="early", action=SteerAction.SKIP, actor="ada", reason="not now")
    part: WorkflowHandle[Any, Any] = await world.client.start_workflow(
        kind, start, id=id, task_queue=CONTROL_TASK_QUEUE, start_signal="steer", start_signal_args=[early]
    )
    async with world.workers(), asyncio.timeout(PATIENCE):
        await part.result()
    found = await rows(world, run.id)
    assert {row.state for row in found.values()} == {StoryState.SKIPPED}
    assert {row.reason for row in found.values()} == {"ada skipped it: not now"}


async def test_a_story_is_skipped_before_its_epic_has_read_its_stories(world: World, name: str) -> None:
    text = plan(E("1", [S("1.1"), S("1.2", "Story 1.1")]))
    run = await world.start(text, project=name, agents={"*": QUICK})
    await world.client.get_workflow_handle(run.id).terminate("its epic is started by itself")
    start = EpicInput(project=run.id, sprint="Sprint", epic="Epic 1", title="alone")
    early = Steer(id="early", action=SteerAction.SKIP, actor="ada", reason="not now", story="Story 1.2")
    epic: WorkflowHandle[Any, Any] = await world.client.start_workflow(
        "epic",
        start,
        id=epic_workflow_id(run.id, "Sprint", "Epic 1"),
        task_queue=CONTROL_TASK_QUEUE,
        start_signal="steer",
        start_signal_args=[early],
    )
    async with world.workers(), asyncio.timeout(PATIENCE):
        await epic.result()
    assert (await rows(world, run.id))["Story 1.2"].state is StoryState.SKIPPED
    assert await events_named(world, run.id, "steer.refused") == []
