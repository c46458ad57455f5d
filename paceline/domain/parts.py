"""The parts of a story that the plan spreads over several sprints: one in each, done when the last one is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.plan import Story

PART_DONE = "PART_DONE"
"""Code of an attempt, and of a story, whose part is done while a later sprint has the next one."""


class Part(Model):
    """One part of a story."""

    number: int
    """1 is the first one."""
    of: int
    sprint: str
    points: float
    """What counts in the sprint when the part is done."""
    total: float | None = None
    """The points of the whole story."""
    into: str = ""
    """The sprint of the next part; empty where this is the last one."""
    later: list[str] = Field(default_factory=list[str])
    """The sprints of all parts that come after it."""

    def told(self) -> str:
        """The part in words, as `part 1 of 2 (3 of 5 points)`."""
        whole = f" of {self.total:g}" if self.total is not None else ""
        return f"part {self.number} of {self.of} ({self.points:g}{whole} points)"


def allotted(story: Story, order: Sequence[str]) -> dict[str, float]:
    """The points of each sprint that has a part of the story, in the order of the sprints.

    Args:
        story: one of the plan's.
        order: the plan's sprints; what is allotted to another one does not count.
    """
    points: dict[str, float] = {}
    for each in story.allocations:
        points[each.sprint] = points.get(each.sprint, 0.0) + each.points
    return {sprint: points[sprint] for sprint in order if sprint in points}


def is_split(story: Story, order: Sequence[str], awaited_in: Iterable[str]) -> bool:
    """Whether a story is done in parts: it has several, and nobody needs the whole before the last of them.

    Args:
        story: one of the plan's.
        order: the plan's sprints.
        awaited_in: the sprints of the stories that wait for it.
    """
    sprints = list(allotted(story, order))
    if len(sprints) < 2:
        return False
    last = order.index(sprints[-1])
    return all(order.index(sprint) >= last for sprint in awaited_in if sprint in order)


def part_in(
    story: Story, sprint: str, order: Sequence[str], credited: Iterable[str] | None = None
) -> Part | None:
    """The part of a split story that a sprint has to do.

    Args:
        story: one that `is_split`.
        sprint: where it is now.
        order: the plan's sprints.
        credited: sprints whose part of it is done; the points of the others before this one count here,
            because they did not do theirs. None: only its own points count.

    Returns:
        The part; None where the story or the sprint has none.
    """
    points = allotted(story, order)
    if not points or sprint not in order:
        return None
    here, names = order.index(sprint), list(points)
    reached = [name for name in names if order.index(name) <= here] or names[:1]
    later = [name for name in names if name not in reached]
    done = set(reached[:-1] if credited is None else credited)
    return Part(
        number=len(reached),
        of=len(names),
        sprint=sprint,
        points=sum(points[name] for name in reached if name not in done),
        total=story.points,
        into=later[0] if later else "",
        later=later,
    )


def credited_sprints(parts: Iterable[tuple[str, str]]) -> Mapping[str, set[str]]:
    """By story, the sprints that did a part of it.

    Args:
        parts: story and sprint of each part that is done.
    """
    found: dict[str, set[str]] = {}
    for story, sprint in parts:
        found.setdefault(story, set()).add(sprint)
    return found
