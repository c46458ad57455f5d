"""The rows of stories whose plan was amended."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, update
from sqlalchemy.orm import Session

from paceline.domain.states import StoryState
from paceline.domain.status import REMOVED, StoryStatus
from paceline.store.models import StoryRow, table
from paceline.store.status import plan_stories

_FROM_PLAN = ("title", "epic", "sprint", "agents", "dependencies", "points")

_STORIES = table(StoryRow)
_FOLLOWING = (
    update(_STORIES)
    .where(_STORIES.c.project == bindparam("of"), _STORIES.c.id == bindparam("which"))
    .values({name: bindparam(name) for name in ("position", *_FROM_PLAN)})
)


def forget_removed(session: Session, project: str, stories: Sequence[str]) -> None:
    """Let stories that were removed earlier begin anew: their rows go."""
    session.execute(
        delete(StoryRow).where(
            StoryRow.project == project,
            StoryRow.id.in_(stories),
            StoryRow.state == StoryState.CANCELLED.value,
            StoryRow.reason_code == REMOVED,
        )
    )


def plan_again(session: Session, project: str, stories: Sequence[StoryStatus]) -> None:
    """Give every story the place, names and dependencies of the amended plan; where it stands is untouched.

    Args:
        session: in a write transaction.
        project: the run.
        stories: as they would first be, in plan order.
    """
    plan_stories(session, project, stories)
    rows = [
        {"of": project, "which": story.id, "position": position}
        | {name: getattr(story, name) for name in _FROM_PLAN}
        for position, story in enumerate(stories)
    ]
    if rows:
        session.connection().execute(_FOLLOWING, rows)
