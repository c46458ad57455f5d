"""The daily report: how far a sprint is, what is late, and where the straight line would have it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from paceline.domain.burndown import BurnDay, Weights, rounded
from paceline.domain.calendar import first_counted_day, phases_of
from paceline.domain.chronicle import StoryStand
from paceline.domain.conflicts import conflicts
from paceline.domain.model import Model
from paceline.domain.reports import Period, ReportKind
from paceline.domain.sprint_record import SprintRecord
from paceline.domain.standup import Blocker, blockers_of, ended_attempts
from paceline.domain.states import FINAL_STATES, StoryState

Schedule = Literal["done", "on_schedule", "late", "unknown"]


class EpicProgress(Model):
    """How far one epic is within the sprint."""

    epic: str
    stories: int
    stories_done: int
    points: float
    points_done: float


class LateStory(Model):
    """A story whose days in the plan are over."""

    story: str
    state: StoryState
    due_day: int
    """The last day of its phase, or of the sprint, counted from the sprint's start."""


class DailyReport(Model):
    """A day of the sprint, or several where nobody was there. Points are what `unit` says."""

    period: Period
    unit: Literal["points", "stories"]
    stories: int
    stories_done: int
    stories_ended: int
    points: float
    points_done: float
    points_left: float
    points_ideal: float | None
    """What would be left on the straight line."""
    states: dict[StoryState, int]
    epics: list[EpicProgress]
    schedule: Schedule
    projected_days: float | None
    """How many days the sprint takes if it goes on as until now; None before anything was completed."""
    late: list[LateStory]
    blockers: list[Blocker]
    open_conflicts: int
    open_questions: int
    risks: list[str]
    """The plan's risks for this sprint."""


def daily_report(record: SprintRecord, until: datetime) -> DailyReport:
    """The daily report for a moment.

    Args:
        record: the sprint.
        until: events after it do not count.
    """
    told = record.told(until)
    period = record.period(told, until, record.last_of(ReportKind.DAILY))
    stands = told.of_sprint(record.sprint)
    news = told.after(period.after_event)
    today = record.burn(told, until)[-1]
    done = rounded(today.scope - today.left)
    late = late_stories(record, stands, period.last_day)
    projected = projected_days(done, today.left, period.last_day)
    states, ended = [each.state for each in stands], ended_attempts(news)
    return DailyReport(
        period=period,
        unit=record.weights.unit,
        stories=len(stands),
        stories_done=sum(each.done for each in stands),
        stories_ended=sum(each.ended for each in stands),
        points=record.weights.total,
        points_done=done,
        points_left=today.left,
        points_ideal=today.ideal,
        states={state: states.count(state) for state in StoryState if state in states},
        epics=_by_epic(stands, record.weights),
        schedule=_schedule(today, record.planned, projected, late, stands),
        projected_days=projected,
        late=late,
        blockers=[blocker for each in stands for blocker in blockers_of(each, ended)],
        open_conflicts=sum(each.open for each in conflicts(told, stands, news)),
        open_questions=sum(each.state is StoryState.WAITING_FOR_PERSON for each in stands),
        risks=_risks(record),
    )


def late_stories(record: SprintRecord, stands: Sequence[StoryStand], day: int) -> list[LateStory]:
    """Stories that are not finished although the days that the plan gives them are over.

    Args:
        record: the sprint.
        stands: its stories.
        day: the last day that is looked at, which is over.
    """
    before = first_counted_day(record.plan, record.sprint, record.calendar.days_a_week) - 1
    ends = {phase.id: phase.days[1] - before for phase in phases_of(record.plan, record.sprint) if phase.days}
    found: list[LateStory] = []
    for stand in stands:
        due = ends.get(stand.story.phase or "", record.planned)
        if due is not None and due <= day and not stand.counts and stand.state is not StoryState.SKIPPED:
            found.append(LateStory(story=stand.id, state=stand.state, due_day=due))
    return found


def projected_days(done: float, left: float, days: int) -> float | None:
    """How long the sprint takes at the pace of its days so far.

    Args:
        done: completed in these days.
        left: of the scope.
        days: how many.
    """
    if left <= 0:
        return float(days)
    return round(days + left * days / done, 2) if done > 0 else None


def _schedule(
    today: BurnDay,
    planned: int | None,
    projected: float | None,
    late: Sequence[LateStory],
    stands: Sequence[StoryStand],
) -> Schedule:
    if all(each.state in FINAL_STATES for each in stands) and today.left <= 0:
        return "done"
    if late:
        return "late"
    if planned is None or projected is None:
        return "unknown"
    return "late" if projected > planned else "on_schedule"


def _by_epic(stands: Sequence[StoryStand], weights: Weights) -> list[EpicProgress]:
    found: dict[str, EpicProgress] = {}
    for stand in stands:
        epic = found.setdefault(
            stand.story.epic,
            EpicProgress(epic=stand.story.epic, stories=0, stories_done=0, points=0, points_done=0),
        )
        weight = weights.by_story[stand.id]
        epic.stories += 1
        epic.points = rounded(epic.points + weight)
        epic.stories_done += stand.done
        if stand.counts:
            epic.points_done = rounded(epic.points_done + weight)
    return list(found.values())


def _risks(record: SprintRecord) -> list[str]:
    return [
        f"{risk.name} ({risk.level})" if risk.level else risk.name
        for risk in record.plan.risks
        if risk.sprint in (None, record.sprint)
    ]
