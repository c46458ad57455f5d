"""What people do to a run while it goes on: written down, and made true where it is not a workflow's own."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session
from temporalio import activity

from activities import unbegun
from activities.announcing import agent_events, announce
from activities.context import ActivityContext, RunContext, run_now
from activities.ends import end_stories
from activities.outlines import stories_of
from activities.people import KEPT_WHILE_WAITING
from paceline.contracts import Done
from paceline.domain.changes import ChangeDraft, ChangeKind
from paceline.domain.claims import Grant
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Story
from paceline.domain.states import AgentState, StoryState
from paceline.domain.steering import ENDS, Steer, SteerAction, SteerScope
from paceline.domain.steering_steps import (
    Again,
    EndStep,
    PauseReply,
    PauseStep,
    ReopenStep,
    SteerRecorded,
    SteerStep,
)
from paceline.domain.steps import FailedAttempt
from paceline.store import changes, claim_renewal, claims, events, questions, status, steering

_REASON_LIMIT = 500
_CHANGES = frozenset({SteerAction.REASSIGN, SteerAction.REPRIORITISE, SteerAction.SET_MAX_PARALLEL})
"""What changes the run in force, and not only where its workflows stand."""


class SteeringActivities:
    """Record what people do, and make the changes of a run."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="record-steer")
    async def record_steer(self, step: SteerStep) -> SteerRecorded:
        """Write down an action, and change the run where the action does; twice is once."""
        run = await self._context.run(step.project, step.revision)
        refused = _unable(run, step.steer)
        if refused:
            return SteerRecorded(refused=refused)
        recorded, grants = await self._context.database.write(_record, run, step)
        await self._context.tell(grants)
        return recorded

    @activity.defn(name="refuse-steer")
    async def refuse_steer(self, step: SteerStep) -> Done:
        """Write down that an action which came by signal was not done; `effect` says why."""
        await self._context.database.write(_refuse, step)
        return Done()

    @activity.defn(name="pause-story")
    async def pause_story(self, step: PauseStep) -> PauseReply:
        """Let a story stand still: its slots are for others, its files stay locked."""
        run = await self._context.run(step.project, step.revision)
        reply, grants = await self._context.database.write(_pause, run, run.story(step.story), step)
        await self._context.tell(grants)
        return reply

    @activity.defn(name="reopen-stories")
    async def reopen_stories(self, step: ReopenStep) -> Again:
        """Open a story that ended without success, and those that were blocked because of it."""
        run = await self._context.run(step.project, step.revision)
        return await self._context.database.write(_reopen, run, step)

    @activity.defn(name="end-stories")
    async def end_stories(self, step: EndStep) -> Done:
        """End stories that no workflow runs, as a person said."""
        run = await self._context.run(step.project, step.revision)
        await self._context.database.write(_end, run, step)
        return Done()

    @activity.defn(name="cancel-run")
    async def cancel_run(self, step: SteerStep) -> Done:
        """Ask Temporal to cancel the run, so that it ends as one that was cancelled from outside."""
        await self._context.client.get_workflow_handle(step.project).cancel()
        return Done()


# Recording ---


def _unable(run: RunContext, steer: Steer) -> str:
    """Why these agents cannot do a story of this run; empty where they can."""
    options = run.run.options
    known = {**options.spare, **options.agents}
    known |= {name: run.declaration(name) for story in run.plan.stories for name in story.agents}
    known.pop("*", None)
    for name in steer.agents:
        if name not in known:
            return f"Run {run.run.id} has no agent {name}; it has {', '.join(sorted(known)[:20])}."
        if known[name].kind == "command" and not any(a.kind == "command" for a in options.agents.values()):
            return (
                f"Agent {name} works on files, and run {run.run.id} was started without any; start it anew."
            )
    return ""


def _record(session: Session, run: RunContext, step: SteerStep) -> tuple[SteerRecorded, list[Grant]]:
    revision, grants = 0, list[Grant]()
    if step.unbegun:
        # The run's workflow may not have heard of what other workflows changed.
        run = run_now(session, step.project, run.scope)
        look = unbegun.look(session, run, step)
        if look.known is not None:
            return _recorded(run, step, look.known, look.effect), []
        if look.refused:
            return SteerRecorded(refused=look.refused), []
        step = step.model_copy(update={"effect": look.effect})
    if step.steer.action in _CHANGES or step.unbegun:
        revision = changes.record_changes(session, step.project, [_change(step)])
        run = run_now(session, step.project, run.scope)
        if step.steer.action in _CHANGES:
            grants = _adjust(session, run, step)
            announce(session, grants)
    _explain(session, run, step)
    events.append_events(session, step.project, [_steered(step, revision)])
    if step.unbegun and step.steer.action in ENDS:
        stories = [step.story] if step.story else []
        _end(session, run, EndStep(**unbegun.ended(step), revision=revision, stories=stories))
    elif step.unbegun and step.steer.action is SteerAction.RETRY:
        unbegun.reopen(session, run, step)
    return _recorded(run, step, revision, step.effect if step.unbegun else ""), grants


