"""What people changed of a run while it ran: its plan stays as it was read, and the changes stand beside it.

A run in force is its plan with all changes up to a revision. Workflows name the revision that they know, so
that a step never works with less than its workflow was told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.plan import Plan, Story


class ChangeKind(StrEnum):
    """What a change sets. Of two with one target the later holds."""

    AGENTS = "agents"
    """The agents of the story `target`: `names`, the first leads."""
    PRIORITY = "priority"
    """The priority of the story `target`, in the plan's words: `text`."""
    SPRINT = "sprint"
    """The sprint in which the story `target` runs: `text`."""
    MAX_PARALLEL = "max_parallel"
    """How many stories of the sprint `target` run at once, or of every sprint where it is empty: `number`."""
    AWAY = "away"
    """The agent `target` is away (`number` 1), away while its stories wait for it (2), or there again (0);
    `text` is until when, `names` is why: `away`, `silent` or `failing`."""
    UNBEGUN = "unbegun"
    """The sprint, epic or story `target` of the sprint `names[0]` was paused, ended or the like before that
    began; `text` is the action. It changes nothing of the plan: the run's workflow carries it."""
    PLAN = "plan"
    """The plan itself was amended; `text` is the new one's digest. Changes before it go on holding."""


class ChangeDraft(Model):
    """A change before it has a revision. `key` makes it idempotent within its project."""

    key: str
    kind: ChangeKind
    target: str = ""
    text: str = ""
    names: list[str] = Field(default_factory=list[str])
    number: int = 0
    actor: str = "unknown"
    reason: str = ""


class RunChange(ChangeDraft):
    """A change as stored; `revision` starts at 1 and has no gaps within a project."""

    project: str
    revision: int
    at: datetime


def plan_digest(first: str, changes: Iterable[RunChange]) -> str:
    """The digest of the plan in force.

    Args:
        first: the digest of the plan that the run began with.
        changes: in the order of their revisions.
    """
    digest = first
    for change in changes:
        if change.kind is ChangeKind.PLAN:
            digest = change.text
    return digest


def changed_plan(plan: Plan, changes: Sequence[RunChange]) -> Plan:
    """The plan with what people set for its stories; the plan given stays as it is.

    Args:
        plan: as it was read.
        changes: in the order of their revisions. One for a story that the plan does not have changes nothing.
    """
    stories = {story.id: story for story in plan.stories}
    for change in changes:
        story = stories.get(change.target)
        if story is not None and change.kind in _SETS:
            stories[change.target] = _SETS[change.kind](story, change)
    return plan.model_copy(update={"stories": list(stories.values())}) if changes else plan


def max_parallel(sprint: str, declared: int, changes: Iterable[RunChange]) -> int:
    """How many stories of a sprint may run at once.

    Args:
        sprint: its key.
        declared: what the run began with.
        changes: in the order of their revisions.
    """
    limit = declared
    for change in changes:
        if change.kind is ChangeKind.MAX_PARALLEL and change.target in ("", sprint):
            limit = change.number
    return limit


def _with_agents(story: Story, change: RunChange) -> Story:
    return story.model_copy(update={"agents": list(change.names)})


def _with_priority(story: Story, change: RunChange) -> Story:
    return story.model_copy(update={"priority": change.text})


def _in_sprint(story: Story, change: RunChange) -> Story:
    return story.model_copy(update={"sprints": [change.text]})


_SETS = {
    ChangeKind.AGENTS: _with_agents,
    ChangeKind.PRIORITY: _with_priority,
    ChangeKind.SPRINT: _in_sprint,
}
