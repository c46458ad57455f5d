"""Day N of a sprint: when each of its days begins, and which phases of the plan it belongs to.

A day of the sprint lasts from its own beginning to that of the next, so that every moment belongs to exactly
one day: where only working days count, Friday's goes on over the weekend.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from paceline.domain.durations import DAYS_OF_WORK, written_length
from paceline.domain.model import Model
from paceline.domain.plan import Phase, Plan, Sprint
from paceline.domain.spans import seconds_of

DAY = timedelta(days=1)
DAYS_A_WEEK = 7
_SHORTEST_FIRST_DAY = timedelta(hours=12)
"""A sprint that starts shortly before the hour at which days begin has no first day of minutes."""
_HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class Weekday(StrEnum):
    """The days of a week, from Monday."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK = tuple(Weekday)
WORKING_WEEK = WEEK[:DAYS_OF_WORK]


class CalendarOptions(Model):
    """From the table `[calendar]` or a run's options: what a day of a sprint is, and whether to report it."""

    reports: bool = True
    """Make standups, daily reports, velocity, review and retrospective."""
    day_length: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Seconds that a day lasts in a rehearsal, also as `2s`, `5m`, `1h` or `1d`; None: real days."""
    working_days: list[Weekday] | None = None
    """The days that count; None: Monday to Friday where the plan counts five a week, else all seven."""
    start_of_day: str | None = None
    """When days begin, as `09:00`; None: at the hour at which the sprint started."""
    time_zone: str = "UTC"
    """Where `start_of_day` and the days of the week are looked up, as `Europe/Berlin`."""

    @field_validator("day_length", mode="before")
    @classmethod
    def _with_unit(cls, given: object) -> object:
        return seconds_of(given) if isinstance(given, str) else given

    @field_validator("start_of_day")
    @classmethod
    def _an_hour(cls, given: str | None) -> str | None:
        if given is not None and not _HOUR.fullmatch(given):
            raise ValueError("write the hour and minute, as 09:00")
        return given

    @field_validator("time_zone")
    @classmethod
    def _a_zone(cls, given: str) -> str:
        try:
            ZoneInfo(given)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{given} is no time zone; write one such as Europe/Berlin") from None
        return given

    @model_validator(mode="after")
    def _one_clock(self) -> CalendarOptions:
        if self.day_length is not None and (self.start_of_day or self.working_days):
            raise ValueError("days of a given length have neither an hour nor a day of the week")
        if self.working_days == []:
            raise ValueError("at least one day of the week has to count")
        return self


@dataclass(frozen=True)
class Calendar:
    """The days of one sprint."""

    start: datetime
    """When the sprint started; aware."""
    options: CalendarOptions
    five_days: bool = False
    """Whether the plan counts five days a week; what the options say of working days goes before it."""

    @property
    def days_a_week(self) -> int:
        """How many days of the sprint make a week."""
        return len(self._counting) if self.options.day_length is None else DAYS_OF_WORK + 2 * self._seven

    def day_of(self, moment: datetime) -> int:
        """The number of the day that a moment belongs to; 1 for the first and for moments before it."""
        length = self.options.day_length
        if length is not None:
            return max(0, (moment - self.start) // timedelta(seconds=length)) + 1
        # The steps before it by count of whole days, and then at most a few by looking.
        step = max(0, (moment - self.start) // DAY - 1)
        while self._step(step + 1) <= moment:
            step += 1
        return max(1, self._counted(step))

    def last_day(self, until: datetime) -> int:
        """The newest day that began before a moment: one that begins a day is the end of the day before."""
        day = self.day_of(until)
        return day - 1 if day > 1 and self.begins(day) >= until else day

    def begins(self, day: int) -> datetime:
        """When a day begins; the first one with the sprint."""
        if day <= 1:
            return self.start
        length = self.options.day_length
        if length is not None:
            return self.start + timedelta(seconds=length) * (day - 1)
        # Each week has as many counting days as every other, so whole weeks need not be looked at.
        weeks = max(0, (day - 2) // len(self._counting) - 1)
        step = weeks * DAYS_A_WEEK
        while self._counted(step) < day:
            step += 1
        return self._step(step)

    def next_day(self, moment: datetime) -> datetime:
        """When the day after that of a moment begins; always later than the moment."""
        return self.begins(self.day_of(moment) + 1)

    @property
    def _seven(self) -> bool:
        return not self.five_days

    @property
    def _counting(self) -> frozenset[Weekday]:
        return frozenset(self.options.working_days or (WORKING_WEEK if self.five_days else WEEK))

    def _step(self, step: int) -> datetime:
        """The beginning of a day of the calendar on the wall, whether it counts or not; 0: the start."""
        if step == 0:
            return self.start
        local = self.start.astimezone(ZoneInfo(self.options.time_zone))
        if self.options.start_of_day is None:
            return (local + DAY * step).astimezone(UTC)
        hour = time.fromisoformat(self.options.start_of_day)
        first = datetime.combine(local.date(), hour, local.tzinfo)
        while first.astimezone(UTC) - self.start.astimezone(UTC) < _SHORTEST_FIRST_DAY:
            first += DAY
        return (first + DAY * (step - 1)).astimezone(UTC)

    def _counts(self, step: int) -> bool:
        local = self._step(step).astimezone(ZoneInfo(self.options.time_zone))
        return WEEK[local.weekday()] in self._counting

    def _counted(self, step: int) -> int:
        """How many days that count began up to a step, the sprint's first day among them."""
        weeks, rest = divmod(step, DAYS_A_WEEK)
        last = sum(self._counts(weeks * DAYS_A_WEEK + each) for each in range(1, rest + 1))
        return 1 + weeks * len(self._counting) + last


