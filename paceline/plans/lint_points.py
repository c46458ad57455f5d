"""Findings about points: stated totals, the capacity of sprints, parts of stories, the load of agents."""

from __future__ import annotations

from collections.abc import Iterator

from paceline.domain.plan import Agent, Finding, Plan, Sprint, Story
from paceline.plans.agents import ALL
from paceline.plans.findings import Code, finding_at
from paceline.plans.quantities import number_range, points_of, says_points
from paceline.plans.targets import key

_TOLERANCE = 0.1
"""Part of a stated load by which a plan may be off: loads are written as about so many points."""
_WELL_USED = 0.75
"""Part of a capacity that is one number, and no range, below which a sprint has room for another story."""


_KEPT = "Change the number that is wrong; both are kept as written."


def load_of(story: Story, sprint: str) -> float | None:
    """The points of a story that one sprint bears; None where they are not known.

    Args:
        story: with an allocation for each sprint where several share it.
        sprint: id of the sprint.
    """
    parts = [part.points for part in story.allocations if part.sprint == sprint]
    if parts:
        return sum(parts)
    return story.points if story.sprints == [sprint] and not story.allocations else None


def sprint_loads(plan: Plan) -> dict[str, float | None]:
    """The points of every sprint's stories; None where one of them has none, or there are none."""
    loads: dict[str, list[float | None]] = {sprint.id: [] for sprint in plan.sprints}
    for story in plan.stories:
        for name in story.sprints:
            if name in loads:
                loads[name].append(load_of(story, name))
    known = {name: [load for load in found if load is not None] for name, found in loads.items()}
    return {
        name: sum(known[name]) if found and len(known[name]) == len(found) else None
        for name, found in loads.items()
    }


def _known_loads(plan: Plan) -> dict[str, float]:
    """The points of every sprint's stories, as far as they are known."""
    loads = {sprint.id: 0.0 for sprint in plan.sprints}
    for story in plan.stories:
        for name in story.sprints:
            if name in loads:
                loads[name] += load_of(story, name) or 0.0
    return loads


def _differ(found: Finding) -> bool:
    return found.code == Code.POINTS_DIFFER


def check_sprint_points(plan: Plan) -> Iterator[Finding]:
    """Points that a sprint states and its stories do not add up to."""
    told = {(found.file or plan.source.file, found.line) for found in plan.warnings if _differ(found)}
    # Of an only sprint, the points of its epics are what is compared.
    epics_count = len(plan.sprints) == 1 and any(epic.points is not None for epic in plan.epics)
    loads = {} if epics_count else sprint_loads(plan)
    for sprint in plan.sprints:
        load = loads.get(sprint.id)
        if load is None or sprint.points_stated in {None, load}:
            continue
        if (sprint.file or plan.source.file, sprint.line) not in told:
            message = (
                f"`{sprint.id}` states {sprint.points_stated:g} points, and its stories add up to {load:g}."
            )
            yield finding_at(sprint, Code.POINTS_DIFFER, message, _KEPT)


def check_epic_points(plan: Plan) -> Iterator[Finding]:
    """Points that an epic states and its stories do not add up to, where the reader has not said so."""
    told = [found.message for found in plan.warnings if _differ(found)]
    points = {story.id: story.points for story in plan.stories}
    for epic in plan.epics:
        known = [points.get(story) for story in epic.stories]
        total = sum(value or 0.0 for value in known)
        if epic.points in {None, total} or not known or None in known:
            continue
        if not any(f"`{epic.id}`" in message for message in told):
            message = f"`{epic.id}` states {epic.points:g} points, and its stories add up to {total:g}."
            yield finding_at(epic, Code.POINTS_DIFFER, message, _KEPT)


