"""A story's claim: asked for, waited for, grown by what its agent needs, asked for again when it is lost."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from workflows.policies import ALWAYS, FIRST_REASK, SHORT
from workflows.story_steps import CLAIM_LOST, StorySteps
from workflows.waiting import wait_to_be_told

with workflow.unsafe.imports_passed_through():
    from activities.claims import ClaimActivities
    from paceline.contracts import (
        ClaimGranted,
        ClaimLost,
        ClaimReply,
        ClaimStep,
        GrowStep,
        StoryRoute,
        StoryStep,
        WorkReport,
    )
    from paceline.domain.questions import Answer, Decision, QuestionKind
    from paceline.domain.states import StoryState

REFUSALS = {QuestionKind.CONFIRM_FOREIGN_EDIT: "FOREIGN_FILE", QuestionKind.CONFIRM_GROWTH: "GROWTH_REFUSED"}
"""How a story ends to which a person refuses what it needs."""


class Ended(Exception):
    """The story reached a final state that is not success; carries what to record."""

    def __init__(self, state: StoryState, code: str, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.code = code
        self.reason = reason


class Claiming(StorySteps):
    """How a story comes by its claim, and what it does when it needs more or has lost it."""

    async def _claim(self) -> StoryRoute:
        """Ask for everything at once; then wait for the signal, and ask again now and then to be sure."""
        reask = FIRST_REASK
        while True:
            if self._is_held() and await self._stand_still():
                return await self._resume_claim()
            reply = await workflow.execute_local_activity_method(
                ClaimActivities.claim_story,
                ClaimStep(**self._step(), weight=self._in.weight, approved_by=self._in.foreign_approved_by),
                start_to_close_timeout=SHORT,
                retry_policy=ALWAYS,
            )
            self._work_queue = reply.route.task_queue
            if reply.asks or reply.refused:
                self._in.foreign_approved_by = await self._arbitrated(reply)
                continue
            if self._granted(reply.fence if reply.granted else None):
                return reply.route
            reask = await self._wait_in_line(reply, reask)
            # A first grant is final, and who granted it has written it down: no need to ask again.
            if self._granted(self._told):
                return reply.route

    async def _resume_claim(self) -> StoryRoute:
        """Get back what was given back while a person was asked, or to end a circle of waiters."""
        reask = FIRST_REASK
        while True:
            if self._is_held():
                await self._stand_still()
            self._told = None
            reply = await workflow.execute_local_activity_method(
                ClaimActivities.resume_claim,
                StoryStep(**self._step()),
                start_to_close_timeout=SHORT,
                retry_policy=ALWAYS,
            )
            self._work_queue = reply.route.task_queue
            if self._granted(reply.fence if reply.granted else None):
                return reply.route
            reask = await self._wait_in_line(reply, reask)

    async def _next_attempt(self, answer: Answer) -> None:
        if answer.text:
            self._in.amendments.append(answer.text)
        self._in.attempt += 1
        await self._resume_claim()

    async def _regain(self, route: StoryRoute, report: WorkReport) -> None:
        """The agent needs more files, or the claim was lost: neither is a failure of the agent.

        Its work is preserved before anybody else may have the files, and its next attempt starts from it.
        """
        await self._end_attempt(route, report.code, report.reason)
        self._in.extra_attempts += 1
        self._in.attempt += 1
        if report.claim_lost:
            self._in.claims_lost += 1
            self._fence = 0
            await self._resume_claim()
        else:
            await self._grow(report)

    async def _grow(self, report: WorkReport) -> None:
        approved_by = ""
        while True:
            self._told = None
            reply = await workflow.execute_local_activity_method(
                ClaimActivities.grow_claim,
                GrowStep(
                    **self._step(), fence=self._fence, files=report.needs_files, approved_by=approved_by
                ),
                start_to_close_timeout=SHORT,
                retry_policy=ALWAYS,
            )
            if reply.asks or reply.refused:
                approved_by = await self._arbitrated(reply)
                continue
            if not self._granted(reply.fence if reply.granted else None):
                await self._wait_in_line(reply, FIRST_REASK)
                await self._resume_claim()
            return

    async def _arbitrated(self, reply: ClaimReply) -> str:
        """Who said that the story may have what the rule does not simply allow.

        Raises:
            Ended: the rule or a person refuses it.
        """
        if reply.asks is None:
            raise Ended(StoryState.FAILED, reply.refused, reply.reason)
        text = f"{self._in.story} ({self._in.title}): {reply.reason} May it?"
        answer = await self._ask(reply.asks, text[:20_000], {"reason": reply.reason})
        if answer.decision is Decision.REJECT:
            reason = f"{answer.actor} refused: {answer.text or reply.reason}"
            raise Ended(StoryState.FAILED, REFUSALS[reply.asks], reason)
        if answer.text:
            self._in.amendments.append(answer.text)
        return answer.actor

    def _granted(self, fence: int | None) -> bool:
        if fence is None:
            return False
        self._fence = fence
        self._show(StoryState.WORKING, f"Attempt {self._in.attempt} by {self._in.agent}.")
        return True

    async def _wait_in_line(self, reply: ClaimReply, reask: timedelta) -> timedelta:
        self._stop_if_cancelled()
        waits_for = "\n".join(f"- {text}" for text in reply.waits_for)
        self._show(StoryState.CLAIMING, f"Waits in line for:\n\n{waits_for}")
        return await wait_to_be_told(lambda: self._told is not None or self._is_held(), reask)

    def _is_held(self) -> bool:
        """Whether the story is to stand still before its next step."""
        raise NotImplementedError

    async def _stand_still(self) -> bool:
        """Wait until nothing holds it; returns whether it has a claim or waits for one."""
        raise NotImplementedError

    @workflow.signal(name="claim-granted")
    def claim_granted(self, granted: ClaimGranted) -> None:
        """Someone's release granted this story's claim."""
        self._told = granted.fence

    @workflow.signal(name="claim-lost")
    def claim_lost(self, lost: ClaimLost) -> None:
        """The claim gave back everything to end a circle of waiters, or a restored database forgot it."""
        self._lost = lost.fence
        if lost.fence == self._fence and self._agent_works is not None:
            self._agent_works.cancel(CLAIM_LOST)

    @workflow.query(name="fence")
    def fence(self) -> int | None:
        """The number that the story works under; None before its first grant."""
        return self._fence or None
