"""Asking for a story's claim, and giving it back on every way out of the story."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy.orm import Session
from temporalio import activity

from activities.announcing import agent_events, announce, project_grant
from activities.away import keep_away
from activities.context import ActivityContext, RunContext
from activities.growth import Asking, ask_again, first_claim, grow_between_attempts
from activities.merges import recorded_merge
from activities.no_change import NO_CHANGE, recorded_no_change
from paceline.contracts import (
    BlockedStories,
    ClaimReply,
    ClaimStep,
    Done,
    GrowStep,
    SettleReply,
    SettleStep,
    StoryStep,
)
from paceline.domain.claims import ClaimDecision, Grant
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Story
from paceline.domain.resources import IS_AWAY
from paceline.domain.states import FINAL_STATES, SUCCESS_STATES, AgentState, StoryState
from paceline.domain.status import StoryStatus
from paceline.domain.steering import FORCED
from paceline.errors import Refused
from paceline.store import changes, claims, events, questions, status, steering
from paceline.store.waits import WAITING_FOR_CLAIM

_REASON_LIMIT = 500
T = TypeVar("T", bound=StoryStep)


class ClaimActivities:
    """The claim of a story from the waiting line to the release."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="claim-story")
    async def claim_story(self, step: ClaimStep) -> ClaimReply:
        """Ask for everything the story needs at once; asking again is how a waiter makes sure."""
        run, asked = await self._asked(_claim, step)
        await self._tell(asked)
        return _reply(run, run.story(step.story), asked)

    @activity.defn(name="resume-claim")
    async def resume_claim(self, step: StoryStep) -> ClaimReply:
        """Ask again for what was given back: slots while a person was asked, or all of it."""
        run, asked = await self._asked(_resume, step)
        await self._tell(asked)
        return _reply(run, run.story(step.story), asked)

    async def _asked(
        self, ask: Callable[[Session, RunContext, Story, T], Asking], step: T
    ) -> tuple[RunContext, Asking]:
        """Ask with the run as it is in force now: others may hold by a newer change than the story knows."""
        revision = step.revision
        while True:
            run = await self._context.run(step.project, revision)
            try:
                return run, await self._context.database.write(_up_to_date, ask, run, step)
            except _Outdated as outdated:
                revision = outdated.revision

    @activity.defn(name="grow-claim")
    async def grow_claim(self, step: GrowStep) -> ClaimReply:
        """Ask for the files that the story's agent needs beside its claim; its work is preserved."""
        run = await self._context.run(step.project, step.revision)
        story = run.story(step.story)
        try:
            asked = await self._context.database.write(_grow, run, story, step)
        except Refused as error:
            return ClaimReply(
                granted=False, route=run.route(story), refused=error.code, reason=error.message[:10_000]
            )
        await self._tell(asked)
        return _reply(run, story, asked)

    async def _tell(self, asked: Asking) -> None:
        if asked.decision is not None:
            await self._context.tell(asked.decision.grants, asked.decision.retreats)

    @activity.defn(name="settle-story")
    async def settle_story(self, step: SettleStep) -> SettleReply:
        """Release everything, record the final state, and tell whoever was waiting for the resources."""
        run = await self._context.run(step.project, step.revision)
        ended = await self._context.database.write(settle, run, run.story(step.story), step)
        await self._context.tell(ended.grants)
        if ended.state is step.state:
            return SettleReply()
        return SettleReply(state=ended.state, merge_commit=ended.merge_commit)

    @activity.defn(name="block-stories")
    async def block_stories(self, step: BlockedStories) -> Done:
        """Record stories that will never start, each with the dependency that did not succeed."""
        await self._context.database.write(_block, step)
        return Done()


def _reply(run: RunContext, story: Story, asked: Asking) -> ClaimReply:
    if asked.decision is None:
        assert asked.ruling is not None  # noqa: S101 - one of the two is there; narrows the type
        refused = asked.refusal
        return ClaimReply(
            granted=False,
            route=run.route(story),
            asks=None if refused else asked.question,
            refused=refused,
            reason=asked.ruling.reason[:10_000],
        )
    decision = asked.decision
    return ClaimReply(
        granted=decision.state == "granted",
        fence=decision.fence,
        position=decision.position,
        waits_for=[text[:200] for text in decision.waits_for[:10]],
        route=run.route(story),
    )


