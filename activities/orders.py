"""The part of a work order that the plan gives: the same whoever works on the story."""

from __future__ import annotations

from activities.context import RunContext
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
        description=story.description,
        tasks=[item.text for item in story.tasks],
        acceptance_criteria=[item.text for item in story.acceptance_criteria],
        checks=story.proofs(),
        change=story.change,
    )
