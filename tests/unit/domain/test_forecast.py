"""The forecast: seeded, ordered, bounded below by the schedule, and honest about what it rests on."""

from __future__ import annotations

import subprocess
import sys
from math import isclose, log
from random import Random
from statistics import mean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.durations import Pace, draw_durations, stated_days
from paceline.domain.forecast import FEWEST_ROUNDS, ROUNDS, STORY_ROUNDS, Progress, forecast, usual_rounds
from paceline.domain.network import Limits
from paceline.domain.plan import Plan, Sprint
from tests.unit.domain.test_simulation import a_plan, a_story, plans

SURE = Pace(spread=0, common_spread=0)
CHAIN = a_plan([a_story("a", points=2), a_story("b", "a", points=3), a_story("c", points=1)])


def test_without_uncertainty_every_round_is_the_schedule() -> None:
    found = forecast(CHAIN, SURE, rounds=3)
    finish = found.finish
    assert (finish.min, finish.p50, finish.max, finish.mean) == (5, 5, 5, 5)
    assert (found.lower_bound, found.expected) == (5, 5)
    assert [(each.story, each.start, each.end) for each in found.schedule] == [
        ("a", 0, 2),
        ("c", 0, 1),
        ("b", 2, 5),
    ]
    assert [(each.story, each.index) for each in found.critical] == [("a", 1), ("b", 1)]


def test_the_lower_bound_knows_dependencies_only() -> None:
    plan = a_plan([a_story("a", points=2, files="hot"), a_story("b", points=3, files="hot")])
    found = forecast(plan, SURE, rounds=1)
    assert (found.lower_bound, found.expected) == (3, 5)


def test_a_story_takes_as_long_as_its_slowest_agent() -> None:
    plan = a_plan([a_story("a", points=6, agents="Ada Bo"), a_story("b", points=6, agents="Cy")])
    pace = SURE.model_copy(update={"default": 6.0, "agents": {"Ada": 3.0, "Bo": 2.0}})
    found = forecast(plan, pace, rounds=1)
    assert {each.story: each.end for each in found.schedule} == {"a": 3, "b": 1}
    assert [(each.agent, each.busy_days, each.share) for each in found.agents] == [
        ("Ada", 3, 1),
        ("Bo", 3, 1),
        ("Cy", 1, round(1 / 3, 4)),
    ]


def test_stories_without_points_take_the_median_of_the_others_or_one() -> None:
    stories = [a_story("a", points=1), a_story("b", points=5), a_story("c", points=8), a_story("d")]
    stories[3].points = None
    found = forecast(a_plan(stories), SURE, rounds=1)
    assert found.assumptions.points_assumed == 5
    assert found.assumptions.stories_without_points == ["d"]
    assert next(each.end for each in found.schedule if each.story == "d") == 5
    alone = forecast(a_plan([stories[3]]), SURE, rounds=1)
    assert (alone.assumptions.points_assumed, alone.expected) == (1, 1)
    assert forecast(CHAIN, SURE, rounds=1).assumptions.points_assumed is None


@given(plans(), st.integers(0, 3))
def test_percentiles_rise_and_the_histogram_counts_every_round(plan: Plan, seed: int) -> None:
    found = forecast(plan, seed=seed, rounds=17)
    finish = found.finish
    rising = [finish.min, finish.p10, finish.p50, finish.p80, finish.p90, finish.p95, finish.max]
    assert rising == sorted(rising)
    assert finish.min <= finish.mean <= finish.max
    assert sum(each.rounds for each in finish.histogram) == 17
    assert finish.histogram[0].start <= finish.min + 1e-4
    assert finish.max <= finish.histogram[-1].end + 1e-4
    assert found.expected >= found.lower_bound - 1e-9
    assert all(0 < each.index <= 1 for each in found.critical)
    assert all(0 <= each.share <= 1.0001 for each in found.agents)


def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_sets() -> None:
    script = (
        "from tests.unit.domain.test_forecast import many; from paceline.domain.forecast import forecast;"
        "import sys; sys.stdout.write(forecast(many(), seed=7, rounds=20).model_dump_json())"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": each}, check=True, capture_output=True
        ).stdout
        for each in ("1", "2")
    ]
    assert printed[0] == printed[1] == forecast(many(), seed=7, rounds=20).model_dump_json().encode()
    assert forecast(many(), seed=8, rounds=20).finish != forecast(many(), seed=7, rounds=20).finish