class _Outdated(Exception):
    """The run was changed meanwhile; nothing was done."""

    def __init__(self, revision: int) -> None:
        super().__init__(revision)
        self.revision = revision


def _up_to_date(
    session: Session, ask: Callable[[Session, RunContext, Story, T], Asking], run: RunContext, step: T
) -> Asking:
    story = run.story(step.story)
    others = [
        grant
        for grant in keep_away(session, run.run.id, run.changes, run.scope)
        if grant.holder != run.workflow_id(story)
    ]
    asked = ask(session, run, story, step)
    if others and asked.decision is not None:
        told = asked.decision.model_copy(update={"grants": [*others, *asked.decision.grants]})
        asked = asked._replace(decision=told)
    # Only now: who changes the run locks the claims' scope too, and what it committed is seen behind that.
    revision = changes.latest_revision(session, run.run.id)
    if revision > run.revision:
        raise _Outdated(revision)
    return asked


def _claim(session: Session, run: RunContext, story: Story, step: ClaimStep) -> Asking:
    asked = first_claim(session, run, story, step.weight, step.approved_by)
    _project(session, run, story, step, asked)
    return asked


def _resume(session: Session, run: RunContext, story: Story, step: StoryStep) -> Asking:
    asked = Asking(ask_again(session, run, story))
    _project(session, run, story, step, asked)
    return asked


def _grow(session: Session, run: RunContext, story: Story, step: GrowStep) -> Asking:
    asked = grow_between_attempts(session, run, story, step.fence, step.files, step.approved_by)
    _project(session, run, story, step, asked)
    return asked


def _project(session: Session, run: RunContext, story: Story, step: StoryStep, asked: Asking) -> None:
    if asked.decision is not None:
        _project_decision(session, run, story, step, asked.decision)
        announce(session, asked.decision.grants, asked.decision.retreats)


def _project_decision(
    session: Session, run: RunContext, story: Story, step: StoryStep, decision: ClaimDecision
) -> None:
    workflow_id = run.workflow_id(story)
    if decision.state == "granted" and decision.fence is not None:
        project_grant(session, step.project, story.id, workflow_id, decision.fence, step.attempt)
        return
    reason = _why_it_waits(decision.waits_for)
    status.set_story(
        session,
        step.project,
        story.id,
        state=StoryState.CLAIMING,
        attempt=step.attempt,
        workflow_id=workflow_id,
        reason=reason[:_REASON_LIMIT],
        reason_code=WAITING_FOR_CLAIM,
    )
    draft = EventDraft(
        key=f"{workflow_id}#claim.waiting#{step.attempt}",
        type=EventType.WORKFLOW_EVENT,
        name="claim.waiting",
        story=story.id,
        data={"waits_for": decision.waits_for[:10], "position": decision.position},
    )
    events.append_events(session, step.project, [draft])


def _why_it_waits(waits_for: Sequence[str]) -> str:
    """Who is away first: no other wait ends before that one."""
    away = [text for text in waits_for if text.endswith(IS_AWAY)]
    others = ", ".join(text for text in waits_for if text not in away)
    waits = f"waits for {others or 'its place in the line'}" if others or not away else ""
    held = f"{', '.join(away)}, {'its' if len(away) == 1 else 'their'} stories wait" if away else ""
    return "; ".join(text for text in (held, waits) if text)


class Settlement(NamedTuple):
    """How a story ended, and the claims of others that its release granted."""

    state: StoryState
    merge_commit: str | None
    grants: list[Grant]


