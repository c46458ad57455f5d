"""Where the sprints and epics of a run stand: derived from their stories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from paceline.domain.model import Model
from paceline.domain.plan import Plan
from paceline.domain.states import FINAL_STATES, SUCCESS_STATES, RunState, StoryState
from paceline.domain.status import StoryStatus


class PartProgress(StrEnum):
    """Where a sprint or an epic stands."""

    PENDING = "pending"
    """Nothing of it has begun."""
    RUNNING = "running"
    COMPLETED = "completed"
    """Every story of it ended in success."""
    INCOMPLETE = "incomplete"
    """All of it ended, or its run, and some story did not succeed."""


class PartStatus(Model):
    """A sprint or an epic: its stories, counted; points where the plan has them."""

    id: str
    name: str | None = None
    goal: str | None = None
    state: PartProgress
    stories: int
    succeeded: int
    ended: int
    counts: dict[StoryState, int]
    percent: float
    points: float
    points_succeeded: float


class SprintStatus(PartStatus):
    """A sprint of a run."""

    optional: bool = False
    epics: list[str]
    """Those with stories in it."""


class EpicStatus(PartStatus):
    """An epic of a run."""

    priority: str | None = None
    sprints: list[str]
    """Those in which it has stories."""


def sprint_statuses(plan: Plan, stories: Sequence[StoryStatus], run: RunState) -> list[SprintStatus]:
    """The sprints of a run, in the plan's order."""
    found: list[SprintStatus] = []
    for sprint in plan.sprints:
        own = [story for story in stories if story.sprint == sprint.id]
        counted = _counted(sprint.id, own, run, sprint.name, sprint.goal)
        epics = list(dict.fromkeys(story.epic for story in own if story.epic is not None))
        found.append(SprintStatus(**counted.model_dump(), optional=sprint.optional, epics=epics))
    return found


def epic_statuses(plan: Plan, stories: Sequence[StoryStatus], run: RunState) -> list[EpicStatus]:
    """The epics of a run, in the plan's order."""
    found: list[EpicStatus] = []
    for epic in plan.epics:
        own = [story for story in stories if story.epic == epic.id]
        counted = _counted(epic.id, own, run, epic.title, epic.goal)
        sprints = list(dict.fromkeys(story.sprint for story in own))
        found.append(EpicStatus(**counted.model_dump(), priority=epic.priority, sprints=sprints))
    return found


def _counted(
    id: str, rows: Sequence[StoryStatus], run: RunState, name: str | None, goal: str | None
) -> PartStatus:
    stories = [story for story in rows if not story.removed]
    succeeded = [story for story in stories if story.state in SUCCESS_STATES]
    ended = sum(story.state in FINAL_STATES for story in stories)
    return PartStatus(
        id=id,
        name=name,
        goal=goal,
        state=_state(stories, len(succeeded), ended, run),
        stories=len(stories),
        succeeded=len(succeeded),
        ended=ended,
        counts=dict(Counter(story.state for story in stories)),
        percent=100.0 * len(succeeded) / len(stories) if stories else 0.0,
        points=sum(story.points or 0.0 for story in stories),
        points_succeeded=sum(story.points or 0.0 for story in succeeded),
    )


def _state(stories: Sequence[StoryStatus], succeeded: int, ended: int, run: RunState) -> PartProgress:
    if succeeded == len(stories) and stories:
        return PartProgress.COMPLETED
    if (stories and ended == len(stories)) or run is not RunState.RUNNING:
        return PartProgress.INCOMPLETE
    begun = any(story.state is not StoryState.PENDING for story in stories)
    return PartProgress.RUNNING if begun else PartProgress.PENDING
