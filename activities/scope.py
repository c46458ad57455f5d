"""Less or more in a sprint than was planned, where a person says so."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.context import ActivityContext, RunContext
from activities.forecasts import read_pace, scope_prefix
from activities.scope_plan import rescoped, tell_rescoped
from activities.updates import update_workflow
from paceline.domain import ids
from paceline.domain.amendment_steps import Amend, AmendReply
from paceline.domain.changes import ChangeDraft, ChangeKind
from paceline.domain.events import EventDraft, EventType
from paceline.domain.pace import Verdict
from paceline.domain.questions import QuestionKind
from paceline.domain.scope import DEFERRED, Cut, ScopeAction, ScopeReply, ScopeStep, advice, cuts, more_work
from paceline.domain.states import RunState, StoryState
from paceline.domain.steering import Steer, SteerAction, SteerReceipt
from paceline.plans.scope_words import scope_words
from paceline.store import changes, events, questions, runs, status, steering
from paceline.store.statements import read_clock


class ScopeActivities:
    """What the workflow of a late sprint does, or of one that is ahead."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="propose-cuts")
    async def propose_cuts(self, step: ScopeStep) -> ScopeReply:
        """Say which stories could be left out; none where the run has ended."""
        run = await self._context.newest(step.project)
        return await self._context.database.read(_propose, run, step)

    @activity.defn(name="propose-more")
    async def propose_more(self, step: ScopeStep) -> ScopeReply:
        """Say what else could be done in the sprint; nothing where it has ended or is late by now."""
        run = await self._context.newest(step.project)
        return await self._context.database.read(_propose_more, run, step)

    @activity.defn(name="steer-epics")
    async def steer_epics(self, step: ScopeStep) -> ScopeReply:
        """Do something to stories that have not begun, and say for which of them it was done.

        It returns when the stories' epics have done it: what they refused has begun or ended meanwhile. What
        people had paused themselves is paused already, and stays so.
        """
        paused = await self._context.database.read(_paused_by_people, step)
        if step.steer is SteerAction.RESUME:
            step = step.model_copy(update={"cuts": [cut for cut in step.cuts if cut.story not in paused]})
        done = [cut.story for cut in step.cuts if await self._steer(step, cut)]
        if step.steer is SteerAction.PAUSE:
            done += [cut.story for cut in step.cuts if cut.story in paused and cut.story not in done]
        return ScopeReply(stories=done)

    @activity.defn(name="defer-stories")
    async def defer_stories(self, step: ScopeStep) -> ScopeReply:
        """Move stories that stand still before their start into the next sprint; twice is once."""
        run = await self._context.newest(step.project)
        return await self._context.database.write(_defer, run, step)

    @activity.defn(name="amend-scope")
    async def amend_scope(self, step: ScopeStep) -> ScopeReply:
        """Have the run follow its plan with what was chosen: simpler stories, or more of them."""
        try:
            reply = await self._amend(step)
            while reply.overtaken:
                # Somebody edited the plan in between: what was chosen is added to that.
                reply = await self._amend(step)
        except WorkflowUpdateFailedError:
            return ScopeReply()  # the run is ending
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return ScopeReply()
            raise
        if not reply.applied:
            activity.logger.warning("the scope of %s was not changed: %s", step.sprint, reply.refusals)
            return ScopeReply()
        await self._context.database.write(tell_rescoped, step)
        await self._revise_epics(step, reply.revision)
        return ScopeReply(revision=reply.revision, stories=[cut.story for cut in step.cuts])

    async def _amend(self, step: ScopeStep) -> AmendReply:
        digest, base = await self._context.database.write(rescoped, step)
        amend = Amend(
            id=f"scope-{ids.short_digest(step.workflow)}",
            digest=digest,
            base=base,
            actor=step.actor,
            reason=step.note,
            moves=_pulled(step),
        )
        return await update_workflow(self._context.client, step.project, "amend", amend, AmendReply)

    async def _steer(self, step: ScopeStep, cut: Cut) -> bool:
        steer = Steer(
            id=f"{_mark(step, cut)}-{step.steer.value}",
            action=step.steer,
            actor=step.actor,
            reason=step.note or f"{step.sprint} would be late",
            story=cut.story,
        )
        epic = ids.epic_workflow_id(step.project, step.sprint, cut.epic)
        try:
            receipt = await update_workflow(self._context.client, epic, "steer", steer, SteerReceipt)
        except WorkflowUpdateFailedError:
            return False
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return receipt.accepted

    async def _revise_epics(self, step: ScopeStep, revision: int) -> None:
        """Epics hear of the amended plan before their held stories go on, and not only through the sprint."""
        for epic in dict.fromkeys(cut.epic for cut in step.cuts if cut.epic):
            name = ids.epic_workflow_id(step.project, step.sprint, epic)
            try:
                await self._context.client.get_workflow_handle(name).signal("revised", revision)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise


