"""One rollback: find out what it changes, ask, claim the paths, move the branch once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.answers import Answerable
from workflows.failures import code_of, sentence_of
from workflows.policies import ALWAYS, FIRST_REASK, HEARTBEAT, SHORT
from workflows.waiting import wait_to_be_told

with workflow.unsafe.imports_passed_through():
    from activities.people import PeopleActivities
    from activities.rollback import RollbackActivities
    from paceline.contracts import WORK_TASK_QUEUE, ClaimGranted, ProjectAnswered
    from paceline.domain.asking import OpenQuestion
    from paceline.domain.questions import Answer, Decision, QuestionKind
    from paceline.domain.rollback import Choice
    from paceline.domain.rollback_steps import (
        RollbackAsk,
        RollbackClaim,
        RollbackClaimReply,
        RollbackEnd,
        RollbackInput,
        RollbackMake,
        RollbackReport,
        RollbackResult,
        RollbackStep,
        RollbackSurvey,
    )

CHECKS = timedelta(hours=12)
"""Limit of one look: the checks of every story that remains, each with a limit of its own."""


class _Refused(Exception):
    """It is not made; carries what to record."""

    def __init__(self, code: str, reason: str, by: str | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.by = by


@workflow.defn(name="rollback")
class RollbackWorkflow(Answerable):
    """Carries one rollback to a move of the branch, or to a stated refusal."""

    @workflow.init
    def __init__(self, start: RollbackInput) -> None:
        super().__init__()
        self._in = start
        self._told: int | None = None
        self._asked = 0
        self._round = 0
        self._confirmed: tuple[Choice, str, str] | None = None

    @workflow.run
    async def run(self, start: RollbackInput) -> RollbackResult:
        """Roll back, and give everything back whatever happens."""
        try:
            report = await self._carry_out()
            await self._end("", "")
        except _Refused as refused:
            report = RollbackReport(code=refused.code, reason=refused.reason)
            await self._end(refused.code, refused.reason, refused.by)
        except (asyncio.CancelledError, Exception) as error:
            code = "CANCELLED" if is_cancelled_exception(error) else code_of(error)
            await self._end(code, sentence_of(error))
            raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        return RollbackResult(number=start.number, made=report.made, commit=report.commit, code=report.code)

    async def _carry_out(self) -> RollbackReport:
        while True:
            survey = await self._survey()
            if survey.code:
                raise _Refused(survey.code, survey.reason)
            choice, fingerprint, actor = await self._decide(survey)
            fence = await self._claim(choice)
            if fence is not None:
                report = await self._make(choice, fingerprint, actor, fence)
                if report.made:
                    return report
                if report.code:
                    raise _Refused(report.code, report.reason, actor)
            # What it would change is not what was confirmed any more, or the claim was lost: look again.
            await self._release()

    async def _survey(self) -> RollbackSurvey:
        self._show("Finds out what would change, and which checks would fail.")
        return await workflow.execute_activity_method(
            RollbackActivities.survey_rollback,
            self._step(),
            task_queue=WORK_TASK_QUEUE,
            start_to_close_timeout=CHECKS,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ALWAYS,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary="what it would change",
        )

    async def _decide(self, survey: RollbackSurvey) -> tuple[Choice, str, str]:
        """What was confirmed holds as long as it means the same; otherwise a person is asked."""
        if self._confirmed is not None:
            choice, fingerprint, _ = self._confirmed
            if survey.fingerprints[choice] == fingerprint:
                return self._confirmed
        if survey.confirmed_by:
            self._confirmed = ("all", survey.fingerprints["all"], survey.confirmed_by)
            return self._confirmed
        answer = await self._ask(survey)
        if answer.decision is Decision.REJECT:
            reason = f"{answer.actor} left all as it is: {answer.text}".rstrip(": ")
            raise _Refused("REJECTED", reason, answer.actor)
        choice = "all" if answer.decision is Decision.APPROVE else "named"
        self._confirmed = (choice, survey.fingerprints[choice], answer.actor)
        return self._confirmed

    async def _ask(self, survey: RollbackSurvey) -> Answer:
        self._asked += 1
        step = RollbackAsk(**self._names(), asked=self._asked, text=survey.question, context=survey.context)
        opened = await workflow.execute_local_activity_method(
            RollbackActivities.ask_about_rollback,
            step,
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
        )
        self._asking = OpenQuestion(
            question=opened.question, asked_by="rollback", step=step.model_dump(mode="json")
        )
        self._show(f"**{opened.question}**\n\n{survey.question}")
        answer = await self._await_answer(opened.question, opened.watch)
        await workflow.execute_local_activity_method(
            PeopleActivities.record_project_answer,
            ProjectAnswered(project=self._in.project, answer=answer, kind=QuestionKind.CONFIRM_ROLLBACK),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"answered by {answer.actor}"[:200],
        )
        self._asking = None
        return answer

    async def _claim(self, choice: Choice) -> int | None:
        """Wait in line for every path; None where the claim was taken away."""
        self._round += 1
        reask = FIRST_REASK
        while True:
            self._told = None
            reply = await workflow.execute_activity_method(
                RollbackActivities.claim_rollback,
                RollbackClaim(**self._names(), round=self._round, choice=choice),
                task_queue=WORK_TASK_QUEUE,
                start_to_close_timeout=SHORT,
                retry_policy=ALWAYS,
                summary="claim every path that it changes",
            )
            if reply.granted or reply.lost:
                return reply.fence
            reask = await self._wait_in_line(reply, reask)

    async def _wait_in_line(self, reply: RollbackClaimReply, reask: timedelta) -> timedelta:
        waits_for = "\n".join(f"- {text}" for text in reply.waits_for)
        self._show(f"Waits in line for:\n\n{waits_for}")
        return await wait_to_be_told(lambda: self._told is not None, reask)

    async def _make(self, choice: Choice, fingerprint: str, actor: str, fence: int) -> RollbackReport:
        self._show("Builds it on the branch's head, checks it, and moves the branch.")
        return await workflow.execute_activity_method(
            RollbackActivities.make_rollback,
            RollbackMake(
                **self._names(),
                round=self._round,
                fence=fence,
                choice=choice,
                fingerprint=fingerprint,
                decided_by=actor,
            ),
            task_queue=WORK_TASK_QUEUE,
            start_to_close_timeout=CHECKS,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ALWAYS,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary="check the result and move the branch",
        )

    async def _release(self) -> None:
        await workflow.execute_local_activity_method(
            RollbackActivities.release_rollback,
            self._step(),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
        )

    async def _end(self, code: str, reason: str, by: str | None = None) -> None:
        step = RollbackEnd(**self._names(), code=code, reason=reason[:2000], decided_by=by)
        try:
            await self._end_step(step)
        except (asyncio.CancelledError, ActivityError) as error:
            if not is_cancelled_exception(error):
                raise
            # A workflow is cancelled once; what ended before it is recorded as it ended.
            await self._end_step(step)
        self._show(reason or "The branch was moved.")

    async def _end_step(self, step: RollbackEnd) -> None:
        await workflow.execute_local_activity_method(
            RollbackActivities.end_rollback, step, start_to_close_timeout=SHORT, retry_policy=ALWAYS
        )

    def _names(self) -> dict[str, Any]:
        return {"project": self._in.project, "number": self._in.number}

    def _step(self) -> RollbackStep:
        return RollbackStep(project=self._in.project, number=self._in.number)

    def _show(self, details: str) -> None:
        workflow.set_current_details(details[:8000])

    @workflow.signal(name="claim-granted")
    def claim_granted(self, granted: ClaimGranted) -> None:
        """Someone's release granted this rollback's claim."""
        self._told = granted.fence
