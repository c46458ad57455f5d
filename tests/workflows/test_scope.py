"""Sprints that are late or ahead: people are asked once a day at most, and silence changes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError

from activities.context import ActivityContext
from activities.forecasts import renew_forecast, scope_workflow
from paceline.contracts import CONTROL_TASK_QUEUE
from paceline.domain.questions import Decision, Question, QuestionKind
from paceline.domain.scope import ScopeInput
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import artifacts, questions, reports, steering
from tests.steering import events_named, rows, steer, until_state
from tests.world import World, scripted
from workers.forecasts import ForecastWatch

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
        await world.until(lambda: answered_all(world, run.id), "the end of the run")
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    found = await rows(world, run.id)
    assert found["Story 1.2"].sprint == found["Story 2.1"].sprint != found["Story 1.1"].sprint
    (told,) = await events_named(world, run.id, "story.deferred")
    assert (told.actor, told.story) == ("ada", "Story 1.2")


async def test_where_no_sprint_follows_what_is_chosen_is_skipped(world: World, name: str) -> None:
    plan = PLAN.partition("## Sprint 2")[0].replace(
        "#### Story 1.2: Paint\n", "#### Story 1.2: Paint\n- **Dependencies**: Story 1.1\n"
    )
    run = await world.start(plan, project=name, agents=ONE_BY_ONE)
    async with world.workers():
        asked = await ask_scope(world, run.id)
        assert [each.name for each in asked.options] == ["Story 1.2"]
        assert "leave it out" in asked.text
        await world.answer(asked, Decision.APPROVE, text="not this time")
        await until_state(world, run.id, "Story 1.2", StoryState.SKIPPED)
        await world.client.get_workflow_handle(asked.workflow_id).result()
        await world.until(lambda: answered_all(world, run.id), "the end of the run")
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    skipped = (await rows(world, run.id))["Story 1.2"]
    assert "not this time" in (skipped.reason or "")
    assert await events_named(world, run.id, "story.deferred") == []


BEHIND = """
## Contingency Plans

- **Behind schedule**: Simplify Story 1.2: one coat is enough
- **Behind schedule**: Look at what matters most
"""


async def test_a_simpler_story_stays_and_its_agent_is_told_the_words(
    world: World, repository: Path, name: str
) -> None:
    plan = PLAN.replace(
        "#### Story 1.2: Paint\n- **Agent**: Mason",
        "#### Story 1.2: Paint\n- **Agent**: Painter\n- **Dependencies**: Story 1.1\n- **Files**: a.txt",
    )
    agents = {"Mason": ONE_BY_ONE["*"], "Painter": scripted()["*"]}
    run = await world.start(plan + BEHIND, project=name, agents=agents, repository=repository)
    async with world.workers():
        asked = await ask_scope(world, run.id)
        assert [each.name for each in asked.options] == ["simplify Story 1.2"]
        assert "Look at what matters most" in asked.text
        await world.answer(asked, Decision.CHOOSE, text="grey will do", chosen=["simplify Story 1.2"])
        await world.client.get_workflow_handle(asked.workflow_id).result()
        (told,) = await events_named(world, run.id, "story.simplified")
        await world.until(lambda: answered_all(world, run.id), "the end of the run")
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert (told.actor, told.story, told.data["note"]) == ("ada", "Story 1.2", "grey will do")
    listed = await world.database.read(artifacts.list_artifacts, run.id, kind="work-order")
    (order,) = [
        (world.settings.artifact_root / each.path).read_text() for each in listed if each.story == "Story 1.2"
    ]
    assert "one coat is enough" in order
    assert "grey will do" in order
    paused = [event for event in await events_named(world, run.id, "steered") if event.story == "Story 1.2"]
    assert [event.data["action"] for event in paused] == ["pause", "resume"]


async def test_what_a_person_paused_before_stays_so(world: World, name: str) -> None:
    plan = PLAN.replace("#### Story 1.2: Paint\n", "#### Story 1.2: Paint\n- **Dependencies**: Story 1.1\n")
    run = await world.start(plan + BEHIND, project=name, agents=ONE_BY_ONE)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
        await steer(world, run.id, "pause", "Story 1.2")
        asked = await ask_scope(world, run.id)
        await world.answer(asked, Decision.APPROVE)
        await world.client.get_workflow_handle(asked.workflow_id).result()
    assert len(await events_named(world, run.id, "story.simplified")) == 1
    assert (await rows(world, run.id))["Story 1.2"].reason_code == steering.PAUSED


@pytest.mark.parametrize("kind", [QuestionKind.CUT_SCOPE, QuestionKind.EXTRA_WORK])
async def test_a_sprint_that_ends_takes_its_question_back(
    world: World, name: str, kind: QuestionKind
) -> None:
    plan = PLAN.replace("#### Story 1.2: Paint\n", "#### Story 1.2: Paint\n- **Dependencies**: Story 1.1\n")
    run = await world.start(plan, project=name, agents=ONE_BY_ONE)
    async with world.workers():
        asked = await ask_scope(world, run.id, kind)
        for story in ("Story 1.1", "Story 1.2"):
            await until_state(world, run.id, story, StoryState.WAITING_FOR_PERSON)
            await _finish(world, run.id, story)
        await world.client.get_workflow_handle(asked.workflow_id).result()
        withdrawn = await world.database.read(questions.get_question, asked.id)
        assert withdrawn.state == "withdrawn"
        assert (await world.status(run.id)).run.state is RunState.RUNNING


AHEAD = """
## Contingency Plans

