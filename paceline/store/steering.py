"""What steering changes of a run's projections: stories opened again, and why pending ones wait."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Update, func, select, update
from sqlalchemy.orm import Session

from paceline.domain.states import StoryState
from paceline.store.models import EventRow, QuestionRow, StoryRow

REOPENED = "story.reopened"
"""Name of the event of a story that starts again after it had ended."""
PAUSED = "PAUSED"
"""Code of a story that waits because it, or something above it, is paused."""


def reopen_story(session: Session, project: str, story: str, attempt: int | None = None) -> None:
    """Let a story leave its final state and be pending.

    Args:
        session: in a write transaction.
        project: the run.
        story: its key.
        attempt: the number of its next attempt; None: that stays.
    """
    opened = update(StoryRow).where(StoryRow.project == project, StoryRow.id == story)
    values: dict[str, object] = {
        "state": StoryState.PENDING.value,
        "reason": None,
        "reason_code": None,
        "summary": None,
        "workflow_id": None,
    }
    session.execute(opened.values(values if attempt is None else {**values, "attempt": attempt}))


def move(session: Session, project: str, story: str, sprint: str, reason: str, code: str) -> None:
    """Put a pending story into another sprint, and say why."""
    moved = update(StoryRow).where(StoryRow.project == project, StoryRow.id == story)
    session.execute(moved.values(sprint=sprint, reason=reason, reason_code=code))


def assign(session: Session, project: str, story: str, agents: Sequence[str]) -> None:
    """Say who does a story now."""
    given = update(StoryRow).where(StoryRow.project == project, StoryRow.id == story)
    session.execute(given.values(agents=list(agents)))


def hold_pending(session: Session, project: str, stories: Collection[str], reason: str) -> None:
    """Say of stories that have not started why they do not; what was said of them first stays."""
    free = StoryRow.reason_code.is_distinct_from(PAUSED)
    session.execute(_pending(project, stories).where(free).values(reason=reason, reason_code=PAUSED))


def free_pending(
    session: Session, project: str, stories: Collection[str], reason: str, instead: str | None
) -> None:
    """Take back what `hold_pending` said, or say another reason instead."""
    held = _pending(project, stories).where(StoryRow.reason_code == PAUSED, StoryRow.reason == reason)
    session.execute(held.values(reason=instead, reason_code=None if instead is None else PAUSED))


def _pending(project: str, stories: Collection[str]) -> Update:
    return update(StoryRow).where(
        StoryRow.project == project,
        StoryRow.id.in_(stories),
        StoryRow.state == StoryState.PENDING.value,
    )


def rounds_of(session: Session, project: str, story: str) -> int:
    """How often a story was started again after it had ended."""
    query = select(func.count()).where(
        EventRow.project == project, EventRow.story == story, EventRow.name == REOPENED
    )
    return session.execute(query).scalar_one()


def questions_of(session: Session, workflow_id: str) -> int:
    """How many questions a workflow has asked."""
    query = select(func.count()).where(QuestionRow.workflow_id == workflow_id)
    return session.execute(query).scalar_one()
