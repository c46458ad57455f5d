"""Carrying stories over from a sprint that ended into the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session
from temporalio import activity

from activities.context import ActivityContext, RunContext
from activities.ends import end_stories
from paceline.contracts import SprintStep
from paceline.domain.carrying import (
    CARRIED,
    CarryLook,
    CarryOver,
    CarryReply,
    CarryReport,
    CarryStep,
    carry_question,
    unfinished,
)
from paceline.domain.changes import ChangeDraft, ChangeKind
from paceline.domain.events import EventDraft, EventType
from paceline.domain.parts import PART_DONE, allotted
from paceline.domain.states import StoryState
from paceline.domain.status import StoryStatus
from paceline.domain.steering import ENDS, Steer, SteerAction
from paceline.domain.steering_steps import Again
from paceline.domain.steps import FailedAttempt
from paceline.domain.work import is_rehearsal
from paceline.store import changes, events, status, steering


class CarryingActivities:
    """Find what a sprint ended without, and let it go on in the next."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="find-unfinished")
    async def find_unfinished(self, step: CarryLook) -> CarryReport:
        """The stories that did not succeed, and whether a person decides about them."""
        run = await self._context.run(step.project, step.revision)
        policy = _policy(run)
        rows = unfinished(await self._context.database.read(status.story_statuses, step.project), step.sprint)
        if not rows or policy is CarryOver.NEVER:
            return CarryReport()
        return CarryReport(
            stories=[row.id for row in rows],
            policy=policy,
            question=carry_question(step.sprint, step.into, rows),
        )

    @activity.defn(name="carry-over")
    async def carry_over(self, step: CarryStep) -> CarryReply:
        """Move stories into the next sprint, where they begin again from their preserved work."""
        return await self._context.database.write(_carry, step)

    @activity.defn(name="begin-next-parts")
    async def begin_next_parts(self, step: SprintStep) -> CarryReply:
        """Move stories whose part is done into the sprint of their next part."""
        run = await self._context.newest(step.project)
        return await self._context.database.write(_go_on, run, step)


def _policy(run: RunContext) -> CarryOver:
    """A rehearsal with simulated agents asks nobody, unless it was told to."""
    options = run.run.options
    if options.carry_over is not None:
        return options.carry_over
    rehearsal = is_rehearsal(options.agents.values())
    return CarryOver.NEVER if rehearsal else CarryOver.PERSON


def _carry(session: Session, step: CarryStep) -> CarryReply:
    rows = {row.id: row for row in status.story_statuses(session, step.project)}
    wanted = set(step.stories)
    moved = [row for row in unfinished(list(rows.values()), step.sprint) if row.id in wanted]
    drafts = [
        ChangeDraft(
            key=carry_key(step.sprint, story),
            kind=ChangeKind.SPRINT,
            target=story,
            text=step.into,
            actor=step.actor,
            reason=step.note or f"{step.sprint} ended without it",
        )
        for story in step.stories
    ]
    revision = changes.record_changes(session, step.project, drafts)
    told = [_begin_again(session, step, row) for row in moved]
    events.append_events(session, step.project, told)
    left: dict[StoryState, int] = {}
    for story in step.stories:
        event = events.event_of(session, step.project, carry_key(step.sprint, story))
        if event is not None:
            state = StoryState(event.data["was"])
            left[state] = left.get(state, 0) + 1
    return CarryReply(revision=revision, left=left)


def _begin_again(session: Session, step: CarryStep, row: StoryStatus) -> EventDraft:
    """The story is pending in the next sprint; its event says where its attempts go on."""
    failed = FailedAttempt(attempt=row.attempt, code=row.reason_code or CARRIED, reason=row.reason or "")
    again = Again(round=0, attempt=row.attempt + 1, failures=[failed] if row.attempt else [])
    steering.reopen_story(session, step.project, row.id, again.attempt if row.attempt else None)
    steering.move(session, step.project, row.id, step.into, f"carried over from {step.sprint}", CARRIED)
    return EventDraft(
        key=carry_key(step.sprint, row.id),
        type=EventType.WORKFLOW_EVENT,
        name="story.carried_over",
        actor=step.actor,
        story=row.id,
        data={
            "from": step.sprint,
            "into": step.into,
            "was": row.state.value,
            "note": step.note,
            "again": again.model_dump(mode="json") if row.attempt else None,
        },
    )


