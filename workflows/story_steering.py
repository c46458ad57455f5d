"""A story that people steer: where it stands still, what stops it, and how it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutError, is_cancelled_exception

from workflows.claiming import Claiming
from workflows.policies import ALWAYS, GONE, SHORT
from workflows.steering import ELSEWHERE, Steerable, refused

with workflow.unsafe.imports_passed_through():
    from activities.steering import SteeringActivities
    from paceline.contracts import WORK_TASK_QUEUE, LandReport, StoryInput, StoryRoute, WorkReport
    from paceline.domain.proof import Advice
    from paceline.domain.states import FINAL_STATES, StoryState
    from paceline.domain.steering import ENDS, Standing, Steer, SteerAction, SteerScope, why
    from paceline.domain.steering_steps import PauseStep, SteerRecorded

_NEXT = {
    SteerAction.RETRY: ("RETRIED", "asked for another attempt"),
    SteerAction.REASSIGN: ("REASSIGNED", "gave the story to another agent"),
    SteerAction.PAUSE: ("PAUSED", "paused the story"),
}
"""How an attempt is recorded that a person ended."""


@dataclass
class Turn:
    """What a person's action makes of the story: its end, or another attempt where `state` is None."""

    state: StoryState | None
    code: str
    reason: str


class EndedByPerson(Exception):
    """A person ended the story; its work is to be preserved and its claim given back."""

    def __init__(self, turn: Turn, state: StoryState) -> None:
        super().__init__(turn.reason)
        self.turn = turn
        self.state = state