- **Ahead of schedule**: Write more tests
"""


async def test_a_sprint_that_is_ahead_takes_more_where_a_person_says_so(world: World, name: str) -> None:
    run = await world.start(PLAN + AHEAD, project=name, agents=ONE_BY_ONE)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
        asked = await ask_scope(world, run.id, QuestionKind.EXTRA_WORK, planned_days=20)
        assert [each.name for each in asked.options] == ["EXTRA-1", "Story 2.1"]
        assert asked.waiting == 0
        await world.answer(asked, Decision.APPROVE, text="slowly")
        await world.client.get_workflow_handle(asked.workflow_id).result()
        for story in ("Story 2.1", "EXTRA-1"):
            await until_state(world, run.id, story, StoryState.WAITING_FOR_PERSON)
        found = await rows(world, run.id)
        await world.until(lambda: answered_all(world, run.id), "the end of the run")
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert found["Story 2.1"].sprint == found["EXTRA-1"].sprint == found["Story 1.1"].sprint
    assert (found["EXTRA-1"].title, found["EXTRA-1"].agents) == ("Write more tests", ["Mason"])
    (pulled,) = await events_named(world, run.id, "story.pulled_in")
    (added,) = await events_named(world, run.id, "story.added")
    assert (pulled.actor, pulled.story) == ("ada", "Story 2.1")
    assert (added.story, added.data["text"], added.data["note"]) == ("EXTRA-1", "Write more tests", "slowly")


async def test_who_wants_nothing_more_is_not_asked_again(world: World, name: str) -> None:
    run = await world.start(PLAN + AHEAD, project=name, agents=ONE_BY_ONE)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
        asked = await ask_scope(world, run.id, QuestionKind.EXTRA_WORK, planned_days=20)
        before = await rows(world, run.id)
        await world.answer(asked, Decision.REJECT)
        await world.client.get_workflow_handle(asked.workflow_id).result()
        again = await _start(world, run.id, QuestionKind.EXTRA_WORK, day=3, planned_days=20)
        await world.client.get_workflow_handle(again).result()
        known = await world.database.read(questions.list_questions, run.id, None)
    assert [each.id for each in known if each.kind is QuestionKind.EXTRA_WORK] == [asked.id]
    assert await rows(world, run.id) == before


async def test_the_forecast_is_renewed_when_a_story_ends(world: World, name: str) -> None:
    third = "#### Story 1.3: Rail\n- **Agent**: Mason\n- **Dependencies**: Story 1.2\n\n## Sprint 2"
    plan = PLAN.replace("## Sprint 2", third).replace("Quay\n", "Quay\n**Duration**: 1 week\n", 1)
    run = await world.start(plan, project=name, agents=ONE_BY_ONE, calendar={"day_length": "1h"})
    context = ActivityContext(world.database, world.settings, world.client)
    watch = ForecastWatch(context)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
        sprint = (await rows(world, run.id))["Story 1.1"].sprint
        assert await watch.look() == []
        await _finish(world, run.id, "Story 1.1")
        assert await watch.look() == [f"{run.id}/{sprint}"]
        assert await watch.look() == []
        (planning,) = await world.database.read(reports.reports_of, run.id, sprint)
        started = datetime.fromisoformat(planning.data["period"]["since"])

        pace = await renew_forecast(context, run.id, sprint, started + timedelta(hours=4))
        assert pace is not None
        assert (pace.days, pace.done, pace.left, pace.projected_days) == (4, 1, 2, 12)
        await world.until(lambda: _is_asked(world, run.id, QuestionKind.CUT_SCOPE), "the question")
        # The same day asks nothing more, and one that is open keeps the next day from asking.
        for hours in (4.5, 5):
            await renew_forecast(context, run.id, sprint, started + timedelta(hours=hours))
        assert await _of_kind(world, run.id, QuestionKind.EXTRA_WORK) == []
        assert len(await _of_kind(world, run.id, QuestionKind.CUT_SCOPE)) == 1

        await renew_forecast(context, run.id, sprint, started + timedelta(hours=1))
        await world.until(lambda: _is_asked(world, run.id, QuestionKind.EXTRA_WORK), "the other question")
    told = await events_named(world, run.id, "forecast.changed")
    assert [event.data["verdict"] for event in told] == ["late", "ahead"]


@pytest.mark.parametrize("rule", ["ask", "never"])
async def test_who_does_not_want_to_be_asked_is_not(world: World, name: str, rule: str) -> None:
    plan = PLAN.replace("Quay\n", "Quay\n**Duration**: 1 week\n", 1)
    run = await world.start(
        plan,
        project=name,
        agents=ONE_BY_ONE,
        calendar={"day_length": "1h"},
        late_sprints=rule,
        ahead_sprints=rule,
    )
    context = ActivityContext(world.database, world.settings, world.client)
    async with world.workers():
        await until_state(world, run.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
        sprint = (await rows(world, run.id))["Story 1.1"].sprint
        await _finish(world, run.id, "Story 1.1")
        (planning,) = await world.database.read(reports.reports_of, run.id, sprint)
        started = datetime.fromisoformat(planning.data["period"]["since"])
        for hours in (2, 5):
            await renew_forecast(context, run.id, sprint, started + timedelta(hours=hours))
        asks = [
            await context.execution_status(scope_workflow(run.id, sprint, day, ahead=ahead))
            for day, ahead in ((2, True), (5, False))
        ]
    assert [each is not None for each in asks] == [rule == "ask", rule == "ask"]


async def ask_scope(
    world: World, project: str, kind: QuestionKind = QuestionKind.CUT_SCOPE, planned_days: int = 5
) -> Question:
    """What people are asked about the first sprint, once its first story has begun."""
    await until_state(world, project, "Story 1.1", StoryState.WAITING_FOR_PERSON)
    await _start(world, project, kind, day=2, planned_days=planned_days)
    await world.until(lambda: _is_asked(world, project, kind), f"a question {kind}")
    return (await _of_kind(world, project, kind))[0]


async def _start(world: World, project: str, kind: QuestionKind, day: int, planned_days: int) -> str:
    sprint, ahead = (await rows(world, project))["Story 1.1"].sprint, kind is QuestionKind.EXTRA_WORK
    seen = ScopeInput(
        project=project, sprint=sprint, day=day, projected_days=9, planned_days=planned_days, ahead=ahead
    )
    name = scope_workflow(project, sprint, day, ahead=ahead)
    await world.client.start_workflow("scope", seen, id=name, task_queue=CONTROL_TASK_QUEUE)
    return name


async def _finish(world: World, project: str, story: str) -> None:
    asked = next(each for each in await _open(world, project) if each.story == story)
    await world.answer(asked, Decision.APPROVE)
    await until_state(world, project, story, StoryState.SETTLED, StoryState.MERGED)


async def _of_kind(world: World, project: str, kind: QuestionKind) -> list[Question]:
    return [each for each in await _open(world, project) if each.kind is kind]


async def _is_asked(world: World, project: str, kind: QuestionKind) -> bool:
    return bool(await _of_kind(world, project, kind))


async def _told(world: World, project: str) -> bool:
    return bool(await events_named(world, project, "story.deferred"))


async def answered_all(world: World, project: str) -> bool:
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
