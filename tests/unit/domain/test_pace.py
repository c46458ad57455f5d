"""How long a sprint takes at its pace so far, and what that says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from paceline.domain.burndown import weigh
from paceline.domain.calendar import Calendar, CalendarOptions
from paceline.domain.chronicle import PlannedStory
from paceline.domain.pace import Pace, Verdict, days_over, pace_of
from paceline.domain.states import StoryState

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
CALENDAR = Calendar(START, CalendarOptions(day_length=100))
M, P, S = StoryState.MERGED, StoryState.PENDING, StoryState.SKIPPED


def stories(count: int) -> list[PlannedStory]:
    return [PlannedStory(id=str(number), title="", sprint="1") for number in range(count)]


def pace(states: list[StoryState], days: float, planned: int | None = 10) -> Pace:
    known = stories(len(states))
    stands = {str(number): state for number, state in enumerate(states)}
    now = START + timedelta(seconds=100 * days)
    return pace_of("1", known, stands, weigh(known, None), CALENDAR, planned, now)


def test_a_part_of_a_day_counts_as_a_part() -> None:
    assert days_over(CALENDAR, START) == 0
    assert days_over(CALENDAR, START + timedelta(seconds=250)) == 2.5
    assert days_over(CALENDAR, START - timedelta(seconds=50)) == 0


@pytest.mark.parametrize(
    ("states", "days", "projected", "verdict"),
    [
        ([P, P, P, P], 3, None, Verdict.UNKNOWN),
        ([M, P, P, P], 0.5, 2.0, Verdict.UNKNOWN),
        ([M, P, P, P], 3, 12.0, Verdict.LATE),
        ([M, P, P, P], 2.5, 10.0, Verdict.ON_SCHEDULE),
        ([M, M, P, P], 4.5, 9.0, Verdict.ON_SCHEDULE),
        ([M, M, P, P], 4, 8.0, Verdict.AHEAD),
        ([M, M, S, P], 6, 9.0, Verdict.ON_SCHEDULE),
        ([M, M, M, M], 4, 4.0, Verdict.DONE),
    ],
)
def test_what_a_pace_says(
    states: list[StoryState], days: float, projected: float | None, verdict: Verdict
) -> None:
    found = pace(states, days)
    assert (found.projected_days, found.verdict) == (projected, verdict)


def test_nobody_is_ahead_by_less_than_a_day_or_of_no_length() -> None:
    assert pace([M, P], 1, planned=2).verdict is Verdict.ON_SCHEDULE
    assert pace([M, M, M, P], 1.5, planned=3).verdict is Verdict.AHEAD
    assert pace([M, M, M, P], 1.65, planned=3).verdict is Verdict.ON_SCHEDULE
    assert pace([M, M, P], 2, planned=None).verdict is Verdict.UNKNOWN
