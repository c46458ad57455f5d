"""The end of an attempt that did not merge: its work is preserved before its worktree goes."""

from __future__ import annotations

import logging

from sqlalchemy.orm import Session
from temporalio import activity

from activities.context import ActivityContext
from activities.heartbeat import heartbeating
from activities.merges import note_merge
from paceline.contracts import Done, EndAttemptStep
from paceline.domain import ids
from paceline.domain.events import EventDraft, EventType
from paceline.domain.states import FINAL_STATES
from paceline.errors import RepositoryError
from paceline.store import events, status
from paceline.vcs.attempts import worktree_path
from paceline.vcs.work import preserve
from paceline.vcs.worktrees import remove_worktree

_TRIES = 3
"""A refusal of git's that stays so often is no passing one."""

log = logging.getLogger(__name__)


class AttemptActivities:
    """Close attempts."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="end-attempt")
    async def end_attempt(self, step: EndAttemptStep) -> Done:
        """Preserve what is in the attempt's worktree, remove it, and record why the attempt ended."""
        async with heartbeating():
            run = await self._context.run(step.project, step.revision)
            await note_merge(self._context, run, run.story(step.story))
            preserved = await self._preserve(step)
            await self._context.database.write(_record_end, step, preserved)
            return Done()

    async def _preserve(self, step: EndAttemptStep) -> str | None:
        run = await self._context.run(step.project, step.revision)
        if run.run.repository is None:
            return None
        repository = await self._context.repository(run)
        root = self._context.settings.worktree_root
        worktree = worktree_path(repository, root, step.project, step.story, step.attempt)
        try:
            ref = await preserve(repository, worktree, step.project, step.story, step.attempt)
            await remove_worktree(repository, worktree)
        except RepositoryError as error:
            if activity.info().attempt < _TRIES:
                raise
            # Git cannot take what the agent left: the folder itself is kept, and the story goes on.
            log.warning(
                "%s of %s is not preserved and is left where it is: %s", step.attempt, step.story, error
            )
            return None
        return ref


def _record_end(session: Session, step: EndAttemptStep, preserved: str | None) -> None:
    workflow_id = ids.story_workflow_id(step.project, step.sprint, step.epic, step.story)
    row = status.story_status(session, step.project, step.story)
    # The story of a late attempt has ended, or has another attempt: its status is not this one's to write.
    if row.state not in FINAL_STATES and row.attempt <= step.attempt:
        status.set_story(session, step.project, step.story, reason=step.reason[:500], reason_code=step.code)
    draft = EventDraft(
        key=f"{workflow_id}#attempt.ended#{step.attempt}#{step.code}",
        type=EventType.WORKFLOW_EVENT,
        name="attempt.ended",
        story=step.story,
        data={
            "attempt": step.attempt,
            "code": step.code,
            "reason": step.reason[:1000],
            "preserved": preserved,
        },
    )
    events.append_events(session, step.project, [draft])