class SteeredStory(Steerable, Claiming):
    """Follows its course until a person turns it; each step boundary is a place to stand still."""

    def __init__(self, start: StoryInput) -> None:
        Claiming.__init__(self, start)
        Steerable.__init__(self)
        self._turn: Turn | None = None
        self._course: asyncio.Task[None] | None = None

    async def _carry_out(self) -> None:
        raise NotImplementedError

    async def _follow_course(self) -> None:
        """Carry the story out; a turn stops what it does, and it goes on another way.

        Raises:
            EndedByPerson: a person said that it ends here.
        """
        turn: Turn | None = None
        while True:
            self._course = asyncio.create_task(self._course_from(turn))
            try:
                await self._course
                return
            except BaseException as error:
                if self._turn is None or self._is_cancelled() or not is_cancelled_exception(error):
                    raise
            turn, self._turn = self._turn, None
            # What it asked is withdrawn.
            self._open_question = self._asking = None
            if turn.state is not None:
                # Its event comes before that of the end which it causes.
                async with self._steering:
                    raise EndedByPerson(turn, turn.state)

    async def _course_from(self, turn: Turn | None) -> None:
        if turn is not None:
            await self._end_turned_attempt(turn)
        await self._carry_out()

    async def _end_turned_attempt(self, turn: Turn) -> None:
        if self._opened != self._in.attempt:
            return
        if self._closed != self._in.attempt:
            await self._end_attempt_anywhere(turn)
        self._in.extra_attempts += 1
        self._in.attempt += 1

    async def _end_attempt_anywhere(self, turn: Turn) -> None:
        """End it where it worked; a machine that is gone does not hold the story back."""
        try:
            elsewhere = self._work_queue != WORK_TASK_QUEUE
            await self._end_attempt_on(
                self._work_queue, turn.code, turn.reason, within=GONE if elsewhere else None
            )
        except ActivityError as error:
            if not isinstance(error.cause, TimeoutError):
                raise
            # Nobody works there any more. What is there stays there; the end is recorded here.
            self._in.failures = self._in.failures[:-1]
            await self._end_attempt_on(WORK_TASK_QUEUE, turn.code, turn.reason)

    def _is_cancelled(self) -> bool:
        return workflow.cancellation_reason() is not None

    def _stop_if_cancelled(self) -> None:
        if self._turn is not None:
            raise asyncio.CancelledError
        super()._stop_if_cancelled()

    # Boundaries ---

    async def _claim(self) -> StoryRoute:
        if self._fence:
            return await self._resume_claim()
        return await super()._claim()

    async def _work(self, route: StoryRoute) -> WorkReport:
        await self._boundary()
        return await super()._work(route)

    async def _land_step(
        self,
        route: StoryRoute,
        commit: str,
        *,
        verify_only: bool,
        confirmed_by: str = "",
        advice: Sequence[Advice] = (),
    ) -> LandReport:
        if await self._boundary():
            self._show(StoryState.VERIFYING, "Checks run on the candidate merge.")
        return await super()._land_step(
            route, commit, verify_only=verify_only, confirmed_by=confirmed_by, advice=advice
        )

    async def _boundary(self) -> bool:
        """Stand still here while something holds the story; returns whether it did."""
        if not self._is_held():
            return False
        await self._stand_still()
        await self._resume_claim()
        return True

    async def _stand_still(self) -> bool:
        """Wait until nothing holds the story; holds no thread, no slot, and its files.

        Returns:
            Whether it has a claim, or waits for one.
        """
        self._in.pauses += 1
        claimed = False
        while self._is_held():
            self._stop_if_cancelled()
            self._told = None
            reply = await workflow.execute_local_activity_method(
                SteeringActivities.pause_story,
                PauseStep(**self._step(), number=self._in.pauses, held_by=self._in.paused),
                start_to_close_timeout=SHORT,
                retry_policy=ALWAYS,
                summary="stand still",
            )
            claimed = reply.claimed
            held_by = ", ".join(scope.value for scope in self._in.paused)
            self._show(StoryState.PAUSED, f"Paused: {held_by or 'no more'}.")
            # A grant that comes meanwhile is of no use yet: its slots are given back at once.
            await workflow.wait_condition(lambda: self._told is not None or not self._is_held())
            self._fence = self._told or self._fence
        return claimed

    # Steering ---

    def _scope(self) -> SteerScope:
        return SteerScope.STORY

    def _steered(self) -> StoryInput:
        return self._in

    def _standing(self, steer: Steer) -> Standing:
        over = self._in.ending is not None or self._is_cancelled() or self._settling
        if over or self._state in FINAL_STATES:
            raise refused(f"{self._in.story} is just ending; ask again in a moment.", ELSEWHERE)
        return Standing(
            scope=SteerScope.STORY,
            name=self._in.story,
            state=self._state,
            paused=bool(self._own()),
            held_by=self._above(),
        )

    def _target(self, steer: Steer) -> dict[str, Any]:
        start = self._in
        return {
            "scope": SteerScope.STORY,
            "sprint": start.sprint,
            "epic": start.epic,
            "story": start.story,
        }

    async def _do(self, steer: Steer, effect: str) -> SteerRecorded:
        action = steer.action
        if action in ENDS:
            state, code = ENDS[action]
            self._in.ending = steer
            self._interrupt(Turn(state, code, why(steer)))
            return await self._record(steer, effect)
        if action in (SteerAction.REASSIGN, SteerAction.REPRIORITISE):
            return await self._change(steer, effect)
        works = self._state is StoryState.WORKING
        if action in (SteerAction.PAUSE, SteerAction.RESUME):
            self._hold(action)
        if action is SteerAction.RETRY or (action is SteerAction.PAUSE and steer.now and works):
            self._next(steer)
        return await self._record(steer, effect)

    async def _change(self, steer: Steer, effect: str) -> SteerRecorded:
        recorded = await self._record(steer, effect)
        self._in.weight = recorded.weight
        if steer.action is SteerAction.REASSIGN:
            self._in.agent = recorded.agent
            self._next(steer)
        try:
            epic = workflow.get_external_workflow_handle(self._in.parent)
            await epic.signal("revised", recorded.revision)
        except ApplicationError:
            workflow.logger.warning("epic %s is closed and was not told of a change", self._in.parent)
        return recorded

    def _next(self, steer: Steer) -> None:
        code, did = _NEXT[steer.action]
        self._interrupt(Turn(None, code, f"{steer.actor} {did}: {steer.reason}".rstrip(": ")))

    def _interrupt(self, turn: Turn) -> None:
        if self._course is not None and not self._course.done() and not self._settling:
            self._turn = turn
            self._course.cancel()
