"""Ends of stories that no workflow runs, by a person's word."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from activities.context import RunContext
from paceline.domain.events import EventDraft, EventType
from paceline.domain.states import FINAL_STATES, SUCCESS_STATES, StoryState
from paceline.domain.steering import ENDS, Steer, why
from paceline.store import events, status, steering


def end_stories(
    session: Session, run: RunContext, steer: Steer, stories: Iterable[str], *, reopen: bool
) -> None:
    """End stories as a person said; what succeeded stays.

    Args:
        session: in a write transaction.
        run: the run in force.
        steer: the action.
        stories: their keys.
        reopen: whether also those end so that had ended without success.
    """
    state, code = ENDS[steer.action]
    name = {
        StoryState.CANCELLED: "story.cancelled",
        StoryState.SKIPPED: "story.skipped",
        StoryState.SETTLED: "story.settled",
    }[state]
    reason = why(steer)
    drafts: list[EventDraft] = []
    for key in stories:
        row = status.story_status(session, run.run.id, key)
        if row.state in SUCCESS_STATES or (row.state in FINAL_STATES and not reopen):
            continue
        if row.state in FINAL_STATES:
            steering.reopen_story(session, run.run.id, key)
        status.set_story(session, run.run.id, key, state=state, reason=reason, reason_code=code)
        drafts.append(
            EventDraft(
                key=f"{run.workflow_id(run.story(key))}#ended#{steer.id}",
                type=EventType.WORKFLOW_EVENT,
                name=name,
                actor=steer.actor,
                story=key,
                data={"state": state.value, "code": code, "reason": reason, "attempts": row.attempt},
            )
        )
    events.append_events(session, run.run.id, drafts)
