"""Asking for a story's claim, and giving it back on every way out of the story."""

from __future__ import annotations

from sqlalchemy.orm import Session
from temporalio import activity

from activities.context import ActivityContext, RunContext
from paceline.contracts import BlockedStories, ClaimReply, ClaimStep, Done, SettleStep, StoryStep
from paceline.domain.claims import ClaimDecision, ClaimRequest, Grant
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Story
from paceline.domain.states import SUCCESS_STATES, AgentState, StoryState
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
        decision = await self._context.database.write(_claim, run, story, step)
        return ClaimReply(
            granted=decision.state == "granted",
            fence=decision.fence,
            position=decision.position,
            waits_for=[text[:200] for text in decision.waits_for[:10]],
            route=run.route(story),
        )

    @activity.defn(name="resume-claim")
    async def resume_claim(self, step: StoryStep) -> ClaimReply:
        """Ask again for the slots that were given back while a person was asked."""
        run = await self._context.run(step.project)
        story = run.story(step.story)
        decision = await self._context.database.write(_resume, run, story, step)
        return ClaimReply(
            granted=decision.state == "granted",
            fence=decision.fence,
            waits_for=[text[:200] for text in decision.waits_for[:10]],
            route=run.route(story),
        )

    @activity.defn(name="settle-story")
    async def settle_story(self, step: SettleStep) -> Done:
        """Release everything, record the final state, and tell whoever was waiting for the resources."""
        run = await self._context.run(step.project)
        grants = await self._context.database.write(settle, run, run.story(step.story), step)
        await self._context.tell(grants)
        return Done()

    @activity.defn(name="block-stories")
    async def block_stories(self, step: BlockedStories) -> Done:
        """Record stories that will never start, each with the dependency that did not succeed."""
        await self._context.database.write(_block, step)
        return Done()


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
    if decision.state != "granted":
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
        return
    claims.acknowledge_grant(session, workflow_id)
    status.set_story(
        session,
        step.project,
        story.id,
        state=StoryState.WORKING,
        attempt=step.attempt,
        workflow_id=workflow_id,
        fence=decision.fence,
    )
    drafts = [
        EventDraft(
            key=f"{workflow_id}#claim.granted#{decision.fence}#{step.attempt}",
            type=EventType.WORKFLOW_EVENT,
            name="claim.granted",
            story=story.id,
            data={
                "fence": decision.fence,
                "attempt": step.attempt,
                "needs": [need.resource for need in run.needs(story)][:50],
            },
        )
    ]
    drafts += agent_events(session, run, story, step, AgentState.WORKING)
    events.append_events(session, step.project, drafts)


def agent_events(
    session: Session, run: RunContext, story: Story, step: StoryStep, state: AgentState, *, mark: str = ""
) -> list[EventDraft]:
    """Set the state of the story's agents; returns the events that say so, not yet appended."""
    drafts: list[EventDraft] = []
    for name in dict.fromkeys(story.agents):
        status.set_agent(session, step.project, name, state, story=story.id)
        drafts.append(
            EventDraft(
                key=f"{run.workflow_id(story)}#agent#{name}#{state}#{step.attempt}#{mark}",
                type=EventType.AGENT_STATUS_CHANGE,
                name="agent.status",
                story=story.id,
                data={"agent": name, "state": state.value, "story": story.id},
            )
        )
    return drafts


def settle(session: Session, run: RunContext, story: Story, step: SettleStep) -> list[Grant]:
    """Release the story's claim and record its end; twice is once.

    Returns:
        Claims of others that this release granted.
    """
    workflow_id = run.workflow_id(story)
    grants = claims.release_claim(session, workflow_id)
    questions.withdraw_questions(session, workflow_id)
    status.set_story(
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
    drafts = agent_events(
        session, run, story, step, AgentState.ERROR if failed else AgentState.IDLE, mark="settled"
    )
    drafts.append(
        EventDraft(
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
    )
    events.append_events(session, step.project, drafts)
    return grants


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
