"""How a workflow hears what people want of it: one validated Update, and the same as a Signal.

What is allowed, what it does and why it is refused is `paceline.domain.steering`; each workflow says here
where it stands and how it does it. The first action of an id is done; a second is told what the first did.
"""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from workflows.failures import sentence_of
from workflows.policies import ALWAYS, SHORT

with workflow.unsafe.imports_passed_through():
    from activities.steering import SteeringActivities
    from paceline.domain import ids
    from paceline.domain.steering import ENDS, Standing, Steer, SteerAction, SteerReceipt, SteerScope
    from paceline.domain.steering import effect as effect_of
    from paceline.domain.steering import refusal as refusal_of
    from paceline.domain.steering_steps import FromAbove, SteeredInput, SteerRecorded, SteerStep

RECEIPTS_KEPT = 50
REFUSED = "CONFLICT"
"""Type of a refusal by the rules."""
ELSEWHERE = "ELSEWHERE"
"""Type of a refusal because another workflow is to be asked about the story now."""


def refused(reason: str, type: str = REFUSED) -> ApplicationError:
    """What a validator raises."""
    return ApplicationError(reason, type=type, non_retryable=True)


def passed_on(steer: Steer, child: str) -> Steer:
    """The action as it is sent to a child, under an id that stays the same."""
    return steer.model_copy(update={"id": f"{steer.id[:80]}/{ids.short_digest(child)}", "passed_on": True})


class Steerable:
    """Takes one action at a time, writes it down, and does it."""

    def __init__(self) -> None:
        self._steering = asyncio.Lock()

    # What each workflow says of itself ---

    def _steered(self) -> SteeredInput:
        """Its state that is carried through continue-as-new."""
        raise NotImplementedError

    def _standing(self, steer: Steer) -> Standing:
        """Where the target of an action stands.

        Raises:
            ApplicationError: another workflow is to be asked.
        """
        raise NotImplementedError

    def _target(self, steer: Steer) -> dict[str, Any]:
        """Scope, sprint, epic and story of the target."""
        raise NotImplementedError

    async def _do(self, steer: Steer, effect: str) -> SteerRecorded:
        """Do it and have it recorded."""
        raise NotImplementedError

    async def _tell_children(self) -> None:
        """Let the workflows below know what holds them, and the newest change."""

    # Hearing ---

    @workflow.update(name="steer")
    async def steer(self, steer: Steer) -> SteerReceipt:
        """Do what a person asks; an id that is known gets the receipt of the first."""
        async with self._steering:
            return await self._take_action(steer)

    @steer.validator
    def _check_steer(self, steer: Steer) -> None:
        if self._receipt(steer) is None and not self._is_too_early(steer):
            self._check(steer)

    @workflow.signal(name="steer")
    async def steer_by_signal(self, steer: Steer) -> None:
        """The same by signal; one that is refused leaves an event that says why, and changes nothing."""
        async with self._steering:
            try:
                await self._take_action(steer)
            except (ApplicationError, ActivityError) as error:
                if is_cancelled_exception(error):
                    raise
                if not steer.passed_on:
                    said = error.message if isinstance(error, ApplicationError) else sentence_of(error)
                    await self._tell_of_refusal(steer, said)

    @workflow.signal(name="held")
    async def held(self, above: FromAbove) -> None:
        """What is above was paused or resumed, or the run was changed."""
        state = self._steered()
        state.paused = [*self._own(), *above.paused]
        state.revision = max(state.revision, above.revision)
        state.amended = max(state.amended, above.amended)
        self._woken()
        async with self._steering:
            await self._tell_children()

    @workflow.signal(name="revised")
    def revised(self, revision: int) -> None:
        """A workflow below made a change of the run."""
        state = self._steered()
        state.revision = max(state.revision, revision)

    def _woken(self) -> None:
        """Look again at what may be done now."""

    # Doing ---

    async def _take_action(self, steer: Steer) -> SteerReceipt:
        known = self._receipt(steer)
        if known is not None:
            return known
        if self._is_too_early(steer):
            await workflow.wait_condition(lambda: not self._is_too_early(steer))
        effect = self._check(steer)
        recorded = await self._do(steer, effect)
        receipt = SteerReceipt(
            id=steer.id,
            accepted=True,
            action=steer.action,
            actor=steer.actor,
            effect=recorded.effect or effect,
            revision=recorded.revision,
        )
        state = self._steered()
        state.receipts = [*state.receipts, receipt][-RECEIPTS_KEPT:]
        self._woken()
        return receipt

    def _is_too_early(self, steer: Steer) -> bool:
        """Whether the action is about children that this workflow has not read yet."""
        about = steer.action in ENDS or bool(steer.story)
        return about and not self._knows_children() and workflow.cancellation_reason() is None

    def _knows_children(self) -> bool:
        return True

    def _check(self, steer: Steer) -> str:
        """What it will do.

        Raises:
            ApplicationError: it is refused.
        """
        standing = self._standing(steer)
        reason = refusal_of(steer, standing)
        if reason:
            raise refused(reason)
        return effect_of(steer, standing)

    def _receipt(self, steer: Steer) -> SteerReceipt | None:
        for receipt in self._steered().receipts:
            if receipt.id == steer.id:
                same = (receipt.action, receipt.actor) == (steer.action, steer.actor)
                return receipt.model_copy(update={"accepted": same})
        return None

    async def _record(self, steer: Steer, effect: str) -> SteerRecorded:
        """Write the action down; of one for all children only what it does to them is written.

        Raises:
            ApplicationError: it cannot be done after all, and nothing was changed.
        """
        if steer.passed_on:
            return SteerRecorded()
        recorded = await workflow.execute_local_activity_method(
            SteeringActivities.record_steer,
            self._steer_step(steer, effect),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"{steer.action.value} by {steer.actor}"[:200],
        )
        if recorded.refused:
            raise refused(recorded.refused)
        state = self._steered()
        state.revision = max(state.revision, recorded.revision)
        return recorded

    def _steer_step(self, steer: Steer, effect: str) -> SteerStep:
        state = self._steered()
        return SteerStep(
            project=state.project,
            revision=state.revision,
            steer=steer,
            **self._target(steer),
            workflow=workflow.info().workflow_id,
            effect=effect,
            held_by=state.paused,
        )

    async def _tell_of_refusal(self, steer: Steer, reason: str) -> None:
        await workflow.execute_local_activity_method(
            SteeringActivities.refuse_steer,
            self._steer_step(steer, reason),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"{steer.action.value} by {steer.actor} was refused"[:200],
        )

    # Pauses ---

    def _scope(self) -> SteerScope:
        """What this workflow is."""
        raise NotImplementedError

    def _own(self) -> list[SteerScope]:
        return [scope for scope in self._steered().paused if scope is self._scope()]

    def _above(self) -> tuple[SteerScope, ...]:
        return tuple(scope for scope in self._steered().paused if scope is not self._scope())

    def _hold(self, action: SteerAction) -> None:
        """Pause or resume this workflow itself."""
        own = [self._scope()] if action is SteerAction.PAUSE else []
        self._steered().paused = [*own, *self._above()]

    def _is_held(self) -> bool:
        return bool(self._steered().paused)

    def _from_above(self) -> FromAbove:
        state = self._steered()
        return FromAbove(paused=state.paused, revision=state.revision, amended=state.amended)
