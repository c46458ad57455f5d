"""A sprint that will be late asks what to leave out, once a day, and cuts nothing by silence."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowFailureError

from paceline.contracts import CONTROL_TASK_QUEUE
from paceline.domain.questions import Decision, Question, QuestionKind
from paceline.domain.scope import ScopeInput
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import questions
from tests.steering import events_named, rows, until_state
from tests.world import World

pytestmark = pytest.mark.temporal

PLAN = """
# Sprint Plan: Harbour

## Sprint 1: Quay

### Epic 1: Stone

#### Story 1.1: Dig
- **Agent**: Mason

#### Story 1.2: Paint
- **Agent**: Mason

## Sprint 2: Crane

### Epic 2: Iron

#### Story 2.1: Hook
- **Agent**: Mason
"""
ONE_BY_ONE = {"*": AgentDeclaration(kind="human")}


async def test_what_a_person_chooses_goes_into_the_next_sprint(world: World, name: str) -> None:
    plan = PLAN.replace("#### Story 1.2: Paint\n", "#### Story 1.2: Paint\n- **Dependencies**: Story 1.1\n")
    run = await world.start(plan, project=name, agents=ONE_BY_ONE)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
        sprint = (await rows(world, run.id))["Story 1.1"].sprint
        late = ScopeInput(project=run.id, sprint=sprint, day=2, projected_days=9, planned_days=5)
        await world.client.start_workflow(
            "scope", late, id=f"{run.id}@scope/1/day-2", task_queue=CONTROL_TASK_QUEUE
        )
        await world.question(run.id, 2)
        first, asked = sorted(
            await _open(world, run.id), key=lambda each: each.kind is QuestionKind.CUT_SCOPE
        )
        assert [each.name for each in asked.options] == ["Story 1.2"]
        assert "takes 9" in asked.text
        assert asked.waiting == 0
        await world.answer(asked, Decision.CHOOSE, chosen=["Story 1.2"])
        await world.until(lambda: _told(world, run.id), "the story is deferred")
        await world.answer(first, Decision.APPROVE)
        await world.until(lambda: _answered_all(world, run.id), "the end of the run")
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    found = await rows(world, run.id)
    assert found["Story 1.2"].sprint == found["Story 2.1"].sprint != found["Story 1.1"].sprint
    (told,) = await events_named(world, run.id, "story.deferred")
    assert (told.actor, told.story) == ("ada", "Story 1.2")


async def _told(world: World, project: str) -> bool:
    return bool(await events_named(world, project, "story.deferred"))


async def _answered_all(world: World, project: str) -> bool:
    for each in await _open(world, project):
        await world.answer(each, Decision.APPROVE)
    return (await world.status(project)).run.state is not RunState.RUNNING


async def _open(world: World, project: str) -> list[Question]:
    return await world.database.read(questions.list_questions, project)


async def test_a_late_day_asks_and_the_question_goes_with_the_run(world: World, name: str) -> None:
    third = "#### Story 1.3: Rail\n- **Agent**: Mason\n- **Dependencies**: Story 1.2\n\n## Sprint 2"
    plan = PLAN.replace("## Sprint 2", third).replace("Quay\n", "Quay\n**Duration**: 1 week\n", 1)
    days = {"reports": True, "day_length": "1s"}
    run = await world.start(plan, project=name, agents=ONE_BY_ONE, calendar=days)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
        first = next(each for each in await _open(world, run.id) if each.story == "Story 1.1")
        await world.answer(first, Decision.APPROVE)

        async def cut() -> bool:
            return any(each.kind is QuestionKind.CUT_SCOPE for each in await _open(world, run.id))

        await world.until(cut, "the question of a day that says that the sprint will be late")
        asked = next(each for each in await _open(world, run.id) if each.kind is QuestionKind.CUT_SCOPE)
        assert [each.name for each in asked.options] == ["Story 1.3"]
        await world.client.get_workflow_handle(run.id).cancel()
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)
        await world.client.get_workflow_handle(asked.workflow_id).result()
        await world.until(lambda: _quiet(world, run.id), "nothing is asked any more")


async def _quiet(world: World, project: str) -> bool:
    return await _open(world, project) == []