def many() -> Plan:
    """Thirty stories that share agents and files."""
    names = ("Ada", "Bo", "Cy")
    return a_plan(
        [
            a_story(
                f"s{n}",
                *([f"s{n - 5}"] if n > 6 else []),
                points=n % 5 + 1,
                agents=names[n % 3],
                files=f"src/{n % 7}.py",
            )
            for n in range(30)
        ]
    )


def test_durations_have_the_mean_and_the_spread_that_were_asked_for() -> None:
    draw = Random(1)  # noqa: S311 - a seeded simulation, no secret
    days = [
        value for _ in range(500) for value in draw_durations([4.0] * 20, {}, Pace(common_spread=0), draw)
    ]
    assert isclose(mean(days), 4.0, rel_tol=0.02)
    assert isclose(pstdev(map(log, days)), 0.54, rel_tol=0.02)
    ordered = sorted(days)
    assert isclose(ordered[9000] / ordered[5000], 2.0, rel_tol=0.05)


def test_what_a_whole_round_shares_does_not_cancel_out() -> None:
    wide = forecast(many(), Pace(common_spread=0.5), rounds=200).finish
    narrow = forecast(many(), Pace(common_spread=0), rounds=200).finish
    assert wide.p90 - wide.p10 > 2 * (narrow.p90 - narrow.p10)


def test_a_running_story_has_less_left_and_never_less_than_nothing() -> None:
    before = forecast(CHAIN, rounds=200).finish
    later = forecast(CHAIN, rounds=200, progress=Progress(running={"a": 1.5}))
    assert later.finish.p50 < before.p50
    late = forecast(CHAIN, rounds=200, progress=Progress(running={"c": 50.0}))
    assert late.finish.min > 0
    assert late.finish.p50 > before.p50
    assert forecast(CHAIN, SURE, rounds=1, progress=Progress(running={"a": 1.5})).expected == 3.5


def test_ended_and_done_stories_take_no_time() -> None:
    assert forecast(CHAIN, SURE, rounds=1, progress=Progress(ended=["a"])).expected == 3
    done = CHAIN.model_copy(deep=True)
    for story in done.stories:
        story.done = True
    found = forecast(done, rounds=5)
    assert (found.finish.max, found.schedule, found.critical) == (0, [], [])
    assert found.assumptions.done == ["a", "b", "c"]


def test_chances_count_the_rounds_that_ended_by_then() -> None:
    plan = a_plan([a_story("a", points=10)], [Sprint(id="S", duration_text="2 weeks")])
    found = forecast(plan, rounds=400, by=[5.0, 1000.0])
    assert [(each.days, each.why) for each in found.chances] == [
        (5, "asked for"),
        (1000, "asked for"),
        (10, "the plan's duration"),
    ]
    early, late, stated = (each.probability for each in found.chances)
    assert 0 < early < stated < late == 1


@pytest.mark.parametrize(
    ("sprint", "days"),
    [
        (Sprint(id="S", weeks=(3, 4)), 10),
        (Sprint(id="S", duration_text="2 Wochen"), 10),
        (Sprint(id="S", duration_text="10-day"), 10),
        (Sprint(id="S", duration_text="a fortnight"), None),
        (Sprint(id="S", duration_text="2"), None),
        (Sprint(id="S"), None),
        (Sprint(id="S", weeks=(1, 1), optional=True), None),
    ],
)
def test_what_a_plan_says_about_its_length(sprint: Sprint, days: float | None) -> None:
    assert stated_days(a_plan([], [sprint])) == days


def test_every_sprint_has_its_end() -> None:
    stories = [a_story("a", points=2), a_story("b", points=4)]
    stories[1].sprints = ["S2"]
    sprints = [Sprint(id="S1"), Sprint(id="S2"), Sprint(id="S3", optional=True)]
    found = forecast(a_plan(stories, sprints), SURE, rounds=1)
    assert [(each.sprint, each.stories, each.p50) for each in found.sprints] == [("S1", 1, 2), ("S2", 1, 6)]
    assert found.assumptions.sprints_left_out == ["S3"]
    assert [each.sprint for each in found.schedule] == ["S1", "S2"]


def test_of_a_large_plan_fewer_rounds_are_played() -> None:
    assert usual_rounds(8) == ROUNDS
    assert usual_rounds(1000) == STORY_ROUNDS // 1000
    assert usual_rounds(50_000) == FEWEST_ROUNDS


def test_limits_are_said_back() -> None:
    found = forecast(CHAIN, limits=Limits(max_parallel=2), rounds=2, seed=5)
    assert (found.assumptions.limits.max_parallel, found.assumptions.seed, found.assumptions.rounds) == (
        2,
        5,
        2,
    )