def settle(session: Session, run: RunContext, story: Story, step: SettleStep) -> Settlement:
    """Release the story's claim and record its end; twice is once.

    A story whose merge was made is merged, whatever happened to it afterwards; so it is with one that was
    proven to need none.
    """
    workflow_id = run.workflow_id(story)
    grants = claims.release_claim(session, workflow_id)
    questions.withdraw_questions(session, workflow_id)
    if step.state not in SUCCESS_STATES or step.state is StoryState.SKIPPED or step.code == FORCED:
        step = step.model_copy(update=_success_before(session, run, story))
    row = status.set_story(
        session,
        step.project,
        story.id,
        state=step.state,
        attempt=step.attempts,
        workflow_id=workflow_id,
        reason=step.reason[:_REASON_LIMIT] or None,
        reason_code=step.code or None,
        merge_commit=step.merge_commit,
        summary=step.summary or None,
    )
    failed = step.state not in SUCCESS_STATES | {StoryState.CANCELLED, StoryState.PART_DONE}
    ended = EventDraft(
        key=f"{workflow_id}#settled{_mark(step.round)}",
        type=EventType.WORKFLOW_EVENT,
        name=f"story.{step.state.value}",
        story=story.id,
        data={
            "state": step.state.value,
            "attempts": step.attempts,
            "merge_commit": step.merge_commit,
            "code": step.code or None,
            "reason": step.reason[:_REASON_LIMIT] or None,
            **({"part": step.part.model_dump(mode="json")} if step.part else {}),
        },
    )
    agents = agent_events(
        session,
        step.project,
        row,
        AgentState.ERROR if failed else AgentState.IDLE,
        mark=f"settled{_mark(step.round)}",
    )
    events.append_events(session, step.project, [*agents, ended])
    announce(session, grants)
    return Settlement(row.state, row.merge_commit, grants)


def _mark(round: int) -> str:
    """What tells the events of a story that was started again from those of before."""
    return f"#{round}" if round else ""


def _success_before(session: Session, run: RunContext, story: Story) -> dict[str, Any]:
    """The end that the story had reached, and did not live to record; empty where it had not."""
    commit = recorded_merge(session, run, story)
    if commit is not None:
        return {"state": StoryState.MERGED, "merge_commit": commit, "code": "", "reason": ""}
    proven = recorded_no_change(session, run, story)
    if proven is not None:
        return {"state": StoryState.SETTLED, "code": NO_CHANGE, "reason": proven.reason}
    return {}


def closed_step(
    run: RunContext, story: Story, row: StoryStatus, state: StoryState, reason: str, round: int = 0
) -> SettleStep:
    """The end of a story whose own workflow can record none, because it was closed from outside."""
    return SettleStep(
        project=run.run.id,
        sprint=run.sprint_of(story),
        epic=run.epic_of(story),
        story=story.id,
        attempt=row.attempt,
        state=state,
        code="WORKFLOW_CLOSED",
        reason=reason[:_REASON_LIMIT],
        attempts=row.attempt,
        round=round,
    )


def settle_closed(
    session: Session, run: RunContext, story: Story, state: StoryState, reason: str
) -> Settlement:
    """Settle a story whose workflow is closed; what it recorded itself stays its end."""
    row = status.story_status(session, run.run.id, story.id)
    if row.state in FINAL_STATES:
        return Settlement(row.state, row.merge_commit, [])
    round = steering.rounds_of(session, run.run.id, story.id)
    return settle(session, run, story, closed_step(run, story, row, state, reason, round))


def _block(session: Session, step: BlockedStories) -> None:
    drafts: list[EventDraft] = []
    for story, cause in step.stories.items():
        reason = f"depends on {cause}, which did not succeed"
        status.set_story(
            session,
            step.project,
            story,
            state=StoryState.BLOCKED,
            reason=reason,
            reason_code="DEPENDENCY_FAILED",
        )
        drafts.append(
            EventDraft(
                key=f"{step.project}/{step.sprint}/{step.epic}/{story}#blocked{_mark(step.round)}",
                type=EventType.WORKFLOW_EVENT,
                name="story.blocked",
                story=story,
                data={"state": StoryState.BLOCKED.value, "cause": cause, "reason": reason},
            )
        )
    events.append_events(session, step.project, drafts)
