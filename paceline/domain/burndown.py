"""What is left of a sprint day by day, and how much of it a week or a sprint completed.

Burn-down as Schwaber and Beedle drew it ("Agile Software Development with Scrum", 2001): what is left at the
end of each day beside the straight line from all to nothing. Velocity is what was completed in a time box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from paceline.domain.calendar import Calendar
from paceline.domain.chronicle import COUNTED_STATES, Chronicle, PlannedStory, StoryStand, follow
from paceline.domain.model import Model
from paceline.domain.states import StoryState

Basis = Literal["points", "stated", "stories"]
"""What a story weighs: its points; an equal share of what the plan states for the sprint; or one."""
_DIGITS = 6


class Weights(Model):
    """How much each story of a sprint counts."""

    basis: Basis
    unit: Literal["points", "stories"]
    by_story: dict[str, float]
    without_points: int = 0
    """Stories that count nothing because the plan gives them no points while it gives others some."""

    @property
    def total(self) -> float:
        """All of the sprint."""
        return rounded(sum(self.by_story.values()))


class BurnDay(Model):
    """One day of a sprint. `scope` is what the sprint was to do by then: what was skipped has left it."""

    day: int
    scope: float
    done: float
    """Completed on this day; negative where more was rolled back than completed."""
    left: float
    """Of the scope, at the end of the day."""
    ideal: float | None
    """What would be left on the straight line; None where nobody says how long the sprint is."""


class Velocity(Model):
    """What a week or a sprint was to complete, and what it completed."""

    first_day: int
    last_day: int
    planned: float | None
    """Its share of the straight line; None where nobody says how long the sprint is."""
    completed: float


def weigh(stories: Sequence[PlannedStory], stated: float | None) -> Weights:
    """What each story counts.

    Args:
        stories: of one sprint.
        stated: the points that the plan states for the sprint as a whole.
    """
    known = [story for story in stories if story.points is not None]
    if known:
        points = {story.id: story.points or 0.0 for story in stories}
        return Weights(
            basis="points", unit="points", by_story=points, without_points=len(stories) - len(known)
        )
    if stated and stories:
        share = stated / len(stories)
        return Weights(basis="stated", unit="points", by_story={story.id: share for story in stories})
    return Weights(basis="stories", unit="stories", by_story={story.id: 1.0 for story in stories})


def burn_down(
    told: Chronicle,
    sprint: str,
    weights: Weights,
    calendar: Calendar,
    planned: int | None,
    until: datetime,
) -> list[BurnDay]:
    """What was left at the end of each day, up to the day of a moment.

    Args:
        told: the run's log.
        sprint: whose stories count.
        weights: of these stories.
        calendar: the sprint's days.
        planned: how many of them it was to last.
        until: the last moment that counts; its day ends there.
    """
    steps = _steps(told, sprint, until)
    last = calendar.last_day(until)
    done, place = 0.0, 0
    days: list[BurnDay] = []
    stand = {each.id: StoryState.PENDING for each in told.of_sprint(sprint)}
    for day in range(1, last + 1):
        end = min(calendar.begins(day + 1), until)
        before = done
        while place < len(steps) and (steps[place][0] < end or end == until):
            _, story, state = steps[place]
            stand[story] = state
            place += 1
        done, gone = _sums(stand, weights.by_story)
        scope = weights.total - gone
        days.append(
            BurnDay(
                day=day,
                scope=rounded(scope),
                done=rounded(done - before),
                left=rounded(max(0.0, scope - done)),
                ideal=rounded(ideal_left(weights.total, day, planned)) if planned else None,
            )
        )
    return days


def ideal_left(total: float, day: int, planned: int) -> float:
    """What is left on the straight line at the end of a day."""
    return total * max(0.0, 1.0 - day / planned)


def velocity(days: Sequence[BurnDay], first: int, last: int, total: float, planned: int | None) -> Velocity:
    """What the days from `first` to `last` were to complete, and what they completed.

    Args:
        days: the burn-down.
        first: counted from 1.
        last: also where it is not over yet.
        total: all of the sprint.
        planned: how many days it was to last.
    """
    share = ideal_left(total, first - 1, planned) - ideal_left(total, last, planned) if planned else None
    return Velocity(
        first_day=first,
        last_day=last,
        planned=rounded(share) if share is not None else None,
        completed=rounded(sum(each.done for each in days if first <= each.day <= last)),
    )


def rounded(value: float) -> float:
    """A sum of points without the noise of its additions."""
    return round(value, _DIGITS) + 0.0


def _steps(told: Chronicle, sprint: str, until: datetime) -> list[tuple[datetime, str, StoryState]]:
    """The ends of the sprint's stories, and rollbacks of them, in order."""
    stands = {each.id: StoryStand(each.story) for each in told.of_sprint(sprint)}
    found: list[tuple[datetime, str, StoryState]] = []
    for event in told.told:
        stand = stands.get(event.story or "")
        if stand is None or event.at > until:
            continue
        after = stands[stand.id] = follow(stand, event)
        if after.state is not stand.state and (after.ended or stand.ended):
            found.append((event.at, stand.id, after.state))
    return found


def _sums(stands: Mapping[str, StoryState], weights: Mapping[str, float]) -> tuple[float, float]:
    """What is done, and what has left the scope."""
    done = sum(weights[story] for story, state in stands.items() if state in COUNTED_STATES)
    gone = sum(weights[story] for story, state in stands.items() if state is StoryState.SKIPPED)
    return done, gone
