"""What people do to a sprint that has not begun: decided by its stories' statuses; no workflow knows them."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from activities.context import RunContext
from paceline.domain.changes import ChangeDraft, ChangeKind
from paceline.domain.events import EventDraft, EventType
from paceline.domain.states import StoryState
from paceline.domain.steering import Standing, SteerAction, SteerScope, effect, refusal
from paceline.domain.steering_steps import Again, SteerStep
from paceline.store import events, status, steering


class Look(NamedTuple):
    """What an action will do, or why not."""

    effect: str = ""
    refused: str = ""
    known: int | None = None
    """Its revision, where it was done already."""


def look(session: Session, run: RunContext, step: SteerStep) -> Look:
    """Whether an action can be done by where its story stands; of a sprint or an epic its workflow knows.

    Args:
        session: in the write transaction of the action.
        run: the run in force.
        step: the action on a part of a sprint that has not begun.
    """
    done = events.event_of(session, step.project, f"steer#{step.steer.id}")
    if done is not None:
        return Look(effect=str(done.data["effect"]), known=int(done.data["revision"]))
    if not step.story:
        return Look(effect=step.effect)
    if step.story not in run.stories or run.sprint_of(run.story(step.story)) != step.sprint:
        return Look(refused=f"{step.story} is not in {step.sprint} any more; look at its status.")
    state = status.story_status(session, step.project, step.story).state
    # Whether it is paused its workflow has checked.
    standing = Standing(scope=SteerScope.STORY, name=step.story, state=state, paused=_resumes(step))
    return Look(refused=why) if (why := refusal(step.steer, standing)) else Look(effect(step.steer, standing))


def _resumes(step: SteerStep) -> bool:
    return step.steer.action is SteerAction.RESUME


def change(step: SteerStep, common: dict[str, Any]) -> ChangeDraft:
    """The change of the run that it is, so that its sprint looks at the statuses when it begins."""
    target = {SteerScope.STORY: step.story, SteerScope.EPIC: step.epic, SteerScope.SPRINT: step.sprint}
    return ChangeDraft(
        **common,
        kind=ChangeKind.UNBEGUN,
        target=target[step.scope],
        names=[step.sprint],
        text=step.steer.action.value,
    )


def ended(step: SteerStep) -> dict[str, Any]:
    """What an action ends."""
    return {"project": step.project, "steer": step.steer, "sprint": step.sprint, "epic": step.epic}


def reopen(session: Session, run: RunContext, step: SteerStep) -> None:
    """Let a story that was ended before it began be pending again."""
    steering.reopen_story(session, step.project, step.story)
    again = Again(round=0, attempt=0)
    reopened = EventDraft(
        key=f"{run.workflow_id(run.story(step.story))}#reopened#{step.steer.id}",
        type=EventType.WORKFLOW_EVENT,
        name="story.reopened",
        story=step.story,
        data={**again.model_dump(mode="json"), "state": StoryState.PENDING.value},
    )
    events.append_events(session, step.project, [reopened])
