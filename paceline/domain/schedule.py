"""What the graph means for a schedule: remaining paths, the critical path, ranks, loads and contention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from paceline.domain.globs import is_glob, patterns_overlap
from paceline.domain.graph import Edges, dependants, story_edges, topological_order, topological_waves
from paceline.domain.model import Model
from paceline.domain.plan import Plan, Story

Points = Mapping[str, float | None]

_RANKS = {
    "blocker": 0,
    "critical": 0,
    "highest": 0,
    "p0": 0,
    "high": 1,
    "p1": 1,
    "medium": 2,
    "normal": 2,
    "p2": 2,
    "low": 3,
    "p3": 3,
}
UNRANKED = 4
"""The rank of a story whose priority is not written, or in no word known here: after all others."""


class AgentLoad(Model):
    """What the plan gives one agent to do. Stories without points count in `stories` only."""

    agent: str
    stories: list[str] = Field(default_factory=list[str])
    points: float = 0.0


class Contention(Model):
    """A path or glob that several stories want."""

    pattern: str
    stories: list[str]


class Preview(Model):
    """How a plan would run, before anything starts."""

    waves: list[list[str]]
    critical_path: list[str]
    critical_points: float
    agents: list[AgentLoad]
    contention: list[Contention]


def points_of(plan: Plan) -> dict[str, float | None]:
    """The points of every story as written."""
    return {story.id: story.points for story in plan.stories}


def remaining_path(edges: Edges, points: Points) -> dict[str, float]:
    """The longest way from each story to the end of the plan, itself included.

    Args:
        edges: as `graph.story_edges` returns them.
        points: story points; a story without any counts one point, so that a longer chain weighs more.

    Returns:
        Points for every story: the weight of the critical path method's backward pass (Kelley and Walker,
        "Critical-Path Planning and Scheduling", 1959), with points for durations.

    Raises:
        PlanError: the dependencies are circular.
    """
    after = dependants(edges)
    remaining: dict[str, float] = {}
    for story in reversed(topological_order(edges)):
        remaining[story] = _cost(story, points) + max(
            (remaining[next_] for next_ in after[story]), default=0.0
        )
    return {story: remaining[story] for story in edges}


def critical_path(edges: Edges, points: Points) -> list[str]:
    """The longest chain of stories by points; the one that comes first in the plan where several are equal.

    Args:
        edges: as `graph.story_edges` returns them.
        points: story points; a story without any counts one.

    Raises:
        PlanError: the dependencies are circular.
    """
    remaining = remaining_path(edges, points)
    after = dependants(edges)
    candidates = [story for story, wanted in edges.items() if not any(before in edges for before in wanted)]
    path: list[str] = []
    while candidates:
        # max keeps the first of equals, which is plan order.
        path.append(max(candidates, key=lambda story: remaining[story]))
        candidates = after[path[-1]]
    return path


def priority_rank(plan: Plan) -> dict[str, int]:
    """Each story's place by priority: its own, else its epic's. Smaller is more urgent.

    Returns:
        0 for Critical and P0, 1 for High and P1, 2 for Medium and P2, 3 for Low and P3, else `UNRANKED`.
    """
    inherited = {epic.id: epic.priority for epic in plan.epics}
    ranks: dict[str, int] = {}
    for story in plan.stories:
        priority = story.priority or inherited.get(story.epic or "")
        ranks.setdefault(story.id, _rank(priority))
    return ranks


def lock_patterns(story: Story, plan: Plan) -> list[str]:
    """The paths and globs that a story claims, each once.

    Args:
        story: a story of the plan.
        plan: its plan; reserved for rules that need the whole plan.

    Returns:
        Its files, then the globs that its words stand for. Empty where the plan names neither: an agent that
        can change files then needs the whole repository.
    """
    del plan
    return list(dict.fromkeys([*(file.path for file in story.files), *story.lock_globs]))


def lock_contention(plan: Plan) -> list[Contention]:
    """The paths and globs that more than one story claims, the most wanted first."""
    wanted = {story.id: lock_patterns(story, plan) for story in plan.stories}
    return sorted(contended(wanted), key=lambda contention: -len(contention.stories))


def contended(wanted: Mapping[str, Sequence[str]]) -> list[Contention]:
    """Which patterns more than one of these stories wants.

    Args:
        wanted: story id to paths and globs.

    Returns:
        A path with the stories that list it; a glob also with those whose paths and globs it overlaps.
    """
    by_pattern: dict[str, list[str]] = {}
    for story, patterns in wanted.items():
        for pattern in patterns:
            by_pattern.setdefault(pattern, []).append(story)
    found: list[Contention] = []
    for pattern, stories in by_pattern.items():
        others = list(stories)
        if is_glob(pattern):
            overlapping = (other for other in by_pattern if patterns_overlap(pattern, other))
            others.extend(story for other in overlapping for story in by_pattern[other])
        unique = list(dict.fromkeys(others))
        if len(unique) > 1:
            found.append(Contention(pattern=pattern, stories=unique))
    return found


def agent_load(plan: Plan) -> list[AgentLoad]:
    """Stories and points of every agent, in the order of the plan's team."""
    loads = {agent.id: AgentLoad(agent=agent.id) for agent in plan.agents}
    for story in plan.stories:
        for name in story.agents:
            load = loads.setdefault(name, AgentLoad(agent=name))
            load.stories.append(story.id)
            load.points += story.points or 0.0
    return list(loads.values())


def preview(plan: Plan) -> Preview:
    """How the plan would run.

    Raises:
        PlanError: the dependencies are circular.
    """
    edges, points = story_edges(plan), points_of(plan)
    path = critical_path(edges, points)
    return Preview(
        waves=topological_waves(edges),
        critical_path=path,
        critical_points=sum(_cost(story, points) for story in path),
        agents=agent_load(plan),
        contention=lock_contention(plan),
    )


def _cost(story: str, points: Points) -> float:
    value = points.get(story)
    return 1.0 if value is None else value


def _rank(priority: str | None) -> int:
    words = (priority or "").strip().lower().split()
    return _RANKS.get(words[0].strip("():,"), UNRANKED) if words else UNRANKED
