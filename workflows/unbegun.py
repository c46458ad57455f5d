"""What people do to sprints that have not begun: the run's workflow takes it, and hands it on then."""

from __future__ import annotations

from typing import Any

from temporalio import workflow

from workflows.policies import ALWAYS, SHORT
from workflows.steering import ELSEWHERE, Steerable, refused

with workflow.unsafe.imports_passed_through():
    from activities.status import StatusActivities
    from activities.steering import SteeringActivities
    from paceline.contracts import ProjectInput, SprintResult, SprintStep
    from paceline.domain.states import StoryState
    from paceline.domain.steering import (
        ENDS,
        PartState,
        Standing,
        Steer,
        SteerAction,
        SteerScope,
        missing,
    )
    from paceline.domain.steering_steps import EndStep, SteerRecorded, SteerStep, Unbegun
    from paceline.domain.texts import called


class UnbegunSprints(Steerable):
    """The part of a run's workflow that takes actions on sprints whose turn has not come."""

    _in: ProjectInput
    _begun: str = ""
    """The sprint that began last."""
    _changing: str = ""
    """The sprint of which a person changes something just now; it does not begin meanwhile."""

    def _left_out(self, sprint: str) -> bool:
        """Whether a person ended it before it began."""
        return self._before(sprint).ending is not None

    def _before(self, sprint: str) -> Unbegun:
        return self._in.unbegun.get(sprint) or Unbegun()

    async def _undisturbed(self, sprint: str) -> None:
        """Wait until nobody changes something of the sprint just now."""
        if self._changing == sprint:
            await workflow.wait_condition(lambda: self._changing != sprint)

    def _take_over(self, sprint: str) -> Unbegun:
        """The sprint begins: from now on its own workflow is asked."""
        self._begun = sprint
        return self._in.unbegun.pop(sprint, Unbegun())

    async def _leave_out(self, sprint: str) -> SprintResult:
        """End what a person left out, also stories that came into it since, and count them."""
        steer = self._before(sprint).ending
        if steer is not None:
            await workflow.execute_activity_method(
                SteeringActivities.end_stories,
                EndStep(
                    project=self._in.project,
                    revision=self._in.revision,
                    steer=steer,
                    sprint=sprint,
                    stories=[],
                    withdraw=True,
                ),
                start_to_close_timeout=SHORT,
                retry_policy=ALWAYS,
                summary=f"{sprint} does not begin"[:200],
            )
        self._in.unbegun.pop(sprint, None)
        return await workflow.execute_activity_method(
            StatusActivities.count_stories,
            SprintStep(project=self._in.project, revision=self._in.revision, sprint=sprint),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary="count where the stories ended",
        )

    # Where it stands ---

    def _check(self, steer: Steer) -> str:
        if not (steer.sprint and steer.story and steer.action is SteerAction.RETRY):
            return super()._check(steer)
        # Only the story's status says whether it has ended; who records the action looks there.
        self._standing(steer)
        reason = missing(steer)
        if reason:
            raise refused(reason)
        return "It starts again when its sprint begins."

    def _standing_unbegun(self, steer: Steer) -> Standing:
        name = _name(steer)
        if steer.sprint in self._in.done_sprints:
            raise refused(_over(name, steer))
        if steer.sprint == self._begun:
            raise refused(_closed(name, steer), ELSEWHERE)
        before, scope = self._before(steer.sprint), _scope_of(steer)
        state: PartState | StoryState = PartState.PENDING
        if before.ending is not None or (steer.epic in before.ended_epics and not steer.story):
            state = PartState.ENDED
        if scope is SteerScope.STORY:
            if before.ending is not None:
                raise refused(f"{steer.sprint} was ended before it began, and {steer.story} with it.")
            state = StoryState.PENDING
        return Standing(
            scope=scope,
            name=name,
            state=state,
            paused=_is_paused(steer, before),
            held_by=tuple(self._holding(steer, before)),
        )

    def _holding(self, steer: Steer, before: Unbegun) -> list[SteerScope]:
        """What holds the target from above."""
        above = [
            (bool(steer.story) and steer.epic in before.epics, SteerScope.EPIC),
            (bool(steer.epic) and before.paused, SteerScope.SPRINT),
        ]
        return [*(scope for holds, scope in above if holds), *self._in.paused]

    def _target_unbegun(self, steer: Steer) -> dict[str, Any]:
        return {
            "scope": _scope_of(steer),
            "sprint": steer.sprint,
            "epic": steer.epic,
            "story": steer.story,
            "started": False,
            "unbegun": True,
        }

    # What is done ---

    async def _do_unbegun(self, steer: Steer, effect: str) -> SteerRecorded:
        self._changing = steer.sprint
        try:
            recorded = await self._record(steer, effect)
            self._in.unbegun[steer.sprint] = _after(steer, self._before(steer.sprint))
        finally:
            self._changing = ""
        return recorded

    def _steer_step(self, steer: Steer, effect: str) -> SteerStep:
        step = super()._steer_step(steer, effect)
        if not steer.sprint:
            return step
        return step.model_copy(update={"held_by": self._holding(steer, self._before(steer.sprint))})


def _scope_of(steer: Steer) -> SteerScope:
    if steer.story:
        return SteerScope.STORY
    return SteerScope.EPIC if steer.epic else SteerScope.SPRINT


def _name(steer: Steer) -> str:
    scope = _scope_of(steer)
    if scope is SteerScope.STORY:
        return steer.story
    return called("Epic", steer.epic) if scope is SteerScope.EPIC else called("Sprint", steer.sprint)


def _is_paused(steer: Steer, before: Unbegun) -> bool:
    if steer.story:
        return steer.story in before.stories
    return steer.epic in before.epics if steer.epic else before.paused


def _after(steer: Steer, before: Unbegun) -> Unbegun:
    """What is known of the sprint once the action is done."""
    after = before.model_copy(deep=True)
    if steer.action in (SteerAction.PAUSE, SteerAction.RESUME):
        paused = steer.action is SteerAction.PAUSE
        if not steer.epic:
            after.paused = paused
        else:
            one, held = (steer.story, after.stories) if steer.story else (steer.epic, after.epics)
            held[:] = [each for each in held if each != one] + ([one] if paused else [])
    elif steer.action in ENDS and steer.story:
        after.stories = [each for each in after.stories if each != steer.story]
    elif steer.action in ENDS and steer.epic:
        after.ended_epics.append(steer.epic)
    elif steer.action in ENDS:
        after.ending = steer
    return after


def _over(name: str, steer: Steer) -> str:
    if not steer.epic:
        return f"{name} has ended; `paceline status` shows how its stories ended."
    return (
        f"{name} is in {steer.sprint}, which has ended. Stories of it that did not succeed go on in the next "
        "sprint where they were carried over; otherwise start the plan again with `--rerun`."
    )


def _closed(name: str, steer: Steer) -> str:
    if not steer.epic:
        return f"{name} is just beginning or ending; ask again in a moment."
    epic = "It" if not steer.story else f"Its epic {steer.epic}"
    return (
        f"{name} does not run now. {epic} is just beginning, or has ended in {steer.sprint}: what did not "
        "succeed there can be carried over when the sprint ends, or be done by starting the plan again with "
        "`--rerun`."
    )
