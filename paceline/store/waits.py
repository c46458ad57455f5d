"""Who waits in line behind somebody that itself waits for a person: said where the wait is shown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from paceline.domain.states import SUCCESS_STATES, StoryState
from paceline.domain.status import StoryStatus
from paceline.store.models import QuestionRow

WAITING_FOR_CLAIM = "WAITING_FOR_CLAIM"
"""Code of a story that waits in line for what others hold."""
_SHOWN = 5
_HOLDERS = re.compile(r"(?:held by|promised to) ([^\s,;]+)")


def explain_waits(session: Session, stories: Sequence[StoryStatus]) -> None:
    """Add to the reasons of stories in line whose answer those wait for who hold what they need.

    A question may be asked and answered long after the wait began, so this is never stored.

    Args:
        session: any transaction.
        stories: as they are shown; their reasons are changed.
    """
    waiting = [story for story in stories if story.reason_code == WAITING_FOR_CLAIM and story.reason]
    holders = {holder for story in waiting for holder in _HOLDERS.findall(story.reason or "")}
    if not holders:
        return
    asked = select(QuestionRow).where(QuestionRow.state == "open", QuestionRow.workflow_id.in_(holders))
    told = {
        row.workflow_id: f"{row.story or 'the holder'} of run {row.project} waits for an answer to {row.id}"
        for row in session.scalars(asked)
    }
    for story in waiting:
        found = dict.fromkeys(told[each] for each in _HOLDERS.findall(story.reason or "") if each in told)
        if found:
            story.reason = f"{story.reason}; {', '.join(found)}"


def explain_dependencies(stories: Sequence[StoryStatus]) -> None:
    """Say of pending stories which others they wait for, where nothing else is said of them.

    Args:
        stories: all of a run, as they are shown; their reasons are changed.
    """
    done = {story.id for story in stories if story.state in SUCCESS_STATES}
    for story in stories:
        left = [each for each in story.dependencies if each not in done]
        if story.state is StoryState.PENDING and story.reason is None and left:
            more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
            story.reason = f"waits for {', '.join(left[:_SHOWN])}{more}"
