"""What a forecast says, and how it is counted out of the rounds. Times are working days from now."""

from __future__ import annotations

import math
from collections.abc import Sequence

from paceline.domain.durations import Pace
from paceline.domain.model import Model
from paceline.domain.network import Limits, Network
from paceline.domain.simulation import Course

BINS = 12
"""About so many bars has a histogram."""
_DIGITS = 4
_SHARES = (("p10", 0.1), ("p50", 0.5), ("p80", 0.8), ("p90", 0.9), ("p95", 0.95))


class Bin(Model):
    """Rounds that ended from `start` up to `end`, in days."""

    start: float
    end: float
    rounds: int


class Finish(Model):
    """When the rounds ended, in working days from now."""

    mean: float
    min: float
    p10: float
    p50: float
    p80: float
    p90: float
    p95: float
    max: float
    histogram: list[Bin]


class Chance(Model):
    """The share of rounds that ended by a day."""

    days: float
    probability: float
    why: str


class SprintFinish(Model):
    """When a sprint ends, in working days from now."""

    sprint: str | None
    stories: int
    p50: float
    p80: float
    p90: float


class Criticality(Model):
    """The share of rounds in which a story was on the chain that decided the end."""

    story: str
    index: float


class Utilisation(Model):
    """How much of the time an agent works, on average over the rounds."""

    agent: str
    concurrency: int
    busy_days: float
    share: float
    """Of its concurrency, until the end of the plan."""


class Placed(Model):
    """Where a story lies in the schedule without uncertainty, in working days from now."""

    story: str
    sprint: str | None
    agents: list[str]
    start: float
    end: float


class Assumptions(Model):
    """What the forecast rests on."""

    seed: int
    rounds: int
    pace: Pace
    limits: Limits
    points_assumed: float | None
    """For the stories without points; None where all have some."""
    stories_without_points: list[str]
    whole_repository: list[str]
    """Stories that claim the whole repository, so that no other story with files runs beside them."""
    done: list[str]
    sprints_left_out: list[str]
    exact: bool
    """False where so many globs overlap that conflicts between files are in it only roughly."""


class Forecast(Model):
    """When the plan ends; all times in working days from now."""

    assumptions: Assumptions
    finish: Finish
    chances: list[Chance]
    sprints: list[SprintFinish]
    critical: list[Criticality]
    """Most critical first; stories that never decided the end are left out."""
    agents: list[Utilisation]
    lower_bound: float
    """The longest chain of dependencies, sprint by sprint, if nobody ever waited for anything else."""
    expected: float
    """The end if every story took exactly its expected time."""
    schedule: list[Placed]
    """That schedule, by start."""


class Tally:
    """What the rounds have in common."""

    def __init__(self, net: Network) -> None:
        self._net = net
        self.ends: list[float] = []
        self._sprint_ends: list[list[float]] = [[] for _ in net.sprints]
        self._on_chain = [0] * len(net.stories)
        self._busy = [0.0] * len(net.agent_ids)
        self._share = [0.0] * len(net.agent_ids)

    def add(self, course: Course, durations: Sequence[float]) -> None:
        """Count one round."""
        end = max(course.end, default=0.0)
        self.ends.append(end)
        for ends, day in zip(self._sprint_ends, course.sprint_ends, strict=True):
            ends.append(day)
        for story in course.chain():
            self._on_chain[story] += 1
        busy = [0.0] * len(self._busy)
        for agents, days in zip(self._net.agents, durations, strict=True):
            for agent in agents:
                busy[agent] += days
        for agent, days in enumerate(busy):
            self._busy[agent] += days
            self._share[agent] += days / (end * self._net.capacity[agent]) if end else 0.0

    def sprints(self) -> list[SprintFinish]:
        """When each sprint ends."""
        rows = zip(self._net.sprint_ids, self._net.sprints, map(sorted, self._sprint_ends), strict=True)
        return [
            SprintFinish(
                sprint=sprint,
                stories=len(stories),
                **{name: rounded(_percentile(days, share)) for name, share in _SHARES[1:4]},
            )
            for sprint, stories, days in rows
        ]

    def critical(self) -> list[Criticality]:
        """The criticality index of every story that ever decided the end."""
        order = sorted(range(len(self._on_chain)), key=lambda story: -self._on_chain[story])
        return [
            Criticality(story=self._net.stories[story], index=rounded(self._on_chain[story] / len(self.ends)))
            for story in order
            if self._on_chain[story]
        ]

    def agents(self) -> list[Utilisation]:
        """How much each agent works, in the order in which the stories name them."""
        rounds = len(self.ends)
        return [
            Utilisation(
                agent=name,
                concurrency=capacity,
                busy_days=rounded(busy / rounds),
                share=rounded(share / rounds),
            )
            for name, capacity, busy, share in zip(
                self._net.agent_ids, self._net.capacity, self._busy, self._share, strict=True
            )
        ]


def finish_of(days: Sequence[float]) -> Finish:
    return Finish(
        mean=rounded(math.fsum(days) / len(days)),
        min=rounded(days[0]),
        max=rounded(days[-1]),
        histogram=_histogram(days),
        **{name: rounded(_percentile(days, share)) for name, share in _SHARES},
    )


def _percentile(days: Sequence[float], share: float) -> float:
    """The nearest rank: the smallest day by which this share of the rounds has ended."""
    return days[max(0, math.ceil(share * len(days)) - 1)]


def _histogram(days: Sequence[float]) -> list[Bin]:
    """Bins of one round width, from a multiple of it, so that their borders read well."""
    low, high = days[0], days[-1]
    width = _round_width((high - low) / BINS)
    first = math.floor(low / width)
    counts = [0] * (math.floor(high / width) - first + 1)
    for day in days:
        counts[math.floor(day / width) - first] += 1
    return [
        Bin(start=rounded((first + n) * width), end=rounded((first + n + 1) * width), rounds=rounds)
        for n, rounds in enumerate(counts)
    ]


def _round_width(width: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    if width <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= width)


def rounded(value: float) -> float:
    """Days with four digits: what is beyond may differ from machine to machine."""
    return round(value, _DIGITS)
