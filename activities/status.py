"""Ends that workflows cannot record themselves: lost stories, a sprint's counts, a run's end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection

from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus

from activities.bundle import build_bundle
from activities.claims import settle_closed
from activities.context import ActivityContext
from activities.forecasts import wake_beside
from activities.heartbeat import heartbeating
from activities.merges import note_merge
from activities.outlines import stories_of
from paceline.contracts import (
    EpicResult,
    EpicStep,
    FinishProject,
    LostStory,
    ProjectResult,
    SprintResult,
    SprintStep,
    StorySettled,
)
from paceline.domain.events import EventDraft, EventType
from paceline.domain.questions import Question
from paceline.domain.run_end import why_cancelled, why_forced, why_lacking, why_refused
from paceline.domain.states import FINAL_STATES, SUCCESS_STATES, RunState, StoryState
from paceline.domain.steering import SteerAction
from paceline.errors import RepositoryError
from paceline.store import completion, events, questions, runs, status

log = logging.getLogger(__name__)


class StatusActivities:
    """Derive and record how things ended."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="settle-lost-story")
    async def settle_lost_story(self, step: LostStory) -> StorySettled:
        """The end of a story whose workflow is closed: what it recorded, or that it was lost."""
        run = await self._context.run(step.project, step.revision)
        story = run.story(step.story)
        await note_merge(self._context, run, story)
        reason = f"its workflow was closed from outside: {step.reason}"
        ended = await self._context.database.write(settle_closed, run, story, StoryState.FAILED, reason)
        await self._context.tell(ended.grants)
        return StorySettled(story=step.story, state=ended.state)

    @activity.defn(name="count-stories")
    async def count_stories(self, step: SprintStep) -> SprintResult:
        """How many stories of a sprint ended in which state; who asks about its scope need not any more."""
        await wake_beside(self._context, step.project, step.sprint)
        return SprintResult(counts=await self._context.database.read(_count, step.project, [step.sprint]))

    @activity.defn(name="count-epic")
    async def count_epic(self, step: EpicStep) -> EpicResult:
        """How many stories of an epic in a sprint ended in which state, rollbacks since then included."""
        run = await self._context.run(step.project, step.revision)
        mine = {story.id for story in stories_of(run, step.sprint) if run.epic_of(story) == step.epic}
        rows = await self._context.database.read(status.story_statuses, step.project)
        return EpicResult(
            counts=dict(Counter(row.state for row in rows if row.id in mine and not row.removed))
        )

    @activity.defn(name="skip-sprint")
    async def skip_sprint(self, step: SprintStep) -> SprintResult:
        """Record that a person left an optional sprint out: its stories are skipped, and say so."""
        await self._context.database.write(_skip_sprint, step)
        return await self.count_stories(step)

    @activity.defn(name="finish-project")
    async def finish_project(self, step: FinishProject) -> ProjectResult:
        """Record the end of a run as it is now, and make its bundle."""
        beside = await self._context.database.read(questions.asking_beside, step.project)
        step = await self._context.database.write(_record_true_end, step)
        await asyncio.gather(*(self._context.wake(workflow) for workflow in beside))
        try:
            async with heartbeating():
                bundle = await build_bundle(self._context.database, self._context.settings, step.project)
        except RepositoryError as error:
            # The run has ended all the same; its bundle can be made when the repository is back.
            log.warning("no bundle of %s was made: %s", step.project, error)
            return ProjectResult(state=step.state, counts=step.counts)
        return ProjectResult(state=step.state, counts=step.counts, bundle=bundle.id)


def _count(session: Session, project: str, sprints: Collection[str]) -> dict[StoryState, int]:
    rows = status.story_statuses(session, project)
    return dict(Counter(row.state for row in rows if row.sprint in sprints and not row.removed))


def _record_true_end(session: Session, step: FinishProject) -> FinishProject:
    """Count again what ended: a sprint that is over may have lost a story by a rollback, or got it back."""
    if step.sprints:
        step = step.model_copy(update={"counts": _count(session, step.project, step.sprints)})
    refused = completion.refusal(session, step.project, step.refused)
    step = step.model_copy(update={"state": _true_state(session, step, refused is not None)})
    record_end(session, step, _why(session, step, refused))
    return step.model_copy(update={"state": runs.get_run(session, step.project).state})