def _recorded(run: RunContext, step: SteerStep, revision: int, effect: str) -> SteerRecorded:
    recorded = SteerRecorded(revision=revision, effect=effect)
    if step.story:
        story = run.story(step.story)
        recorded = recorded.model_copy(
            update={
                "agent": " + ".join(story.agents)[:120],
                "weight": run.line_weight(story),
                "rank": run.ranks.get(story.id, 0),
            }
        )
    return recorded


def _change(step: SteerStep) -> ChangeDraft:
    steer = step.steer
    common: dict[str, Any] = {"key": f"steer#{steer.id}", "actor": steer.actor, "reason": steer.reason}
    if steer.action is SteerAction.REASSIGN:
        return ChangeDraft(**common, kind=ChangeKind.AGENTS, target=step.story, names=steer.agents)
    if steer.action is SteerAction.REPRIORITISE:
        return ChangeDraft(**common, kind=ChangeKind.PRIORITY, target=step.story, text=steer.priority.strip())
    if steer.action is not SteerAction.SET_MAX_PARALLEL:
        return unbegun.change(step, common)
    return ChangeDraft(**common, kind=ChangeKind.MAX_PARALLEL, target=step.sprint, number=steer.max_parallel)


def _adjust(session: Session, run: RunContext, step: SteerStep) -> list[Grant]:
    """Bring the claims that live in line with the run in force."""
    if step.steer.action is SteerAction.SET_MAX_PARALLEL:
        sprints = [step.sprint] if step.sprint else [each.id for each in run.plan.sprints]
        return [
            grant
            for sprint in sprints
            for grant in claim_renewal.resize(
                session, run.scope, f"sprint:{run.run.id}:{sprint}", run.max_parallel(sprint)
            )
        ]
    story = run.story(step.story)
    if step.steer.action is SteerAction.REPRIORITISE:
        return claim_renewal.reweigh_claim(session, run.workflow_id(story), run.line_weight(story))
    _free(session, run, step, story)
    questions.withdraw_questions(session, run.workflow_id(story))
    return claim_renewal.renew_needs(session, run.workflow_id(story), run.needs(story))


def _free(session: Session, run: RunContext, step: SteerStep, story: Story) -> None:
    """Give the story to its new agents; who has it no more is idle."""
    before = status.story_status(session, step.project, story.id).agents
    steering.assign(session, step.project, story.id, story.agents)
    freed = status.free_agents(
        session, step.project, [name for name in before if name not in story.agents], story.id
    )
    drafts = [
        EventDraft(
            key=f"{run.workflow_id(story)}#agent#{name}#steer#{step.steer.id}",
            type=EventType.AGENT_STATUS_CHANGE,
            name="agent.status",
            story=story.id,
            data={"agent": name, "state": AgentState.IDLE.value, "story": None},
        )
        for name in freed
    ]
    events.append_events(session, step.project, drafts)


def _explain(session: Session, run: RunContext, step: SteerStep) -> None:
    """Nothing waits without a stated reason: also what does not start, and what will stand still."""
    action, said = step.steer.action, _held(step.scope)
    if action is SteerAction.RETRY and step.story:
        questions.withdraw_questions(session, run.workflow_id(run.story(step.story)))
    if action not in (SteerAction.PAUSE, SteerAction.RESUME):
        return
    if step.story and step.started:
        row = status.story_status(session, step.project, step.story)
        pauses = action is SteerAction.PAUSE and row.state is not StoryState.PAUSED
        if pauses or row.reason_code == "PAUSING":
            status.set_story(
                session,
                step.project,
                step.story,
                reason="stands still before its next step" if pauses else None,
                reason_code="PAUSING" if pauses else None,
            )
        return
    concerned = [story.id for story in run.plan.stories if _concerns(run, step, story)]
    if action is SteerAction.PAUSE:
        steering.hold_pending(session, step.project, concerned, said)
    else:
        instead = _held(step.held_by[0]) if step.held_by else None
        steering.free_pending(session, step.project, concerned, said, instead)


def _concerns(run: RunContext, step: SteerStep, story: Story) -> bool:
    if step.story:
        return story.id == step.story
    if step.sprint and run.sprint_of(story) != step.sprint:
        return False
    return not step.epic or run.epic_of(story) == step.epic


def _held(scope: SteerScope) -> str:
    return "it is paused" if scope is SteerScope.STORY else f"its {scope.value} is paused"


def _steered(step: SteerStep, revision: int) -> EventDraft:
    steer = step.steer
    return EventDraft(
        key=f"steer#{steer.id}",
        type=EventType.WORKFLOW_EVENT,
        name="steered",
        actor=steer.actor,
        story=step.story or None,
        data={**_facts(step), "effect": step.effect, "revision": revision},
    )


