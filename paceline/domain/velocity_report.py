"""The weekly report: what the week and the sprint completed of what they were to, and the burn-down."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from paceline.domain.burndown import Basis, BurnDay, Velocity, velocity
from paceline.domain.model import Model
from paceline.domain.reports import Period, ReportKind
from paceline.domain.sprint_record import SprintRecord


class SprintVelocity(Model):
    """What a sprint before this one was to complete, and what it completed."""

    project: str
    sprint: str
    planned: float | None
    completed: float
    unit: Literal["points", "stories"]


class VelocityReport(Model):
    """A week of the sprint; figures are what `unit` says."""

    period: Period
    week: int
    unit: Literal["points", "stories"]
    basis: Basis
    """Where what a story counts comes from."""
    without_points: int
    this_week: Velocity
    sprint: Velocity
    """From the first day of the sprint; what is planned is the whole of it."""
    burn_down: list[BurnDay]
    earlier: list[SprintVelocity]
    """The sprints before, oldest first."""


def velocity_report(record: SprintRecord, until: datetime) -> VelocityReport:
    """The velocity report for a moment.

    Args:
        record: the sprint.
        until: events after it do not count.
    """
    told = record.told(until)
    period = record.period(told, until, record.last_of(ReportKind.VELOCITY))
    days = record.burn(told, until)
    week = week_of(period.last_day, record.calendar.days_a_week)
    first = (week - 1) * record.calendar.days_a_week + 1
    total, weights = record.weights.total, record.weights
    whole = velocity(days, 1, period.last_day, total, None)
    return VelocityReport(
        period=period,
        week=week,
        unit=weights.unit,
        basis=weights.basis,
        without_points=weights.without_points,
        this_week=velocity(days, min(first, period.first_day), period.last_day, total, record.planned),
        sprint=whole.model_copy(update={"planned": total}),
        burn_down=days,
        earlier=earlier_velocities(record),
    )


def week_of(day: int, days_a_week: int) -> int:
    """The week of the sprint that a day belongs to; both counted from 1."""
    return (day - 1) // days_a_week + 1


def earlier_velocities(record: SprintRecord) -> list[SprintVelocity]:
    """What the sprints before completed: the last velocity report of each."""
    found: dict[tuple[str, str], SprintVelocity] = {}
    for report in record.earlier:
        if report.kind is ReportKind.VELOCITY:
            data = VelocityReport.model_validate(report.data)
            found[report.project, report.sprint] = SprintVelocity(
                project=report.project,
                sprint=report.sprint,
                planned=data.sprint.planned,
                completed=data.sprint.completed,
                unit=data.unit,
            )
    return list(found.values())
