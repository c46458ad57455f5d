"""The part of a work order that the plan gives: the same whoever works on the story."""

from __future__ import annotations

from activities.context import RunContext
from paceline.domain.parts import Part
from paceline.domain.plan import Story
from paceline.domain.work import WorkOrder


def story_order(run: RunContext, story: Story, agent: str, attempt: int) -> WorkOrder:
    """A work order for a story that claims nothing yet.

    Args:
        agent: who is to work on it.
        attempt: counted from 1.
    """
    return WorkOrder(
        project=run.plan.title,
        goal=run.plan.goal,
        story=story.id,
        title=story.title,
        epic=story.epic,
        agent=agent,
        agents=list(story.agents),
        attempt=attempt,
        description=described(story, part := run.part_of(story)),
        tasks=[item.text for item in story.tasks],
        acceptance_criteria=[item.text for item in story.acceptance_criteria],
        checks=story.proofs(),
        change=story.change,
        part=part,
    )


def described(story: Story, part: Part | None = None) -> str | None:
    """The plan's description; of a story spread over several sprints that the run does whole, also that."""
    if len(story.allocations) < 2 or part is not None:
        return story.description
    parts = ", ".join(f"{part.points:g} in {part.sprint}" for part in story.allocations)
    spread = (
        f"The plan spreads this story over {len(story.allocations)} sprints (points: {parts}). "
        "It is done once: do all of its parts now."
    )
    return f"{story.description}\n\n{spread}" if story.description else spread