def _facts(step: SteerStep) -> dict[str, object]:
    steer = step.steer
    target = {SteerScope.STORY: step.story, SteerScope.EPIC: step.epic, SteerScope.SPRINT: step.sprint}
    given: dict[str, object] = {
        "agents": steer.agents,
        "priority": steer.priority,
        "max_parallel": steer.max_parallel,
        "now": steer.now,
    }
    return {
        "id": steer.id,
        "action": steer.action.value,
        "scope": step.scope.value,
        "target": target.get(step.scope, step.project),
        "sprint": step.sprint,
        "reason": steer.reason[:_REASON_LIMIT],
        **{name: value for name, value in given.items() if value},
    }


def _refuse(session: Session, step: SteerStep) -> None:
    refused = EventDraft(
        key=f"steer#{step.steer.id}#refused#{step.workflow}",
        type=EventType.WORKFLOW_EVENT,
        name="steer.refused",
        actor=step.steer.actor,
        story=step.story or None,
        data={**_facts(step), "why": step.effect[:_REASON_LIMIT]},
    )
    events.append_events(session, step.project, [refused])


# Stories ---


def _pause(
    session: Session, run: RunContext, story: Story, step: PauseStep
) -> tuple[PauseReply, list[Grant]]:
    workflow_id = run.workflow_id(story)
    grants = claims.reduce_claim(session, workflow_id, KEPT_WHILE_WAITING)
    record = claims.find_claim(session, workflow_id)
    own = SteerScope.STORY in step.held_by
    reason = _held(SteerScope.STORY if own else step.held_by[0])
    row = status.set_story(
        session,
        step.project,
        story.id,
        state=StoryState.PAUSED,
        attempt=step.attempt,
        workflow_id=workflow_id,
        reason=reason,
        reason_code=steering.PAUSED,
    )
    paused = EventDraft(
        key=f"{workflow_id}#paused#{step.number}",
        type=EventType.WORKFLOW_EVENT,
        name="story.paused",
        story=story.id,
        data={"state": StoryState.PAUSED.value, "attempt": step.attempt, "reason": reason},
    )
    agents = agent_events(session, step.project, row, AgentState.IDLE, mark=f"paused#{step.number}")
    events.append_events(session, step.project, [paused, *agents])
    announce(session, grants)
    return PauseReply(claimed=record is not None and record.state != "released"), grants


def _reopen(session: Session, run: RunContext, step: ReopenStep) -> Again:
    drafts: list[EventDraft] = []
    for name in step.freed:
        if status.story_status(session, step.project, name).state is StoryState.BLOCKED:
            steering.reopen_story(session, step.project, name)
            drafts.append(
                EventDraft(
                    key=f"{run.workflow_id(run.story(name))}#unblocked#{step.steer}",
                    type=EventType.WORKFLOW_EVENT,
                    name="story.unblocked",
                    story=name,
                    data={"state": StoryState.PENDING.value},
                )
            )
    again = Again(round=0, attempt=0)
    if step.story:
        again, draft = _start_again(session, run, run.story(step.story), step.steer)
        drafts.insert(0, draft)
    events.append_events(session, step.project, drafts)
    return again


def _start_again(session: Session, run: RunContext, story: Story, steer: str) -> tuple[Again, EventDraft]:
    """Where the story goes on: told by its event the second time, because its status has changed by then."""
    project, workflow_id = run.run.id, run.workflow_id(story)
    key = f"{workflow_id}#reopened#{steer}"
    known = events.event_of(session, project, key)
    row = status.story_status(session, project, story.id)
    if known is not None:
        again = Again.model_validate(known.data)
    else:
        failed = FailedAttempt(
            attempt=row.attempt, code=row.reason_code or "RETRIED", reason=row.reason or ""
        )
        again = Again(
            round=steering.rounds_of(session, project, story.id) + 1,
            attempt=row.attempt + 1,
            questions_asked=steering.questions_of(session, workflow_id),
            failures=[failed] if row.attempt else [],
        )
        claim_renewal.forget_claim(session, workflow_id)
        steering.reopen_story(session, project, story.id, again.attempt)
    draft = EventDraft(
        key=key,
        type=EventType.WORKFLOW_EVENT,
        name="story.reopened",
        story=story.id,
        data=again.model_dump(mode="json"),
    )
    return again, draft


def _end(session: Session, run: RunContext, step: EndStep) -> None:
    if step.withdraw:
        questions.withdraw_questions(session, step.project)
    stories = step.stories or [
        story.id for story in stories_of(run, step.sprint) if not step.epic or run.epic_of(story) == step.epic
    ]
    end_stories(session, run, step.steer, stories, reopen=bool(step.stories))
