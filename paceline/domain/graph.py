"""The dependency graph of a plan's stories: effective edges, cycles and waves. Nothing here recurses."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from paceline.domain.plan import Dependency, Plan, Story
from paceline.errors import PlanError

Edges = Mapping[str, Sequence[str]]
"""Story id to the ids of the stories that must have merged before it starts."""


def story_edges(plan: Plan) -> dict[str, list[str]]:
    """The effective dependencies of every story, in plan order.

    A story waits for what it names, for what its epic names (inherited), and in a sequential phase for the
    story of the step before. An epic stands for all its stories, unless a gate narrows it. Stories that are
    already done stay in the graph; `done_stories` names them.

    Args:
        plan: any plan, also one with unknown or circular dependencies.

    Returns:
        Story id to the ids it waits for: its own dependencies first, each id once. Unknown ids are left out,
        and a story that names itself keeps that edge, so that `find_cycle` sees it.
    """
    edges = written_edges(plan)
    by_phase: dict[str, list[str]] = {}
    for before, after in _phase_edges(plan, edges):
        by_phase.setdefault(after, []).append(before)
    for after, wanted in by_phase.items():
        edges[after] = list(dict.fromkeys([*edges[after], *wanted]))
    return edges


def written_edges(plan: Plan) -> dict[str, list[str]]:
    """The effective dependencies without those that sequential phases add."""
    members = _members(plan)
    epics = {epic.id: epic for epic in plan.epics}
    inherited: dict[str, list[str]] = {}
    for epic in plan.epics:
        inherited[epic.id] = _targets(epic.dependencies, members)
    edges: dict[str, list[str]] = {}
    for story in plan.stories:
        own = _targets(story.dependencies, members)
        from_epic = inherited[story.epic] if story.epic in epics else []
        found = edges.setdefault(story.id, [])
        named = {target for dependency in story.dependencies for target in dependency.resolved}
        wanted = [target for target in [*own, *from_epic] if target != story.id or story.id in named]
        known = set(found)
        found.extend(target for target in dict.fromkeys(wanted) if target not in known)
    return edges


def done_stories(plan: Plan) -> list[str]:
    """The stories that the plan says are done, in plan order: their dependants need not wait for them."""
    return [story.id for story in plan.stories if story.done]


def find_cycle(edges: Edges) -> list[str] | None:
    """One cycle, if there is any.

    Args:
        edges: as `story_edges` returns them; ids without an entry have no dependencies.

    Returns:
        The whole path, each story followed by one that it waits for, the first id repeated at the end; the
        same path for the same edges. None where there is no cycle.
    """
    finished: set[str] = set()
    for start in edges:
        cycle = _cycle_from(start, edges, finished)
        if cycle is not None:
            return cycle
    return None


def topological_waves(edges: Edges) -> list[list[str]]:
    """The stories in waves: each waits only for stories of earlier waves.

    Args:
        edges: as `story_edges` returns them.

    Returns:
        Waves in order; plan order within a wave.

    Raises:
        PlanError: the dependencies are circular.
    """
    wave_of: dict[str, int] = {}
    for story in topological_order(edges):
        wave_of[story] = 1 + max((wave_of[before] for before in edges[story] if before in edges), default=-1)
    waves: list[list[str]] = [[] for _ in range(1 + max(wave_of.values(), default=-1))]
    for story in edges:
        waves[wave_of[story]].append(story)
    return waves


def topological_order(edges: Edges, rank: Mapping[str, int] | None = None) -> list[str]:
    """One order in which every story comes after what it waits for.

    Args:
        edges: as `story_edges` returns them.
        rank: among stories that could come next, the smallest rank is taken; without it, plan order.

    Raises:
        PlanError: the dependencies are circular.
    """
    position = {story: place for place, story in enumerate(edges)}
    missing = {
        story: len({before for before in wanted if before in edges}) for story, wanted in edges.items()
    }
    after = dependants(edges)

    def entry(story: str) -> tuple[int, int, str]:
        return ((rank or position).get(story, len(position)), position[story], story)

    ready = [entry(story) for story, count in missing.items() if count == 0]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        story = heapq.heappop(ready)[2]
        order.append(story)
        for dependant in after[story]:
            missing[dependant] -= 1
            if missing[dependant] == 0:
                heapq.heappush(ready, entry(dependant))
    if len(order) < len(edges):
        cycle = find_cycle(edges) or []
        path = " waits for ".join(cycle)
        raise PlanError(f"The dependencies are circular: {path}; remove one of them.", cycle=cycle)
    return order


def dependants(edges: Edges) -> dict[str, list[str]]:
    """The same graph the other way round: story id to the ids that wait for it, in plan order."""
    after: dict[str, list[str]] = {story: [] for story in edges}
    for story, wanted in edges.items():
        for before in dict.fromkeys(wanted):
            if before in after:
                after[before].append(story)
    return after


def behind(story: str, direct: Mapping[str, Sequence[str]]) -> list[str]:
    """The stories that wait for one, over any number of steps, the nearest first.

    Args:
        story: its id.
        direct: as `dependants` returns it.
    """
    found: dict[str, None] = {story: None}
    line = [story]
    for each in line:
        fresh = [later for later in direct.get(each, ()) if later not in found]
        found.update(dict.fromkeys(fresh))
        line.extend(fresh)
    return line[1:]


def _members(plan: Plan) -> dict[str, list[str]]:
    """What an id stands for: a story for itself, an epic for its stories."""
    members: dict[str, list[str]] = {epic.id: [] for epic in plan.epics}
    for story in plan.stories:
        if story.epic in members:
            members[story.epic].append(story.id)
    for story in plan.stories:
        members[story.id] = [story.id]
    return members


def _targets(dependencies: Iterable[Dependency], members: Mapping[str, list[str]]) -> list[str]:
    found: list[str] = []
    for dependency in dependencies:
        if dependency.gate is not None:
            found.extend(story for story in dependency.gate if story in members)
            continue
        for target in dependency.resolved:
            found.extend(members.get(target, []))
    return list(dict.fromkeys(found))


def _phase_edges(plan: Plan, edges: Edges) -> list[tuple[str, str]]:
    """Consecutive stories of sequential phases, as far as no dependency says the opposite."""
    sequences = [
        [step.story for step in phase.steps if step.story in edges]
        for phase in plan.phases
        if phase.mode == "sequential"
    ]
    pairs = [
        (before, after)
        for stories in sequences
        for before, after in pairwise(stories)
        if before is not None and after is not None and before != after
    ]
    if not pairs or find_cycle(edges) is not None:
        return []
    # Keeping only pairs that agree with one topological order cannot make a cycle: dependencies win.
    wish = {story: place for place, story in enumerate(s for stories in sequences for s in stories if s)}
    place = {story: number for number, story in enumerate(topological_order(edges, wish))}
    return [(before, after) for before, after in pairs if place[before] < place[after]]


def _cycle_from(start: str, edges: Edges, finished: set[str]) -> list[str] | None:
    """Depth first from one story with a stack of our own; `finished` collects what leads to no cycle."""
    if start in finished:
        return None
    path: list[str] = [start]
    on_path = {start: 0}
    waiting = [iter(edges[start])]
    while waiting:
        following = next(waiting[-1], None)
        if following is None:
            waiting.pop()
            done = path.pop()
            del on_path[done]
            finished.add(done)
        elif following in on_path:
            return [*path[on_path[following] :], following]
        elif following in edges and following not in finished:
            on_path[following] = len(path)
            path.append(following)
            waiting.append(iter(edges[following]))
    return None


def stories_by_id(plan: Plan) -> dict[str, Story]:
    """The stories by id; of duplicates, which the linter refuses, the first."""
    found: dict[str, Story] = {}
    for story in plan.stories:
        found.setdefault(story.id, story)
    return found