def _true_state(session: Session, step: FinishProject, refused: bool) -> RunState:
    """Whether a run that came to its end is completed: by its criteria, where it has any of its own."""
    if step.forced_by or step.state not in (RunState.COMPLETED, RunState.INCOMPLETE):
        return step.state
    if refused:
        return RunState.INCOMPLETE
    run = runs.get_run(session, step.project)
    if run.options.completion is not None:
        held = completion.look(session, step.project).complete
        return RunState.COMPLETED if held else RunState.INCOMPLETE
    if any(state not in SUCCESS_STATES for state, count in step.counts.items() if count):
        return RunState.INCOMPLETE
    # What did not succeed may have been removed from the plan after its sprint had counted it.
    return RunState.COMPLETED if step.sprints else step.state


def _why(session: Session, step: FinishProject, refused: Question | None) -> str:
    """Why it ended so; empty where it is completed by itself, or its workflow failed."""
    if step.forced_by:
        return why_forced(*completion.ended_by(session, step.project, SteerAction.FORCE_COMPLETE))
    if step.state is RunState.CANCELLED:
        who, words = completion.ended_by(session, step.project, SteerAction.CANCEL)
        return why_cancelled(who, words) if who else ""
    if step.state is not RunState.INCOMPLETE:
        return ""
    if refused is not None:
        return why_refused(refused, step.refused_sprint)
    found = completion.look(session, step.project)
    return why_lacking((criterion.name, criterion.missing) for criterion in found.criteria)


def _skip_sprint(session: Session, step: SprintStep) -> None:
    reason = f"the optional sprint {step.sprint} was left out"
    drafts: list[EventDraft] = []
    for row in status.story_statuses(session, step.project):
        if row.sprint != step.sprint or row.state in FINAL_STATES:
            continue
        status.set_story(
            session,
            step.project,
            row.id,
            state=StoryState.SKIPPED,
            reason=reason,
            reason_code="SPRINT_LEFT_OUT",
        )
        drafts.append(
            EventDraft(
                key=f"{step.project}/{step.sprint}/{row.id}#skipped",
                type=EventType.WORKFLOW_EVENT,
                name="story.skipped",
                story=row.id,
                data={"state": StoryState.SKIPPED.value, "reason": reason},
            )
        )
    events.append_events(session, step.project, drafts)


CLOSED_RUNS = {
    WorkflowExecutionStatus.TERMINATED: RunState.CANCELLED,
    WorkflowExecutionStatus.CANCELED: RunState.CANCELLED,
    WorkflowExecutionStatus.FAILED: RunState.FAILED,
    WorkflowExecutionStatus.TIMED_OUT: RunState.FAILED,
}
"""How a run ended whose project workflow is closed and could not record it."""


def record_end(session: Session, step: FinishProject, reason: str = "") -> None:
    """Record the end of a run with its reason, and why stories that never started never will."""
    runs.end_run(session, step.project, step.state)
    # Such as whether to start an optional sprint: nobody waits for the answer any more.
    questions.withdraw_questions(session, step.project)
    questions.withdraw_beside(session, step.project)
    if step.state in (RunState.CANCELLED, RunState.FAILED):
        _cancel_pending(session, step.project)
    name = {
        RunState.COMPLETED: "project.completed",
        RunState.INCOMPLETE: "project.incomplete",
        RunState.CANCELLED: "project.cancelled",
    }.get(step.state, "project.failed")
    draft = EventDraft(
        key=status.end_key(step.project),
        type=EventType.WORKFLOW_EVENT,
        name=name,
        data={
            "state": step.state.value,
            "counts": {state.value: count for state, count in step.counts.items()},
            **({"forced_by": step.forced_by} if step.forced_by else {}),
            **({"reason": reason} if reason else {}),
        },
    )
    events.append_events(session, step.project, [draft])


def _cancel_pending(session: Session, project: str) -> None:
    """Stories that never started say why they never will."""
    for row in status.story_statuses(session, project):
        if row.state is StoryState.PENDING:
            status.set_story(
                session,
                project,
                row.id,
                state=StoryState.CANCELLED,
                reason="the run ended before it started",
                reason_code="CANCELLED",
            )
