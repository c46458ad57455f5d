"""Day N of a sprint: every moment has one, and the plan's phases are found by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from paceline.domain.calendar import (
    WEEK,
    Calendar,
    CalendarOptions,
    Weekday,
    counts_five_days,
    phases_on,
    planned_days,
)
from paceline.domain.plan import Phase, Plan, Source, Sprint, Story

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def a_plan(*phases: tuple[int, int], duration: str | None = "2 weeks") -> Plan:
    """One sprint whose phases have these days."""
    return Plan(
        title="Harbour",
        source=Source(kind="test", lines=1, digest="0" * 64),
        sprints=[Sprint(id="Sprint 1", duration_text=duration)],
        phases=[Phase(id=f"Phase {number}", days=days) for number, days in enumerate(phases, 1)],
    )


def test_a_fortnight_has_days_one_to_fourteen() -> None:
    calendar = Calendar(MONDAY, CalendarOptions())
    plan = a_plan((1, 3), (4, 8), (9, 12), (13, 14))
    days = [calendar.day_of(MONDAY + timedelta(days=each, hours=1)) for each in range(14)]
    assert days == list(range(1, 15))
    assert planned_days(plan, "Sprint 1", calendar.days_a_week) == 14
    names = [phases_on(plan, "Sprint 1", day)[0].id for day in days]
    assert names == ["Phase 1"] * 3 + ["Phase 2"] * 5 + ["Phase 3"] * 4 + ["Phase 4"] * 2
    assert phases_on(plan, "Sprint 1", 15) == []


def test_a_plan_that_counts_five_days_a_week_has_no_weekends() -> None:
    plan = a_plan((1, 4), (5, 10))
    assert counts_five_days(plan)
    assert not counts_five_days(a_plan((1, 14)))
    assert not counts_five_days(a_plan((1, 10), duration=None))
    calendar = Calendar(MONDAY, CalendarOptions(), five_days=True)
    friday, next_monday = MONDAY + timedelta(days=4), MONDAY + timedelta(days=7)
    assert planned_days(plan, "Sprint 1", calendar.days_a_week) == 10
    assert calendar.day_of(friday) == calendar.day_of(friday + timedelta(days=2)) == 5
    assert calendar.day_of(next_monday) == 6
    assert calendar.next_day(friday) == next_monday == calendar.begins(6)


def test_days_of_a_rehearsal_are_seconds() -> None:
    calendar = Calendar(MONDAY, CalendarOptions.model_validate({"day_length": "2s"}))
    assert calendar.day_of(MONDAY + timedelta(seconds=5)) == 3
    assert calendar.begins(14) == MONDAY + timedelta(seconds=26)
    assert calendar.days_a_week == 7


def test_days_begin_at_the_hour_of_the_place_also_when_its_clocks_change() -> None:
    options = CalendarOptions(start_of_day="09:00", time_zone="Europe/Berlin")
    start = datetime(2026, 3, 27, 15, 0, tzinfo=UTC)
    calendar = Calendar(start, options)
    begins = [calendar.begins(day) for day in (2, 3, 4)]
    assert [f"{each:%d %H:%M}" for each in begins] == ["28 08:00", "29 07:00", "30 07:00"]
    late = Calendar(datetime(2026, 3, 27, 23, 0, tzinfo=UTC), options)
    assert f"{late.begins(2):%d %H:%M}" == "29 07:00", "no first day of a few hours"


def test_the_length_of_a_sprint_is_what_is_written() -> None:
    assert planned_days(a_plan(duration="14 days"), "Sprint 1", 5) == 14
    assert planned_days(a_plan(duration="3 weeks"), "Sprint 1", 5) == 15
    assert planned_days(a_plan(duration="soon"), "Sprint 1") is None
    assert planned_days(a_plan((1, 6), duration=None), "Sprint 1") == 6


def test_phases_of_a_later_sprint_count_on() -> None:
    plan = Plan(
        title="Harbour",
        source=Source(kind="test", lines=1, digest="0" * 64),
        sprints=[Sprint(id="One", weeks=(1, 2)), Sprint(id="Two", weeks=(3, 4))],
        phases=[Phase(id="A", days=(1, 14)), Phase(id="B", days=(15, 20)), Phase(id="C", days=(21, 28))],
        stories=[
            Story(id=each, title=each, sprints=[sprint], phase=phase)
            for each, sprint, phase in (("1", "One", "A"), ("2", "Two", "B"), ("3", "Two", "C"))
        ],
    )
    assert [[phase.id for phase in phases_on(plan, "Two", day)] for day in (1, 6, 7, 14)] == [
        ["B"],
        ["B"],
        ["C"],
        ["C"],
    ]
    assert [phase.id for phase in phases_on(plan, "One", 1)] == ["A"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"day_length": "soon"},
        {"day_length": 0},
        {"start_of_day": "25:00"},
        {"time_zone": "Mars/Olympus"},
        {"working_days": []},
        {"day_length": "1s", "start_of_day": "09:00"},
    ],
)
def test_a_calendar_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CalendarOptions.model_validate(wrong)


calendars = st.builds(
    Calendar,
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    st.one_of(
        st.builds(CalendarOptions, day_length=st.floats(0.5, 7200)),
        st.builds(
            CalendarOptions,
            working_days=st.none() | st.lists(st.sampled_from(WEEK), min_size=1, unique=True),
            start_of_day=st.sampled_from([None, "00:00", "09:00", "23:30"]),
            time_zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
        ),
    ),
    st.booleans(),
)


@given(calendars, st.integers(1, 200))
def test_days_follow_each_other_and_every_moment_has_one(calendar: Calendar, day: int) -> None:
    begin, end = calendar.begins(day), calendar.begins(day + 1)
    assert begin < end
    assert calendar.day_of(begin) == day
    assert calendar.day_of(begin + (end - begin) / 2) == day
    assert calendar.day_of(end - timedelta(microseconds=1)) == day
    assert calendar.next_day(begin) == end
    assert calendar.last_day(end) == day


@given(calendars, st.lists(st.floats(0, 400), min_size=2, max_size=6))
def test_later_moments_have_no_earlier_day(calendar: Calendar, ages: list[float]) -> None:
    unit = timedelta(seconds=calendar.options.day_length or 86_400)
    moments = sorted(calendar.start + unit * age for age in ages)
    days = [calendar.day_of(moment) for moment in moments]
    assert days == sorted(days)
    assert all(day >= 1 for day in days)
    assert all(calendar.next_day(moment) > moment for moment in moments)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.integers(1, 60))
def test_a_day_belongs_to_at_most_one_phase_of_a_sequence(lengths: list[int], day: int) -> None:
    ranges: list[tuple[int, int]] = []
    for length in lengths:
        begin = ranges[-1][1] + 1 if ranges else 1
        ranges.append((begin, begin + length - 1))
    found = phases_on(a_plan(*ranges), "Sprint 1", day)
    assert len(found) == (1 if day <= ranges[-1][1] else 0)


def test_only_days_that_count_begin_days() -> None:
    calendar = Calendar(MONDAY, CalendarOptions(working_days=[Weekday.MON, Weekday.THU]))
    assert [f"{calendar.begins(day):%a %d}" for day in (1, 2, 3, 4)] == [
        "Mon 02",
        "Thu 05",
        "Mon 09",
        "Thu 12",
    ]
    assert calendar.days_a_week == 2
