"""Asking for a story's claim, and giving it back on every way out of the story."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session
from temporalio import activity

from activities.context import ActivityContext, RunContext
from activities.merges import recorded_merge
from paceline.contracts import (
    BlockedStories,
    ClaimReply,
    ClaimStep,
    Done,
    SettleReply,
    SettleStep,
    StoryStep,
)
from paceline.domain.claims import ClaimDecision, ClaimRequest, Grant
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Story
from paceline.domain.states import FINAL_STATES, SUCCESS_STATES, AgentState, StoryState
from paceline.domain.status import StoryStatus
from paceline.store import claims, events, questions, status

_REASON_LIMIT = 500


class ClaimActivities:
    """The claim of a story from the waiting line to the release."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="claim-story")
    async def claim_story(self, step: ClaimStep) -> ClaimReply:
        """Ask for everything the story needs at once; asking again is how a waiter makes sure."""
        run = await self._context.run(step.project)
        story = run.story(step.story)
        return _reply(run, story, await self._context.database.write(_claim, run, story, step))

    @activity.defn(name="resume-claim")
    async def resume_claim(self, step: StoryStep) -> ClaimReply:
        """Ask again for the slots that were given back while a person was asked."""
        run = await self._context.run(step.project)
        story = run.story(step.story)
        return _reply(run, story, await self._context.database.write(_resume, run, story, step))

    @activity.defn(name="settle-story")
    async def settle_story(self, step: SettleStep) -> SettleReply:
        """Release everything, record the final state, and tell whoever was waiting for the resources."""
        run = await self._context.run(step.project)
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


def _reply(run: RunContext, story: Story, decision: ClaimDecision) -> ClaimReply:
    return ClaimReply(
        granted=decision.state == "granted",
        fence=decision.fence,
        position=decision.position,
        waits_for=[text[:200] for text in decision.waits_for[:10]],
        route=run.route(story),
    )


def _claim(session: Session, run: RunContext, story: Story, step: ClaimStep) -> ClaimDecision:
    workflow_id = run.workflow_id(story)
    request = ClaimRequest(
        claim=workflow_id,
        scope=run.scope,
        holder=workflow_id,
        project=step.project,
        story=story.id,
        needs=run.needs(story),
        weight=step.weight,
    )
    decision = claims.request_claim(session, request)
    _project_decision(session, run, story, step, decision)
    return decision


def _resume(session: Session, run: RunContext, story: Story, step: StoryStep) -> ClaimDecision:
    decision = claims.restore_claim(session, run.workflow_id(story))
    _project_decision(session, run, story, step, decision)
    return decision


def _project_decision(
    session: Session, run: RunContext, story: Story, step: StoryStep, decision: ClaimDecision
) -> None:
    workflow_id = run.workflow_id(story)
    if decision.state == "granted" and decision.fence is not None:
        _project_grant(session, step.project, story.id, workflow_id, decision.fence, step.attempt)
        return
    reason = "waits for " + (", ".join(decision.waits_for) or "its place in the line")
    status.set_story(
        session,
        step.project,
        story.id,
        state=StoryState.CLAIMING,
        attempt=step.attempt,
        workflow_id=workflow_id,
        reason=reason[:_REASON_LIMIT],
        reason_code="WAITING_FOR_CLAIM",
    )
    draft = EventDraft(
        key=f"{workflow_id}#claim.waiting#{step.attempt}",
        type=EventType.WORKFLOW_EVENT,
        name="claim.waiting",
        story=story.id,
        data={"waits_for": decision.waits_for[:10], "position": decision.position},
    )
    events.append_events(session, step.project, [draft])


def announce(session: Session, grants: Sequence[Grant]) -> None:
    """Write down that waiting stories were granted their claims, in the transaction that granted them.

    So a waiter that is told by signal can work at once, without asking again.
    """
    stories = claims.stories_of(session, [grant.claim for grant in grants])
    for grant in grants:
        if grant.claim in stories:
            project, story = stories[grant.claim]
            attempt = status.story_status(session, project, story).attempt
            _project_grant(session, project, story, grant.holder, grant.fence, attempt)


