"""Agents that phases add to stories: who is named in a collaborative step does its story together."""

from __future__ import annotations

from paceline.domain.plan import Plan, Story


def joining(plan: Plan) -> dict[str, list[str]]:
    """By story, the agents of its collaborative steps that it does not name itself, in the plan's order.

    Args:
        plan: as it was read; "All Agents" is already the team there.
    """
    stories = {story.id: story for story in plan.stories}
    found: dict[str, list[str]] = {}
    for step in (step for phase in plan.phases for step in phase.steps):
        story = stories.get(step.story or "")
        if story is None or step.mode != "collaborative":
            continue
        named = [*story.agents, *found.get(story.id, [])]
        more = [agent for agent in dict.fromkeys(step.agents) if agent not in named]
        if more:
            found.setdefault(story.id, []).extend(more)
    return found


def joined(plan: Plan) -> Plan:
    """The plan as it is run: with these agents in its stories, behind their own, whose first leads."""
    more = joining(plan)
    if not more:
        return plan
    stories = [_together(story, more[story.id]) if story.id in more else story for story in plan.stories]
    return plan.model_copy(update={"stories": stories})


def _together(story: Story, more: list[str]) -> Story:
    agents = [*story.agents, *more]
    return story.model_copy(update={"agents": agents, "collaborative": len(agents) > 1})