def check_capacity(plan: Plan) -> Iterator[Finding]:
    """Sprints with more or fewer points than can be done; an optional or finished one may have fewer."""
    loads, known = sprint_loads(plan), _known_loads(plan)
    open_sprints = {name for story in plan.stories if not story.done for name in story.sprints}
    for sprint in plan.sprints:
        capacity = _capacity(sprint, plan)
        if capacity is None or sprint.id not in open_sprints:
            continue
        low, high = capacity
        load = loads[sprint.id]
        said = f"{low:g}" if low == high else f"{low:g}-{high:g}"
        least = low if low != high else low * _WELL_USED
        if known[sprint.id] > high:
            # More than can be done is too much, whatever the stories without points come to.
            yield finding_at(
                sprint,
                Code.SPRINT_OVER_CAPACITY,
                f"`{sprint.id}` has {known[sprint.id]:g} points, and {said} can be done.",
                "Move a story to a later sprint, or give it parts.",
            )
        elif load is not None and load < least and not sprint.optional:
            yield finding_at(
                sprint,
                Code.SPRINT_UNDER_CAPACITY,
                f"`{sprint.id}` has {load:g} points, and {said} can be done.",
                "Move a story here from a later sprint, if its dependencies allow it.",
            )


def check_allocations(plan: Plan) -> Iterator[Finding]:
    """Stories whose parts are more or less than the whole."""
    for story in plan.stories:
        parts = sum(part.points for part in story.allocations)
        if not story.allocations or story.points is None or parts == story.points:
            continue
        written = " + ".join(f"{part.points:g}" for part in story.allocations)
        more = parts > story.points
        yield finding_at(
            story,
            Code.STORY_OVER_ALLOCATED if more else Code.STORY_UNDER_ALLOCATED,
            f"`{story.id}` has {story.points:g} points, and its sprints give it {written} = {parts:g}, "
            f"{abs(parts - story.points):g} too {'many' if more else 'few'}.",
            "Change the parts or the whole; both are kept as written.",
            story.allocations[-1].line,
        )


def check_agent_loads(plan: Plan) -> Iterator[Finding]:
    """Loads that the plan states for agents and their stories do not add up to."""
    points = {story.id: story.points for story in plan.stories}
    named: dict[str, float] = {}
    for story in plan.stories:
        # What everybody does is not part of the load that is planned for one.
        alone = key(story.agents_as_written or "") not in ALL
        for name in story.agents if alone else []:
            named[name] = named.get(name, 0.0) + (story.points or 0.0)
    for agent in plan.agents:
        known = [points[story] for story in agent.primary_stories if story in points]
        if agent.points_stated is None or not known or None in known:
            continue
        load = sum(value or 0.0 for value in known)
        if abs(load - agent.points_stated) > _TOLERANCE * agent.points_stated:
            yield _load_differs(agent, load, named.get(agent.id))
    yield from _check_sum(plan)


def _load_differs(agent: Agent, load: float, named: float | None) -> Finding:
    rows = (
        f"; all that names `{agent.id}` adds up to {named:g}" if named is not None and named != load else ""
    )
    return finding_at(
        agent,
        Code.AGENT_LOAD_DIFFERS,
        f"`{agent.id}` is said to have {agent.points_stated:g} points, and the stories listed for it add up "
        f"to {load:g}{rows}.",
        "Change the number, or the stories that are listed.",
    )


def _check_sum(plan: Plan) -> Iterator[Finding]:
    loads = [agent.points_stated for agent in plan.agents if agent.points_stated is not None]
    total = [epic.points for epic in plan.epics if epic.points is not None]
    if len(loads) < 2 or len(total) != len(plan.epics) or not total:
        return
    if abs(sum(loads) - sum(total)) > 0:
        first = next(agent for agent in plan.agents if agent.points_stated is not None)
        yield finding_at(
            first,
            Code.AGENT_LOAD_DIFFERS,
            f"The loads of all agents add up to {sum(loads):g} points, and the plan states {sum(total):g}.",
            "Count shared stories once, or change the number that is wrong.",
        )


def _capacity(sprint: Sprint, plan: Plan) -> tuple[float, float] | None:
    """Least and most points of a sprint: its own capacity, else the plan's where that is in points."""
    if sprint.capacity_range is not None:
        return sprint.capacity_range
    if sprint.capacity_points is not None:
        return sprint.capacity_points, sprint.capacity_points
    return _plan_capacity(plan.capacity) if plan.capacity else None


def _plan_capacity(text: str) -> tuple[float, float] | None:
    before = text.lower().partition(" per ")[0].partition("/")[0].strip()
    if not says_points(before):
        return None
    only = points_of(before)
    return number_range(before) if only is None else (only, only)