def _propose(session: Session, run: RunContext, step: ScopeStep) -> ScopeReply:
    if runs.get_run(session, step.project).state is not RunState.RUNNING:
        return ScopeReply()
    rows, words = status.story_statuses(session, step.project), scope_words()
    found = cuts(run.plan, rows, run.edges, run.ranks, step.sprint, words)
    return ScopeReply(
        revision=run.revision,
        cuts=_unasked(session, run, step, found, QuestionKind.CUT_SCOPE),
        into=_next_sprint(run, step.sprint),
        advice=advice(run.plan, words),
    )


def _propose_more(session: Session, run: RunContext, step: ScopeStep) -> ScopeReply:
    if runs.get_run(session, step.project).state is not RunState.RUNNING:
        return ScopeReply()
    pace = read_pace(session, run, step.sprint, read_clock(session))
    if pace is not None and pace.verdict is Verdict.LATE:
        return ScopeReply()
    rows = status.story_statuses(session, step.project)
    found = more_work(run.plan, rows, run.edges, run.ranks, step.sprint, scope_words())
    # A story that is spread over sprints stays in those that have its parts.
    spread = {story.id for story in run.plan.stories if len(story.allocations) > 1}
    found = [cut for cut in found if cut.story not in spread]
    return ScopeReply(
        revision=run.revision, cuts=_unasked(session, run, step, found, QuestionKind.EXTRA_WORK)
    )


def _unasked(
    session: Session, run: RunContext, step: ScopeStep, found: Sequence[Cut], kind: QuestionKind
) -> list[Cut]:
    """What nobody has been asked about in this sprint: who said no is not asked again the next day."""
    known = questions.answered_options(session, step.project, kind, scope_prefix(step.project, step.sprint))
    return [
        cut.model_copy(
            update={"epic": run.epic_of(run.stories[cut.story]) if cut.story in run.stories else ""}
        )
        for cut in found
        if cut.name not in known
    ]


def _mark(step: ScopeStep, cut: Cut) -> str:
    return f"scope-{ids.short_digest(f'{step.workflow}#{cut.name}')}"


def _paused_by_people(session: Session, step: ScopeStep) -> set[str]:
    """Stories that somebody had paused before they were held here, and that stay so."""
    held = {cut.story: _mark(step, cut) for cut in step.cuts}
    last: dict[str, str] = {}
    for event in events.events_named(session, step.project, ["steered"]):
        mark = held.get(event.story or "")
        switches = event.data.get("action") in (SteerAction.PAUSE.value, SteerAction.RESUME.value)
        if mark and switches and not str(event.data["id"]).startswith(mark):
            last[str(event.story)] = str(event.data["action"])
    states = {row.id: row.state for row in status.story_statuses(session, step.project)}
    stand = {story for story, action in last.items() if action == SteerAction.PAUSE.value}
    return {story for story in stand if states.get(story) is StoryState.PENDING}


def _pulled(step: ScopeStep) -> dict[str, str]:
    return {cut.story: step.sprint for cut in step.cuts if cut.action is ScopeAction.PULL_IN}


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
        # An amended plan may have given it another id, or have no next sprint any more.
        if into
        and key in rows
        and rows[key].sprint == step.sprint
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
