"""The clock of a sprint on a real Temporal server: every report once, whatever is killed."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import isclose
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from paceline.contracts import CONTROL_TASK_QUEUE, ProjectInput
from paceline.domain import ids
from paceline.domain.calendar import Calendar, CalendarOptions
from paceline.domain.events import Event
from paceline.domain.questions import Decision
from paceline.domain.reports import Report, ReportKind
from paceline.domain.retro_entries import EntryDraft
from paceline.domain.work import AgentDeclaration
from paceline.store import artifacts, reports
from tests.sample_plans import E, S, plan
from tests.steering import steer
from tests.world import World, scripted

pytestmark = pytest.mark.temporal

DAYS = {"reports": True, "day_length": "1s"}
LONG_DAYS = {"reports": True, "day_length": "1h"}
SLOW = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(1.2, 1.6), concurrency=1)}
HELD = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(600, 600))}
CHAIN = [E("1", [S("1.1", points=3), S("1.2", "Story 1.1", points=5)]), E("2", [S("2.1", points=2)])]
TWO_SPRINTS = """# Harbour

## Sprint 1
**Duration**: 2 weeks

- **STORY-1**: Dig (3 points)

## Sprint 2
**Duration**: 2 weeks

- **STORY-2**: Build (5 points)
"""
ONCE = (ReportKind.PLANNING, ReportKind.REVIEW, ReportKind.RETROSPECTIVE)


async def stored(world: World, project: str, *kinds: ReportKind) -> list[Report]:
    """The reports of a run, of some kinds or of all, oldest first."""
    found = (await world.database.read(reports.reports_of, project))[::-1]
    return [each for each in found if each.kind in kinds] if kinds else found


async def until_reported(world: World, project: str, kind: ReportKind, least: int = 1) -> None:
    """Wait until a run has so many reports of a kind."""

    async def made() -> bool:
        return len(await stored(world, project, kind)) >= least

    await world.until(made, f"{kind.value} {least} of {project}")


def check_days(made: Sequence[Report], kind: ReportKind) -> None:
    """The reports of a kind follow each other from the first day, each of its own days and events."""
    periods = [each.data["period"] for each in made if each.kind is kind]
    assert periods[0]["first_day"] == 1
    for before, after in pairwise(periods):
        assert after["first_day"] == before["last_day"] + 1
        assert after["after_event"] == before["last_event"]
        assert after["since"] == before["until"]


def check_counts(made: Sequence[Report], events: Sequence[Event], points: dict[str, float]) -> None:
    """Every figure of the daily and velocity reports, counted again from the log alone."""
    ends = {event.story: event for event in events if event.name == "story.settled"}
    for report in made:
        data = report.data
        last = data["period"]["last_event"]
        done = {str(story) for story, event in ends.items() if event.number <= last}
        if report.kind is ReportKind.DAILY:
            assert data["stories_done"] == len(done)
            assert isclose(data["points_done"], sum(points[story] for story in done))
            assert isclose(data["points_left"], sum(points.values()) - data["points_done"])
        if report.kind is ReportKind.STANDUP:
            told = {each["story"] for agent in data["agents"] for each in agent["completed"]}
            after = data["period"]["after_event"]
            assert told == {story for story in done if ends[story].number > after}
    week = [each.data for each in made if each.kind is ReportKind.VELOCITY]
    assert isclose(
        sum(each["this_week"]["completed"] for each in week), sum(points[str(story)] for story in ends)
    )
    assert week[-1]["burn_down"][-1]["left"] == 0


async def test_every_report_is_made_once_and_can_be_counted_again(world: World, name: str) -> None:
    async with world.workers():
        run = await world.start(plan(*CHAIN), project=name, agents=SLOW, calendar=DAYS)
        result = await world.result(run.id)
    made, events = await stored(world, run.id), await world.events(run.id)
    kinds = Counter(each.kind for each in made)
    assert [kinds[kind] for kind in ONCE] == [1, 1, 1]
    assert kinds[ReportKind.STANDUP] == kinds[ReportKind.DAILY] > 1
    assert kinds[ReportKind.VELOCITY] >= 1
    for kind in (ReportKind.STANDUP, ReportKind.DAILY, ReportKind.VELOCITY):
        check_days(made, kind)
    check_counts(made, events, {"Story 1.1": 3, "Story 1.2": 5, "Story 2.1": 2})
    told = Counter(event.data["kind"] for event in events if event.name == "report.made")
    assert told == Counter(each.kind.value for each in made)
    assert sum(event.name == "sprint.started" for event in events) == 1
    kept = await world.database.read(artifacts.list_artifacts, run.id, kind="report")
    assert len(kept) == 2 * len(made)
    bundle = next(
        each
        for each in await world.database.read(artifacts.list_artifacts, run.id)
        if each.id == result.bundle
    )
    with zipfile.ZipFile(world.settings.artifact_root / bundle.path) as opened:
        names = [each for each in opened.namelist() if each.startswith("reports/")]
        assert len(names) == len(kept)
        review = json.loads(opened.read("reports/sprint/review-01.json"))
    assert review["data"]["completed"] == 10


async def test_who_was_away_for_days_finds_one_standup_of_them(world: World, name: str) -> None:
    async with world.workers():
        run = await world.start(plan(*CHAIN), project=name, agents=HELD, calendar=DAYS)
        await until_reported(world, run.id, ReportKind.STANDUP)
    before = await stored(world, run.id, ReportKind.STANDUP)
    start = datetime.fromisoformat(before[0].data["period"]["since"])
    calendar = Calendar(start, CalendarOptions.model_validate(DAYS))
    away = calendar.begins(before[-1].number + 6)

    async def days_passed() -> bool:
        return datetime.now(UTC) >= away

    await world.until(days_passed, "five days")
    async with world.workers():
        await until_reported(world, run.id, ReportKind.STANDUP, len(before) + 1)
        found = await stored(world, run.id)
        after = [each for each in found if each.kind is ReportKind.STANDUP][len(before)]
        assert after.data["period"]["first_day"] == before[-1].number + 1
        assert after.number >= before[-1].number + 4
        check_days(found, ReportKind.STANDUP)
        await world.client.get_workflow_handle(run.id).cancel()
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)
    clock = world.client.get_workflow_handle(ids.clock_workflow_id(run.id, "Sprint"))
    history = (await clock.fetch_history()).events
    timers = sum(each.event_type == EventType.EVENT_TYPE_TIMER_STARTED for each in history)
    standups = len(await stored(world, run.id, ReportKind.STANDUP))
    assert timers <= standups + 1, "one timer a wake-up, however many days passed"


async def test_a_cancelled_sprint_has_its_last_reports_and_no_clock(world: World, name: str) -> None:
    async with world.workers():
        run = await world.start(plan(*CHAIN), project=name, agents=HELD, calendar=LONG_DAYS)
        await until_reported(world, run.id, ReportKind.PLANNING)
        await world.client.get_workflow_handle(run.id).cancel()
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)
        await _clock_closed(world, run.id)
    made = await stored(world, run.id)
    assert Counter(each.kind for each in made) == dict.fromkeys(ReportKind, 1)
    review = next(each for each in made if each.kind is ReportKind.REVIEW)
    assert len(review.data["not_done"]) == 3


async def _clock_closed(world: World, project: str) -> None:
    clock = world.client.get_workflow_handle(ids.clock_workflow_id(project, "Sprint"))

    async def closed() -> bool:
        return (await clock.describe()).status is not WorkflowExecutionStatus.RUNNING

    await world.until(closed, "the end of the clock")


async def test_a_terminated_sprint_ends_its_clock_with_the_last_reports(world: World, name: str) -> None:
    async with world.workers():
        run = await world.start(plan(*CHAIN), project=name, agents=HELD, calendar=LONG_DAYS)
        await until_reported(world, run.id, ReportKind.PLANNING)
        await world.client.get_workflow_handle(f"{run.id}/sprint").terminate("by hand")
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)
        await _clock_closed(world, run.id)
    assert Counter(each.kind for each in await stored(world, run.id)) == dict.fromkeys(ReportKind, 1)


async def test_sprint_and_clock_that_continue_as_new_report_on(world: World, name: str) -> None:
    slow = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(0.3, 0.6), concurrency=2)}
    stories = [S(f"1.{number}", points=1) for number in range(1, 16)]
    run = await world.start(plan(E("1", stories)), project=name, agents=slow, calendar={"day_length": "0.2s"})
    handle = world.client.get_workflow_handle(run.id)
    await handle.terminate("start again with a small limit")
    again = await world.client.start_workflow(
        "project", ProjectInput(project=run.id, history_limit=15), id=run.id, task_queue=CONTROL_TASK_QUEUE
    )
    async with world.workers():
        await again.result()
    made = await stored(world, run.id)
    kinds = Counter(each.kind for each in made)
    assert [kinds[kind] for kind in ONCE] == [1, 1, 1]
    check_days(made, ReportKind.STANDUP)
    check_counts(made, await world.events(run.id), {f"Story 1.{number}": 1 for number in range(1, 16)})
    clock = world.client.get_workflow_handle(ids.clock_workflow_id(run.id, "Sprint"))
    started = (await clock.fetch_history()).events[0].workflow_execution_started_event_attributes
    assert started.continued_execution_run_id, "the clock continued as new"


async def test_improvements_are_in_the_next_sprints_plan_and_orders(
    world: World, name: str, repository: Path
) -> None:
    agents = scripted()
    async with world.workers():
        run = await world.start(
            TWO_SPRINTS,
            project=name,
            agents=agents,
            repository=repository,
            calendar=LONG_DAYS,
            approve_merges=True,
        )
        question = await world.question(run.id)
        draft = EntryDraft(key="one", text="Ask about the crane sooner", actor="kim")
        entry, new = await world.database.write(reports.add_entry, run.id, "Sprint 1", draft)
        again, twice = await world.database.write(reports.add_entry, run.id, "Sprint 1", draft)
        assert (new, twice, again) == (True, False, entry)
        await world.answer(question, Decision.APPROVE)
        await world.answer(await world.question(run.id), Decision.APPROVE)
        await world.result(run.id)
    planning = {each.sprint: each.data for each in await stored(world, run.id, ReportKind.PLANNING)}
    assert planning["Sprint 1"]["improvements"] == []
    assert planning["Sprint 2"]["improvements"] == ["Ask about the crane sooner"]
    assert planning["Sprint 2"]["earlier"][0]["completed"] == 3
    started = [event.data for event in await world.events(run.id) if event.name == "sprint.started"]
    assert [each["improvements"] for each in started] == [[], ["Ask about the crane sooner"]]
    orders = await world.database.read(artifacts.list_artifacts, run.id, kind="work-order")
    told = {
        each.story: json.loads((world.settings.artifact_root / each.path).read_text())["improvements"]
        for each in orders
        if each.path.endswith(".json")
    }
    assert told == {"STORY-1": [], "STORY-2": ["Ask about the crane sooner"]}


async def test_a_changed_assignment_is_told_by_the_next_standup(world: World, name: str) -> None:
    async with world.workers():
        text = plan(E("1", [S("1.1", points=3)]), agents=("Builder", "Reviewer"))
        held = AgentDeclaration(kind="simulated", simulated_seconds=(600, 600))
        agents = {"Builder": held, "Reviewer": held}
        run = await world.start(text, project=name, agents=agents, calendar=DAYS)
        await until_reported(world, run.id, ReportKind.STANDUP)
        await steer(world, run.id, "reassign", "1.1", agents=["Reviewer"])

        async def told() -> bool:
            found = await stored(world, run.id, ReportKind.STANDUP)
            return any(each.data["reassignments"] for each in found)

        await world.until(told, "a standup that tells of it")
        await world.client.get_workflow_handle(run.id).cancel()
        with pytest.raises(WorkflowFailureError):
            await world.result(run.id)
    standups = await stored(world, run.id, ReportKind.STANDUP)
    told_of = [each for each in standups if each.data["reassignments"]]
    assert len(told_of) == 1
    change = told_of[0].data["reassignments"][0]
    before = [each.number for each in standups if each.number < told_of[0].number]
    assert (change["story"], change["agents"]) == ("Story 1.1", ["Reviewer"])
    assert change["after_standup"] == before[-1]
    events = [event.data for event in await world.events(run.id) if event.name == "report.made"]
    linked = [each["assignments"] for each in events if each.get("assignments")]
    assert [[each["after_standup"] for each in found] for found in linked] == [[before[-1]]]
    parts = told_of[0].data["agents"]
    assert [each["agent"] for each in parts] == ["Reviewer"]