def _go_on(session: Session, run: RunContext, step: SprintStep) -> CarryReply:
    rows = status.story_statuses(session, step.project)
    left = [row for row in rows if row.sprint == step.sprint and row.state is StoryState.PART_DONE]
    moves = {row.id: into for row in left if (into := _next_sprint(run, row)) is not None}
    drafts = [
        ChangeDraft(
            key=part_key(step.sprint, story),
            kind=ChangeKind.SPRINT,
            target=story,
            text=into,
            actor="paceline",
            reason=f"{step.sprint} did its part",
        )
        for story, into in moves.items()
    ]
    revision = changes.record_changes(session, step.project, drafts)
    told = [_next_part(session, step, row, moves[row.id]) for row in left if row.id in moves]
    events.append_events(session, step.project, told)
    _end_with_epics(session, run, moves)
    # Counted by their events: a repeat finds the stories moved, and says the same.
    keys = [part_key(step.sprint, row.id) for row in rows]
    count = sum(events.event_of(session, step.project, key) is not None for key in keys)
    return CarryReply(revision=revision, left={StoryState.PART_DONE: count} if count else {})


def _end_with_epics(session: Session, run: RunContext, moves: Mapping[str, str]) -> None:
    """A person may have ended a story's epic in that sprint before: what comes into it ends with it."""
    ended = {
        (change.names[0], change.target): change
        for change in changes.changes_of(session, run.run.id)
        if change.kind is ChangeKind.UNBEGUN and change.text in {action.value for action in ENDS}
    }
    for story, into in moves.items():
        change = ended.get((into, run.epic_of(run.stories[story]))) if story in run.stories else None
        if change is not None:
            steer = Steer(
                id=change.key.removeprefix("steer#"),
                action=SteerAction(change.text),
                actor=change.actor,
                reason=change.reason,
            )
            end_stories(session, run, steer, [story], reopen=False)


def _next_sprint(run: RunContext, row: StoryStatus) -> str | None:
    """The sprint of the story's next part; where an amended plan has none, the sprint that comes next."""
    story = run.stories.get(row.id)
    later = (
        run.sprint_order[run.sprint_order.index(row.sprint) + 1 :] if row.sprint in run.sprint_order else []
    )
    points = allotted(story, run.sprint_order) if story is not None else {}
    return next((sprint for sprint in later if sprint in points), later[0] if later else None)


def _next_part(session: Session, step: SprintStep, row: StoryStatus, into: str) -> EventDraft:
    done = events.latest_event(session, step.project, "story.part_done", row.id)
    said = (row.reason or "").rstrip(".") + (f". {row.summary}" if row.summary else "")
    before = FailedAttempt(attempt=row.attempt, code=PART_DONE, reason=said[:2000])
    again = Again(round=0, attempt=row.attempt + 1, extra_attempts=row.attempt, failures=[before])
    steering.reopen_story(session, step.project, row.id, again.attempt)
    steering.move(session, step.project, row.id, into, row.reason or f"goes on in {into}", PART_DONE)
    return EventDraft(
        key=part_key(step.sprint, row.id),
        type=EventType.WORKFLOW_EVENT,
        name="story.next_part",
        story=row.id,
        data={
            "from": step.sprint,
            "into": into,
            "part": done.data.get("part") if done else None,
            "again": again.model_dump(mode="json"),
        },
    )


def carried(session: Session, project: str, rows: Sequence[StoryStatus]) -> dict[str, Again]:
    """Where the attempts of those stories go on that came from an earlier sprint and have not begun yet."""
    found: dict[str, Again] = {}
    for row in rows:
        # Its reason may be another by now, as that it is paused.
        if row.state is StoryState.PENDING and row.attempt:
            for name in _CAME_BY:
                event = events.latest_event(session, project, name, row.id)
                again = event.data.get("again") if event is not None else None
                if again and again["attempt"] == row.attempt:
                    found[row.id] = Again.model_validate(again)
    return found


def carry_key(sprint: str, story: str) -> str:
    """Names that a story was carried over from a sprint."""
    return f"carried#{sprint}#{story}"


def part_key(sprint: str, story: str) -> str:
    """Names that a story left a sprint for the one of its next part."""
    return f"part#{sprint}#{story}"


_CAME_BY = ("story.carried_over", "story.next_part")
"""Events that say where the attempts of a story go on that came from an earlier sprint."""
