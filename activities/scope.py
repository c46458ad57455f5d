"""Less scope for a sprint that will be late, where a person says so."""

from __future__ import annotations

from sqlalchemy.orm import Session
from temporalio import activity

from activities.context import ActivityContext, RunContext
from paceline.domain import ids
from paceline.domain.changes import ChangeDraft, ChangeKind
from paceline.domain.events import EventDraft, EventType
from paceline.domain.scope import DEFERRED, ScopeReply, ScopeStep, cuts
from paceline.domain.states import RunState, StoryState
from paceline.store import changes, events, runs, status, steering


class ScopeActivities:
    """What the workflow of a late sprint does."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="propose-cuts")
    async def propose_cuts(self, step: ScopeStep) -> ScopeReply:
        """Say which stories could be left out; none where the run has ended."""
        run = await self._context.newest(step.project)
        return await self._context.database.read(_propose, run, step)

    @activity.defn(name="defer-stories")
    async def defer_stories(self, step: ScopeStep) -> ScopeReply:
        """Move stories that stand still before their start into the next sprint; twice is once."""
        run = await self._context.newest(step.project)
        return await self._context.database.write(_defer, run, step)


def _propose(session: Session, run: RunContext, step: ScopeStep) -> ScopeReply:
    if runs.get_run(session, step.project).state is not RunState.RUNNING:
        return ScopeReply()
    rows = status.story_statuses(session, step.project)
    found = cuts(run.plan, rows, run.edges, run.ranks, step.sprint)
    named = [cut.model_copy(update={"epic": run.epic_of(run.story(cut.story))}) for cut in found]
    return ScopeReply(revision=run.revision, cuts=named, into=_next_sprint(run, step.sprint))


def _next_sprint(run: RunContext, sprint: str) -> str:
    order = [each.id for each in run.plan.sprints]
    after = run.plan.sprints[order.index(sprint) + 1 :] if sprint in order else []
    return next((each.id for each in after if not each.optional), "")


def _defer(session: Session, run: RunContext, step: ScopeStep) -> ScopeReply:
    into = _next_sprint(run, step.sprint)
    rows = {row.id: row for row in status.story_statuses(session, step.project)}
    still = [
        key
        for key in step.stories
        if rows[key].sprint == step.sprint
        and rows[key].state is StoryState.PENDING
        and rows[key].reason_code == steering.PAUSED
    ]
    drafts = [
        ChangeDraft(
            key=f"deferred#{step.sprint}#{key}",
            kind=ChangeKind.SPRINT,
            target=key,
            text=into,
            actor=step.actor,
            reason=step.note or f"{step.sprint} would be late",
        )
        for key in still
    ]
    revision = changes.record_changes(session, step.project, drafts)
    for key in still:
        steering.move(session, step.project, key, into, f"deferred from {step.sprint}", DEFERRED)
    told = [
        EventDraft(
            key=f"deferred#{step.sprint}#{key}",
            type=EventType.WORKFLOW_EVENT,
            name="story.deferred",
            actor=step.actor,
            story=key,
            data={"from": step.sprint, "into": into, "note": step.note},
        )
        for key in still
    ]
    events.append_events(session, step.project, told)
    return ScopeReply(revision=revision, into=into)


def scope_workflow(project: str, sprint: str, day: int) -> str:
    """The workflow id: one for a sprint and day."""
    return f"{project}@scope/{ids.slug(sprint)}/day-{day}"