def _project_grant(
    session: Session, project: str, story: str, workflow_id: str, fence: int, attempt: int
) -> None:
    row = status.set_story(
        session,
        project,
        story,
        state=StoryState.WORKING,
        attempt=attempt,
        workflow_id=workflow_id,
        fence=fence,
    )
    granted = EventDraft(
        key=f"{workflow_id}#claim.granted#{fence}#{attempt}",
        type=EventType.WORKFLOW_EVENT,
        name="claim.granted",
        story=story,
        data={"fence": fence, "attempt": attempt},
    )
    agents = agent_events(session, project, row, AgentState.WORKING)
    events.append_events(session, project, [granted, *agents])


def agent_events(
    session: Session, project: str, row: StoryStatus, state: AgentState, *, mark: str = ""
) -> list[EventDraft]:
    """Set the state of a story's agents; returns the events that say so, not yet appended.

    An agent that may do several stories at once becomes idle only when none of its others is being done.
    """
    busy = status.busy_agents(session, project, row.id) if state is AgentState.IDLE else frozenset[str]()
    drafts: list[EventDraft] = []
    for name in row.agents:
        if name in busy:
            continue
        status.set_agent(session, project, name, state, story=row.id)
        drafts.append(
            EventDraft(
                key=f"{row.workflow_id}#agent#{name}#{state}#{row.attempt}#{mark}",
                type=EventType.AGENT_STATUS_CHANGE,
                name="agent.status",
                story=row.id,
                data={"agent": name, "state": state.value, "story": row.id},
            )
        )
    return drafts


class Settlement(NamedTuple):
    """How a story ended, and the claims of others that its release granted."""

    state: StoryState
    merge_commit: str | None
    grants: list[Grant]


def settle(session: Session, run: RunContext, story: Story, step: SettleStep) -> Settlement:
    """Release the story's claim and record its end; twice is once.

    A story whose merge was made is merged, whatever happened to it afterwards.
    """
    workflow_id = run.workflow_id(story)
    grants = claims.release_claim(session, workflow_id)
    questions.withdraw_questions(session, workflow_id)
    if step.state not in SUCCESS_STATES and (commit := recorded_merge(session, run, story)) is not None:
        merged = {"state": StoryState.MERGED, "merge_commit": commit, "code": "", "reason": ""}
        step = step.model_copy(update=merged)
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
    failed = step.state not in SUCCESS_STATES and step.state is not StoryState.CANCELLED
    ended = EventDraft(
        key=f"{workflow_id}#settled",
        type=EventType.WORKFLOW_EVENT,
        name=f"story.{step.state.value}",
        story=story.id,
        data={
            "state": step.state.value,
            "attempts": step.attempts,
            "merge_commit": step.merge_commit,
            "code": step.code or None,
            "reason": step.reason[:_REASON_LIMIT] or None,
        },
    )
    agents = agent_events(
        session, step.project, row, AgentState.ERROR if failed else AgentState.IDLE, mark="settled"
    )
    events.append_events(session, step.project, [*agents, ended])
    announce(session, grants)
    return Settlement(row.state, row.merge_commit, grants)


def closed_step(
    run: RunContext, story: Story, row: StoryStatus, state: StoryState, reason: str
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
    )


def settle_closed(
    session: Session, run: RunContext, story: Story, state: StoryState, reason: str
) -> Settlement:
    """Settle a story whose workflow is closed; what it recorded itself stays its end."""
    row = status.story_status(session, run.run.id, story.id)
    if row.state in FINAL_STATES:
        return Settlement(row.state, row.merge_commit, [])
    return settle(session, run, story, closed_step(run, story, row, state, reason))


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
                key=f"{step.project}/{step.sprint}/{step.epic}/{story}#blocked",
                type=EventType.WORKFLOW_EVENT,
                name="story.blocked",
                story=story,
                data={"state": StoryState.BLOCKED.value, "cause": cause, "reason": reason},
            )
        )
    events.append_events(session, step.project, drafts)
