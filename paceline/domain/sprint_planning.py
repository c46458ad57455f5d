"""The planning report of a sprint: what starts, for how many points, and what is to be better."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from paceline.domain.chronicle import StoryStand
from paceline.domain.model import Model
from paceline.domain.reports import Period, ReportKind
from paceline.domain.retrospective import improvements
from paceline.domain.sprint_record import SprintRecord, agents_of
from paceline.domain.states import SUCCESS_STATES
from paceline.domain.velocity_report import SprintVelocity, earlier_velocities

_RECENT = 3
"""Sprints whose velocity tells what the next one can do."""


class AgentLoad(Model):
    """What an agent has to do in the sprint."""

    agent: str
    stories: list[str]
    points: float


class StoryPart(Model):
    """What the plan allots to a sprint of a story that it spreads over several."""

    story: str
    number: int
    """1 is the first part."""
    of: int
    points: float
    done_in: str
    """The sprint in which this is done: its own, or where the run does the story whole, that one."""


class SprintPlanning(Model):
    """What a sprint starts with."""

    period: Period
    goal: str | None
    stories: list[str]
    ready: list[str]
    """Stories that can start at once."""
    unit: Literal["points", "stories"]
    points: float
    without_points: int
    stated_points: float | None
    """What the plan states for the sprint."""
    capacity: tuple[float, float] | None
    """Least and most points that the plan says fit into it."""
    velocity: float | None
    """What the last sprints completed, on average."""
    fits: Literal["fits", "too_much", "unknown"]
    agents: list[AgentLoad]
    carried: list[str]
    """Stories that the sprints before did not finish."""
    earlier: list[SprintVelocity]
    improvements: list[str]
    """What the last retrospective asked for."""
    parts: list[StoryPart] = Field(default_factory=list[StoryPart])
    """Of stories that the plan spreads over several sprints."""


def sprint_planning(record: SprintRecord, until: datetime) -> SprintPlanning:
    """The planning report for the start of a sprint.

    Args:
        record: the sprint; its `entries` are those of the sprint before.
        until: its start.
    """
    told = record.told(until)
    stands = told.of_sprint(record.sprint)
    earlier = earlier_velocities(record)
    recent = [each.completed for each in earlier[-_RECENT:] if each.unit == record.weights.unit]
    velocity = round(sum(recent) / len(recent), 2) if recent else None
    capacity = _capacity(record)
    return SprintPlanning(
        period=record.period(told, until, None),
        goal=record.written.goal or record.plan.goal,
        stories=[each.id for each in stands],
        ready=[
            each.id
            for each in stands
            if all(
                told.stands[name].state in SUCCESS_STATES
                for name in each.story.dependencies
                if name in told.stands
            )
        ],
        unit=record.weights.unit,
        points=record.weights.total,
        without_points=record.weights.without_points,
        stated_points=record.written.points_stated,
        capacity=capacity,
        velocity=velocity,
        fits=_fits(record.weights.total, capacity, velocity, record.weights.unit),
        agents=_loads(record, stands),
        carried=_carried(record, list(told.stands.values())),
        earlier=earlier,
        improvements=last_improvements(record),
        parts=_parts(record),
    )


def last_improvements(record: SprintRecord) -> list[str]:
    """What the last retrospective before the sprint asked for."""
    last = next((each for each in reversed(record.earlier) if each.kind is ReportKind.RETROSPECTIVE), None)
    return improvements(last.data if last is not None else None, record.entries)


def _capacity(record: SprintRecord) -> tuple[float, float] | None:
    written = record.written
    if written.capacity_range is not None:
        return written.capacity_range
    points = written.capacity_points
    return (points, points) if points is not None else None


def _fits(
    points: float, capacity: tuple[float, float] | None, velocity: float | None, unit: str
) -> Literal["fits", "too_much", "unknown"]:
    most = capacity[1] if capacity is not None and unit == "points" else velocity
    if most is None:
        return "unknown"
    return "fits" if points <= most else "too_much"


def _loads(record: SprintRecord, stands: Sequence[StoryStand]) -> list[AgentLoad]:
    found: list[AgentLoad] = []
    for name in agents_of(record.plan, stands):
        mine = [each.id for each in stands if name in each.story.agents]
        points = sum(record.weights.by_story[story] for story in mine)
        found.append(AgentLoad(agent=name, stories=mine, points=round(points, 6)))
    return found


def _parts(record: SprintRecord) -> list[StoryPart]:
    done_in = {story.id: story.sprint for story in record.stories if not story.in_parts}
    return [
        StoryPart(
            story=story.id,
            number=number,
            of=len(story.allocations),
            points=part.points,
            done_in=done_in.get(story.id, part.sprint),
        )
        for story in record.plan.stories
        if len(story.allocations) > 1
        for number, part in enumerate(story.allocations, 1)
        if part.sprint == record.sprint
    ]


def _carried(record: SprintRecord, stands: Sequence[StoryStand]) -> list[str]:
    order = [sprint.id for sprint in record.plan.sprints]
    before = set(order[: order.index(record.sprint)]) if record.sprint in order else set[str]()
    return [each.id for each in stands if each.story.sprint in before and each.state not in SUCCESS_STATES]
