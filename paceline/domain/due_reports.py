"""Which reports of a sprint are due at a moment, made from where the stored ones end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from paceline.domain.daily_report import daily_report
from paceline.domain.model import Model
from paceline.domain.reports import Report, ReportDraft, ReportKind
from paceline.domain.retrospective import retrospective
from paceline.domain.sprint_planning import sprint_planning
from paceline.domain.sprint_record import SprintRecord
from paceline.domain.sprint_review import sprint_review
from paceline.domain.standup import standup
from paceline.domain.velocity_report import velocity_report, week_of

_MAKERS: dict[ReportKind, Callable[[SprintRecord, datetime], Model]] = {
    ReportKind.PLANNING: sprint_planning,
    ReportKind.STANDUP: standup,
    ReportKind.DAILY: daily_report,
    ReportKind.VELOCITY: velocity_report,
    ReportKind.REVIEW: sprint_review,
    ReportKind.RETROSPECTIVE: retrospective,
}


def due_reports(record: SprintRecord, now: datetime, *, over: bool = False) -> list[ReportDraft]:
    """The reports that are due, oldest first.

    One standup and one daily report for all days that ended since the last, and one velocity report for all
    weeks: who was away for three days finds one of each and not three.

    Args:
        record: the sprint with its stored reports.
        now: the moment.
        over: the sprint has ended, so that its last day is reported although it is not over.
    """
    if record.last_of(ReportKind.REVIEW) is not None:
        # A sprint that was reviewed has no more days, also for a clock that hears of it late.
        return []
    calendar = record.calendar
    day = calendar.day_of(now)
    due = [(ReportKind.PLANNING, 1, calendar.start)]
    if day > 1:
        ended = calendar.begins(day)
        due += [(ReportKind.STANDUP, day - 1, ended), (ReportKind.DAILY, day - 1, ended)]
    weeks = (day - 1) // calendar.days_a_week
    if weeks:
        due.append((ReportKind.VELOCITY, weeks, calendar.begins(weeks * calendar.days_a_week + 1)))
    if over:
        due += _last(calendar.last_day(now), calendar.days_a_week, now)
    drafts: list[ReportDraft] = []
    for kind, number, until in due:
        before = record.last_of(kind)
        if before is None or before.number < number:
            draft = _draft(record, kind, number, until)
            made = Report(project="", made_at=until, **draft.model_dump())
            record = record.with_report(made)
            drafts.append(draft)
    return drafts


def _last(day: int, days_a_week: int, now: datetime) -> list[tuple[ReportKind, int, datetime]]:
    numbers = {
        ReportKind.STANDUP: day,
        ReportKind.DAILY: day,
        ReportKind.VELOCITY: week_of(day, days_a_week),
        ReportKind.REVIEW: 1,
        ReportKind.RETROSPECTIVE: 1,
    }
    return [(kind, number, now) for kind, number in numbers.items()]


def _draft(record: SprintRecord, kind: ReportKind, number: int, until: datetime) -> ReportDraft:
    content = _MAKERS[kind](record, until).model_dump(mode="json")
    return ReportDraft(sprint=record.sprint, kind=kind, number=number, data=content)
