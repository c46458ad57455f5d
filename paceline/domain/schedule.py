"""What the graph means for a schedule: remaining paths, the critical path, ranks, loads and contention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from paceline.domain.collector import collector_paused
from paceline.domain.globs import is_glob, normal_pattern
from paceline.domain.graph import (
    Edges,
    dependants,
    done_stories,
    story_edges,
    topological_order,
    topological_waves,
)
from paceline.domain.model import Model
from paceline.domain.overlaps import overlaps
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
_PRIORITY_WEIGHT = 1_000_000.0
"""Beyond any path of points, so that priority comes first."""
_LISTED = 1_000_000
"""Stories that all lists of contention name together because of globs; more would only fill memory."""


class AgentLoad(Model):
    """What the plan gives one agent to do. Stories without points count in `stories` only."""

    agent: str
    stories: list[str] = Field(default_factory=list[str])
    points: float = 0.0


class Contention(Model):
    """A path or glob that several stories want."""

    pattern: str
    stories: list[str]


class SprintWaves(Model):
    """The stories to do in one sprint, in waves. Sprints run one after the other."""

    sprint: str | None
    """None for the stories of a plan without sprints."""
    optional: bool = False
    waves: list[list[str]] = Field(default_factory=list[list[str]])


class Preview(Model):
    """How a plan would run, before anything starts."""

    waves: list[list[str]]
    sprints: list[SprintWaves]
    """The same waves by sprint."""
    done: list[str]
    """Stories that the plan says are done; they are in no wave."""
    critical_path: list[str]
    critical_points: float
    agents: list[AgentLoad]
    contention: list[Contention]
    contention_complete: bool = True
    """False where so many globs overlap that not every pair was looked at."""


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


def line_weight(rank: int, weight: float) -> float:
    """How heavy a story weighs in the waiting line of claims.

    Args:
        rank: from `priority_rank`.
        weight: its longest remaining path in points.
    """
    return (UNRANKED - rank) * _PRIORITY_WEIGHT + weight


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
    return _contention(plan)[0]


def contended(wanted: Mapping[str, Sequence[str]]) -> list[Contention]:
    """Which patterns more than one of these stories wants.

    Args:
        wanted: story id to paths and globs.

    Returns:
        A path with the stories that list it; a glob also with those whose paths and globs it overlaps.
    """
    return _contended(wanted)[0]


def _contention(plan: Plan) -> tuple[list[Contention], bool]:
    found, complete = _contended({story.id: lock_patterns(story, plan) for story in plan.stories})
    return sorted(found, key=lambda contention: -len(contention.stories)), complete


def _contended(wanted: Mapping[str, Sequence[str]]) -> tuple[list[Contention], bool]:
    """As `contended`, and whether that is all: `overlaps` and the length of the lists have limits."""
    written: dict[str, str] = {}
    by_pattern: dict[str, list[str]] = {}
    for story, patterns in wanted.items():
        for pattern in patterns:
            normal = normal_pattern(pattern)
            if normal:
                written.setdefault(normal, pattern)
                by_pattern.setdefault(normal, []).append(story)
    pattern_list = list(by_pattern)
    neighbours = overlaps(pattern_list)
    room, complete = _LISTED, neighbours.complete
    found: list[Contention] = []
    for pattern, others in zip(pattern_list, neighbours.neighbours, strict=True):
        stories = list(by_pattern[pattern])
        for other in others if is_glob(pattern) else ():
            more = by_pattern[pattern_list[other]]
            room -= len(more)
            complete = complete and room >= 0
            stories.extend(more if room >= 0 else ())
        unique = list(dict.fromkeys(stories))
        if len(unique) > 1:
            found.append(Contention(pattern=written[pattern], stories=unique))
    return found, complete


def agent_load(plan: Plan) -> list[AgentLoad]:
    """Stories and points of every agent, in the order of the plan's team."""
    loads = {agent.id: AgentLoad(agent=agent.id) for agent in plan.agents}
    for story in plan.stories:
        for name in story.agents:
            load = loads.setdefault(name, AgentLoad(agent=name))
            load.stories.append(story.id)
            load.points += story.points or 0.0
    return list(loads.values())


def sprint_places(plan: Plan) -> dict[str, int]:
    """The place of each story's sprint in the plan: the first sprint that it names, else the plan's first.

    A sprint that the plan does not list counts as its first.
    """
    place = {sprint.id: number for number, sprint in enumerate(plan.sprints)}
    return {story.id: place.get(story.sprints[0], 0) if story.sprints else 0 for story in plan.stories}


def sprint_waves(plan: Plan, edges: Edges) -> list[SprintWaves]:
    """The stories to do in the waves in which they could start, sprint after sprint.

    A sprint begins when the one before has ended, so within it only dependencies on its own stories count.

    Args:
        plan: its done stories are left out.
        edges: as `graph.story_edges` returns them for this plan.

    Raises:
        PlanError: the dependencies are circular.
    """
    places = sprint_places(plan)
    done = set(done_stories(plan))
    sprints = [SprintWaves(sprint=each.id, optional=each.optional) for each in plan.sprints]
    sprints = sprints or [SprintWaves(sprint=None)]
    left: list[dict[str, list[str]]] = [{} for _ in sprints]
    for story, wanted in edges.items():
        if story not in done:
            own = places[story]
            left[own][story] = [each for each in wanted if places.get(each) == own and each not in done]
    for sprint, own_edges in zip(sprints, left, strict=True):
        sprint.waves = topological_waves(own_edges)
    return sprints


@collector_paused()
def preview(plan: Plan) -> Preview:
    """How the plan would run.

    Raises:
        PlanError: the dependencies are circular.
    """
    edges, points, done = story_edges(plan), points_of(plan), done_stories(plan)
    ended = frozenset(done)
    left = {story: wanted for story, wanted in edges.items() if story not in ended}
    path = critical_path(left, points)
    sprints = sprint_waves(plan, edges)
    contention, complete = _contention(plan)
    return Preview(
        waves=[wave for sprint in sprints for wave in sprint.waves],
        sprints=sprints,
        done=done,
        critical_path=path,
        critical_points=sum(_cost(story, points) for story in path),
        agents=agent_load(plan),
        contention=contention,
        contention_complete=complete,
    )


def _cost(story: str, points: Points) -> float:
    value = points.get(story)
    return 1.0 if value is None else value


def _rank(priority: str | None) -> int:
    words = (priority or "").strip().lower().split()
    return _RANKS.get(words[0].strip("():,"), UNRANKED) if words else UNRANKED
