"""Burn-down and velocity: counted from the log, never negative, and the sums are equal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.burndown import velocity, weigh
from paceline.domain.chronicle import PlannedStory
from paceline.domain.due_reports import due_reports
from paceline.domain.events import Event
from paceline.domain.reports import Report, ReportKind
from paceline.domain.velocity_report import VelocityReport
from tests.unit.domain.sprint_logs import START, courses, log, record, story


def test_what_is_left_and_the_straight_line() -> None:
    events = log(
        (0.1, "claim.granted", "a", {"attempt": 1}),
        (1.5, "story.merged", "a", {"state": "merged"}),
        (3.5, "story.skipped", "b", {"state": "skipped"}),
        (4.5, "story.reverted", "a", {"state": "reverted"}),
        (5.5, "story.restored", "a", {"state": "merged"}),
    )
    found = record([story("a", points=8), story("b", points=4), story("c", points=2)], events)
    until = START + timedelta(days=7)
    days = found.burn(found.told(until), until)
    assert [(each.left, each.done) for each in days] == [
        (14, 0),
        (6, 8),
        (6, 0),
        (2, 0),
        (10, -8),
        (2, 8),
        (2, 0),
    ]
    assert [each.ideal for each in days] == [13, 12, 11, 10, 9, 8, 7]
    assert velocity(days, 1, 7, 14, 14).model_dump() == {
        "first_day": 1,
        "last_day": 7,
        "planned": 7,
        "completed": 8,
    }


def test_stories_without_points_share_what_the_plan_states_or_count_one() -> None:
    stories = [story(name, points=None) for name in "abcd"]
    assert weigh(stories, 40).by_story == dict.fromkeys("abcd", 10.0)
    assert weigh(stories, None).unit == "stories"
    mixed = weigh([story("a", points=3), story("b", points=None)], 40)
    assert (mixed.total, mixed.without_points, mixed.basis) == (3, 1, "points")


def counted_again(stories: list[PlannedStory], events: list[Event], day: int) -> tuple[float, float]:
    """What is done and left at the end of a day, by reading the log once more from its beginning."""
    state: dict[str, str] = {}
    for event in events:
        if event.at < START + timedelta(days=day) and "state" in event.data:
            state[event.story or ""] = event.data["state"]
    known = any(each.points is not None for each in stories)
    weights = {each.id: (each.points or 0.0) if known else 1.0 for each in stories}
    done = sum(weights[name] for name, found in state.items() if found in ("merged", "settled"))
    gone = sum(weights[name] for name, found in state.items() if found == "skipped")
    return done, sum(weights.values()) - done - gone


@given(courses(), st.integers(1, 20))
def test_it_can_be_counted_again_from_the_log(
    course: tuple[list[PlannedStory], list[Event]], last: int
) -> None:
    stories, events = course
    found = record(stories, events)
    until = START + timedelta(days=last)
    days = found.burn(found.told(until), until)
    assert [each.day for each in days] == list(range(1, last + 1))
    total = 0.0
    for each in days:
        total += each.done
        done, left = counted_again(stories, events, each.day)
        # An event at the very moment of the report is in it.
        if each.day < last:
            assert isclose(each.left, left, abs_tol=1e-5)
            assert isclose(total, done, abs_tol=1e-5)
        assert each.left >= 0
        assert isclose(each.scope, each.left + total, abs_tol=1e-5)


@given(courses(), st.lists(st.floats(0.01, 40), min_size=1, max_size=6))
def test_weeks_sum_up_to_the_sprint_however_seldom_somebody_looks(
    course: tuple[list[PlannedStory], list[Event]], looks: list[float]
) -> None:
    stories, events = course
    found = record(stories, events)
    end = max(looks) + 1
    for day in [*sorted(looks), end]:
        now = START + timedelta(days=day)
        drafts = due_reports(found, now, over=day == end)
        made = [Report(project="p", made_at=now, **draft.model_dump()) for draft in drafts]
        found = replace(found, reports=[*found.reports, *made])
    weeks = [
        VelocityReport.model_validate(each.data) for each in found.reports if each.kind is ReportKind.VELOCITY
    ]
    assert isclose(sum(each.this_week.completed for each in weeks), weeks[-1].sprint.completed, abs_tol=1e-5)
    standups = [each for each in found.reports if each.kind is ReportKind.STANDUP]
    covered = [(each.data["period"]["first_day"], each.data["period"]["last_day"]) for each in standups]
    assert covered[0][0] == 1
    assert all(later[0] == earlier[1] + 1 for earlier, later in pairwise(covered))
    assert len(standups) <= len(looks) + 2, "days that nobody was there for make no storm"
