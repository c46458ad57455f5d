"""How long stories take: points, pace, and by how much reality varies.

Durations are lognormal: Little found that of the ratio of actual to estimated durations of software projects,
with the 90th percentile at about twice the median ("Schedule Estimation and Uncertainty Surrounding the Cone
of Uncertainty", IEEE Software 23(3), 2006). One more factor is drawn for each round as a whole, as a pace
that was guessed wrong is wrong for every story; without it the errors of many stories would cancel out, and a
forecast would look surer than it is (GAO-16-89G, "Schedule Assessment Guide", 2015, on correlated risks).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random
from statistics import NormalDist

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.plan import Plan, Sprint

_NORMAL = NormalDist()
_SMALLEST = 2.0**-54
DAYS_OF_WORK = 5
"""Working days of a week."""
_WEEK, _DAY = float(DAYS_OF_WORK), 1.0
_WORKING_DAYS = {
    "week": _WEEK,
    "wk": _WEEK,
    "woche": _WEEK,
    "semana": _WEEK,
    "semaine": _WEEK,
    "day": _DAY,
    "tag": _DAY,
    "d\u00eda": _DAY,
    "dia": _DAY,
    "jour": _DAY,
}
"""How units of time begin in plans, in working days."""


class Pace(Model):
    """How fast the work goes, in points a working day."""

    default: float = Field(default=1.0, gt=0)
    """Of every agent that is not named, and of stories without one."""
    agents: dict[str, float] = Field(default_factory=dict[str, float])
    spread: float = Field(default=0.54, ge=0, le=3)
    """Standard deviation of the logarithm of a story's duration; with 0.54 the 90th percentile is twice the
    median, as Little measured. The mean stays what points and pace say."""
    common_spread: float = Field(default=0.2, ge=0, le=3)
    """The same for the factor that all stories of a round share. A judgement, not a measurement."""


def draw_durations(
    days: Sequence[float], elapsed: Mapping[int, float], pace: Pace, draw: Random
) -> list[float]:
    """One possible duration of every story.

    Draws once for every story, always in the same order, so that changed limits meet the same luck.

    Args:
        days: expected durations, in working days.
        elapsed: by story: how long those that run already have taken.
        pace: by how much they vary.
        draw: the source of chance.

    Returns:
        Working days; of the running stories what is left.
    """
    common = _lognormal(pace.common_spread, draw.random())
    spread, chance, quantile, exp = pace.spread, draw.random, _NORMAL.inv_cdf, math.exp
    shift = spread * spread / 2
    found = [mean * common * exp(spread * quantile(chance() or _SMALLEST) - shift) for mean in days]
    for story, gone in elapsed.items():
        found[story] = _left(days[story] * common, gone, spread, found[story], draw.random())
    return found


def _lognormal(spread: float, chance: float) -> float:
    """A quantile of the lognormal distribution with mean 1."""
    return math.exp(spread * _NORMAL.inv_cdf(chance or _SMALLEST) - spread * spread / 2)


def _left(mean: float, gone: float, spread: float, drawn: float, chance: float) -> float:
    """What is left of a story that has run for some days: its duration, given that it is longer than that."""
    if gone <= 0 or mean <= 0:
        return drawn
    if spread == 0:
        return max(mean - gone, 0.0)
    below = _NORMAL.cdf((math.log(gone / mean) + spread * spread / 2) / spread)
    at = min(below + chance * (1.0 - below), 1.0 - _SMALLEST * 2)
    return max(mean * _lognormal(spread, at) - gone, 0.0)


def stated_days(plan: Plan, optional_sprints: bool = False) -> float | None:
    """The working days that the plan's sprints take by what is written; a week has five.

    Args:
        plan: any plan.
        optional_sprints: whether they count.

    Returns:
        None where a sprint that counts does not say how long it is.
    """
    total = 0.0
    for sprint in plan.sprints:
        if sprint.optional and not optional_sprints:
            continue
        length = written_length(sprint)
        if length is None:
            return None
        total += length[0] * length[1]
    return total or None


def written_length(sprint: Sprint) -> tuple[int, float] | None:
    """How long a sprint is by what is written.

    Args:
        sprint: of any plan.

    Returns:
        A number of units, and how many working days one of them has: 5 for weeks, 1 for days. None where the
        sprint does not say how long it is.
    """
    if sprint.weeks is not None:
        return sprint.weeks[1] - sprint.weeks[0] + 1, _WEEK
    words = (sprint.duration_text or "").replace("-", " ").lower().split()
    unit = next(
        (days for word, days in _WORKING_DAYS.items() if words[1:] and words[1].startswith(word)), None
    )
    if unit is None or not words[0].isascii() or not words[0].isdigit():
        return None
    return int(words[0]), unit