# What the plan says ---


def counts_five_days(plan: Plan) -> bool:
    """Whether the plan's phases count five days a week: their last day is the last of as many weeks."""
    last = max((phase.days[1] for phase in plan.phases if phase.days), default=0)
    weeks = [length[0] for sprint in plan.sprints if (length := _in_weeks(sprint)) is not None]
    if not last or len(weeks) < len(plan.sprints):
        return False
    return last in (DAYS_OF_WORK * sum(weeks), *(DAYS_OF_WORK * each for each in weeks))


def planned_days(plan: Plan, sprint: str, days_a_week: int = DAYS_A_WEEK) -> int | None:
    """How many days a sprint is to last.

    Args:
        plan: any plan.
        sprint: its id.
        days_a_week: how many of a week count.

    Returns:
        None where neither the sprint nor its phases say it.
    """
    found = _sprint(plan, sprint)
    length = written_length(found) if found is not None else None
    if length is not None:
        return max(1, length[0] * (days_a_week if length[1] > 1 else 1))
    if len(plan.sprints) <= 1:
        return max((phase.days[1] for phase in plan.phases if phase.days), default=None)
    return None


def phases_of(plan: Plan, sprint: str) -> list[Phase]:
    """The phases with days that belong to a sprint: its stories' phases, or all where it is the only one."""
    with_days = [phase for phase in plan.phases if phase.days]
    if len(plan.sprints) <= 1:
        return with_days
    named = {story.phase for story in plan.stories if sprint in story.sprints}
    return [phase for phase in with_days if phase.id in named]


def first_counted_day(plan: Plan, sprint: str, days_a_week: int = DAYS_A_WEEK) -> int:
    """The plan's number for the first day of a sprint: above 1 where it counts on over sprints."""
    days = [phase.days[0] for phase in phases_of(plan, sprint) if phase.days]
    found = _sprint(plan, sprint)
    planned = planned_days(plan, sprint, days_a_week)
    if found is None or found.weeks is None or planned is None or not days or min(days) <= planned:
        return 1
    return (found.weeks[0] - 1) * days_a_week + 1


def phases_on(plan: Plan, sprint: str, day: int, days_a_week: int = DAYS_A_WEEK) -> list[Phase]:
    """The phases of a sprint that a day of it belongs to, in the plan's order; several where they overlap.

    Args:
        plan: any plan.
        sprint: its id.
        day: counted from 1.
        days_a_week: how many of a week count.
    """
    counted = first_counted_day(plan, sprint, days_a_week) + day - 1
    return [
        phase
        for phase in phases_of(plan, sprint)
        if phase.days is not None and phase.days[0] <= counted <= phase.days[1]
    ]


def _in_weeks(sprint: Sprint) -> tuple[int, float] | None:
    length = written_length(sprint)
    return length if length is not None and length[1] > 1 else None


def _sprint(plan: Plan, sprint: str) -> Sprint | None:
    return next((each for each in plan.sprints if each.id == sprint), None)
