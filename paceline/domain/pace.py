"""How far a sprint is, and how long it takes at its pace so far: what a forecast of a running sprint is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from paceline.domain.burndown import Weights, rounded
from paceline.domain.calendar import Calendar
from paceline.domain.chronicle import COUNTED_STATES, PlannedStory
from paceline.domain.model import Model
from paceline.domain.states import FINAL_STATES, StoryState

CLEARLY_AHEAD = 0.8
"""Of its planned days: a sprint that takes no more than these has room for more work."""
LEAST_SPARED = 1.0
"""Days by which a sprint has to end earlier to have room for more work."""
LEAST_MEASURED = 1.0
"""Days that a pace is measured over before anybody is asked about it."""


class Verdict(StrEnum):
    """What a sprint's pace says of its end."""

    UNKNOWN = "unknown"
    """Nobody says how long the sprint is, less than a day is over, or nothing was completed."""
    LATE = "late"
    ON_SCHEDULE = "on_schedule"
    AHEAD = "ahead"
    DONE = "done"
    """Nothing of it is left."""


class Pace(Model):
    """Where one sprint stands at a moment. Days are the sprint's own, and may be parts of days."""

    sprint: str
    days: float
    """How many are over."""
    planned_days: int | None
    done: float
    left: float
    ended: int
    """How many of its stories have ended."""
    projected_days: float | None = None
    """How many the sprint takes if it goes on as until now; None before anything was completed."""

    @property
    def verdict(self) -> Verdict:
        """Whether it will be late, or has room for more."""
        if self.left <= 0:
            return Verdict.DONE
        planned, projected = self.planned_days, self.projected_days
        if planned is None or projected is None or self.days < LEAST_MEASURED:
            return Verdict.UNKNOWN
        if projected > planned:
            return Verdict.LATE
        ahead = projected <= CLEARLY_AHEAD * planned and planned - projected >= LEAST_SPARED
        return Verdict.AHEAD if ahead else Verdict.ON_SCHEDULE


def pace_of(
    sprint: str,
    stories: Sequence[PlannedStory],
    states: Mapping[str, StoryState],
    weights: Weights,
    calendar: Calendar,
    planned: int | None,
    now: datetime,
) -> Pace:
    """The pace of a sprint: what is left, at the rate of what was completed until now.

    Args:
        sprint: its key.
        stories: those to do in it.
        states: where they stand; one that is missing has not begun.
        weights: what each of them counts.
        calendar: the sprint's days.
        planned: how many of them it is to last.
        now: the moment.
    """
    stands = {story.id: states.get(story.id, StoryState.PENDING) for story in stories}
    done = sum(weights.by_story[key] for key, state in stands.items() if state in COUNTED_STATES)
    gone = sum(weights.by_story[key] for key, state in stands.items() if state is StoryState.SKIPPED)
    left = rounded(max(0.0, weights.total - gone - done))
    days = days_over(calendar, now)
    projected = days if left <= 0 else round(days + left * days / done, 2) if done > 0 else None
    ended = sum(state in FINAL_STATES for state in stands.values())
    return Pace(
        sprint=sprint,
        days=round(days, 4),
        planned_days=planned,
        done=rounded(done),
        left=left,
        ended=ended,
        projected_days=projected,
    )


def days_over(calendar: Calendar, now: datetime) -> float:
    """How many days of a sprint are over, the part of its current day among them."""
    day = calendar.day_of(now)
    begun, ends = calendar.begins(day), calendar.begins(day + 1)
    part = (now - begun) / (ends - begun)
    return day - 1 + min(1.0, max(0.0, part))
