"""When a plan will end: its schedule played through many times with durations that vary.

Monte Carlo simulation of an activity network under resource limits. A story's expected duration is its points
divided by the pace of its slowest agent; `durations` says how it varies, `simulation` how a run orders.

Not in it: retries, merges and checks, people's time to answer, and the ageing by which a run lets those go
first that others passed over too often (except for claims of the whole repository).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from pydantic import Field

from paceline.domain.collector import collector_paused
from paceline.domain.durations import Pace, draw_durations, stated_days
from paceline.domain.forecast_report import (
    Assumptions,
    Chance,
    Forecast,
    Placed,
    Tally,
    finish_of,
    rounded,
)
from paceline.domain.model import Model
from paceline.domain.network import Limits, Network, network
from paceline.domain.plan import Plan
from paceline.domain.simulation import Course, simulate

ROUNDS, FEWEST_ROUNDS, STORY_ROUNDS = 1000, 30, 300_000
"""The usual rounds; of large plans as many as make so many stories in all, and at least so few."""


class Progress(Model):
    """Where a run stands; everything empty before it starts."""

    ended: list[str] = Field(default_factory=list[str])
    """Stories that need not be done any more."""
    running: dict[str, float] = Field(default_factory=dict[str, float])
    """Stories at work, with the working days that each has taken so far."""


@dataclass(frozen=True, slots=True)
class _Work:
    """Expected durations, and what of the running stories is over."""

    days: list[float]
    elapsed: dict[int, float]

    def expected(self) -> list[float]:
        """What is left of every story without uncertainty."""
        return [max(days - self.elapsed.get(story, 0.0), 0.0) for story, days in enumerate(self.days)]


@collector_paused()
def forecast(
    plan: Plan,
    pace: Pace | None = None,
    limits: Limits | None = None,
    seed: int = 0,
    rounds: int | None = None,
    *,
    progress: Progress | None = None,
    by: Sequence[float] = (),
) -> Forecast:
    """Say when a plan will end.

    Args:
        plan: a plan that passes the linter.
        pace: how fast the work goes.
        limits: what bounds how much runs at once.
        seed: the same plan, options and seed give the same forecast.
        rounds: how often the plan is played through; None: 1000, of large plans fewer.
        progress: where the run stands; None: nothing has begun.
        by: days for which the chance to be done is wanted.

    Returns:
        The distribution of the end, and what decides it. The criticality index is Van Slyke's ("Monte Carlo
        Methods and the PERT Problem", Operations Research 11(5), 1963), with claims as well as dependencies.

    Raises:
        PlanError: the dependencies are circular.
    """
    pace, limits, progress = pace or Pace(), limits or Limits(), progress or Progress()
    net = network(plan, limits, frozenset(progress.ended))
    work, assumed, without = _work(plan, net, pace, progress)
    count = rounds or usual_rounds(len(net.stories))
    tally = Tally(net)
    draw = random.Random(seed)  # noqa: S311 - a seeded simulation, no secret
    for _ in range(count):
        durations = draw_durations(work.days, work.elapsed, pace, draw)
        tally.add(simulate(net, durations, work.elapsed), durations)
    expected = work.expected()
    course = simulate(net, expected, work.elapsed)
    days = sorted(tally.ends)
    return Forecast(
        assumptions=_assumptions(plan, net, pace, seed, count, assumed, without),
        finish=finish_of(days),
        chances=_chances(plan, limits, days, by),
        sprints=tally.sprints(),
        critical=tally.critical(),
        agents=tally.agents(),
        lower_bound=rounded(_longest(net, expected)),
        expected=rounded(max(course.end, default=0.0)),
        schedule=_schedule(net, course),
    )


def usual_rounds(stories: int) -> int:
    """How often a plan of so many stories is played through; by its size, so that it is always the same."""
    return min(ROUNDS, max(FEWEST_ROUNDS, STORY_ROUNDS // max(1, stories)))


def _work(plan: Plan, net: Network, pace: Pace, progress: Progress) -> tuple[_Work, float, list[str]]:
    stories = {story.id: story for story in plan.stories}
    known = [story.points for story in plan.stories if story.points is not None]
    assumed = median(known) if known else 1.0
    days: list[float] = []
    for name in net.stories:
        story = stories[name]
        speed = min((pace.agents.get(agent, pace.default) for agent in story.agents), default=pace.default)
        days.append((assumed if story.points is None else max(story.points, 0.0)) / speed)
    without = [name for name in net.stories if stories[name].points is None]
    number = {name: place for place, name in enumerate(net.stories)}
    elapsed = {number[name]: max(gone, 0.0) for name, gone in progress.running.items() if name in number}
    return _Work(days, dict(sorted(elapsed.items()))), assumed, without


def _chances(plan: Plan, limits: Limits, days: Sequence[float], by: Sequence[float]) -> list[Chance]:
    wanted = [(day, "asked for") for day in by]
    stated = stated_days(plan, limits.optional_sprints)
    if stated is not None:
        wanted.append((stated, "the plan's duration"))
    return [
        Chance(days=day, probability=rounded(sum(each <= day for each in days) / len(days)), why=why)
        for day, why in wanted
    ]


def _assumptions(
    plan: Plan, net: Network, pace: Pace, seed: int, rounds: int, assumed: float, without: list[str]
) -> Assumptions:
    ran = set(net.sprint_ids)
    return Assumptions(
        seed=seed,
        rounds=rounds,
        pace=pace,
        limits=net.limits,
        points_assumed=assumed if without else None,
        stories_without_points=without,
        whole_repository=[name for name, whole in zip(net.stories, net.whole, strict=True) if whole],
        done=[story.id for story in plan.stories if story.done],
        sprints_left_out=[sprint.id for sprint in plan.sprints if sprint.id not in ran],
        exact=net.exact,
    )


def _longest(net: Network, days: Sequence[float]) -> float:
    """The sum over the sprints of their longest chains of dependencies."""
    total = 0.0
    missing = list(net.waits)
    ends = [0.0] * len(days)
    for stories in net.sprints:
        ready = [story for story in stories if missing[story] == 0]
        longest = 0.0
        while ready:
            story = ready.pop()
            done = ends[story] + days[story]
            longest = max(longest, done)
            for after in net.after[story]:
                ends[after] = max(ends[after], done)
                missing[after] -= 1
                if missing[after] == 0:
                    ready.append(after)
        total += longest
    return total


def _schedule(net: Network, course: Course) -> list[Placed]:
    sprint_of: Mapping[int, str | None] = {
        story: sprint
        for sprint, stories in zip(net.sprint_ids, net.sprints, strict=True)
        for story in stories
    }
    placed = [
        Placed(
            story=name,
            sprint=sprint_of[story],
            agents=[net.agent_ids[agent] for agent in net.agents[story]],
            start=rounded(course.start[story]),
            end=rounded(course.end[story]),
        )
        for story, name in enumerate(net.stories)
    ]
    return sorted(placed, key=lambda each: each.start)
