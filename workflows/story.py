"""One story: claim, work, verify, merge, release, report. See DESIGN.md for the promises it keeps."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, TypedDict

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from workflows.answers import Answerable
from workflows.policies import (
    AGENT_MARGIN,
    ALWAYS,
    FIRST_REASK,
    GIT,
    HEARTBEAT,
    LONGEST_REASK,
    LONGEST_RETRY_PAUSE,
    RETRY_PAUSE,
    SHORT,
)

with workflow.unsafe.imports_passed_through():
    from activities.attempts import AttemptActivities
    from activities.claims import ClaimActivities
    from activities.landing import LandingActivities
    from activities.people import PeopleActivities
    from activities.work import WorkActivities
    from paceline import search_attributes
    from paceline.contracts import (
        WORK_TASK_QUEUE,
        AnsweredStep,
        AskStep,
        ClaimGranted,
        ClaimReply,
        ClaimStep,
        EndAttemptStep,
        FailedAttempt,
        LandReport,
        LandStep,
        SettledBatch,
        SettleReply,
        SettleStep,
        StoryInput,
        StoryResult,
        StoryRoute,
        StorySettled,
        StoryStep,
        WorkReport,
        WorkStep,
    )
    from paceline.domain.questions import Answer, Decision, QuestionKind
    from paceline.domain.states import StoryState
    from paceline.domain.work import WorkOutcome


NOT_THE_AGENTS = ("REPOSITORY", "REPOSITORY_MISSING", "BRANCH_CHECKED_OUT")
"""Why a landing failed, where no other attempt of an agent could do better."""


class _Names(TypedDict):
    """The fields every step of a story shares."""

    project: str
    sprint: str
    epic: str
    story: str
    attempt: int


class _Ended(Exception):
    """The story reached a final state that is not success; carries what to record."""

    def __init__(self, state: StoryState, code: str, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.code = code
        self.reason = reason


@workflow.defn(name="story")
class StoryWorkflow(Answerable):
    """Carries one story to a merge, or to a stated end."""

    @workflow.init
    def __init__(self, start: StoryInput) -> None:
        super().__init__()
        self._in = start
        self._fence = 0
        self._told: int | None = None
        self._state = StoryState.CLAIMING
        # The epic starts a story as working: most get their claim at once, and each change of it costs.
        self._indexed: StoryState = StoryState.WORKING
        self._indexed_attempt = start.attempt
        self._merge_commit: str | None = None
        self._summary = ""

    @workflow.run
    async def run(self, start: StoryInput) -> StoryResult:
        """Do the story and settle it, whatever happens."""
        try:
            await self._carry_out()
        except _Ended as end:
            await self._settle(end.state, end.code, end.reason)
        except (asyncio.CancelledError, Exception) as error:
            # Cancellation and unexpected failures give everything back before they go on.
            cancelled = is_cancelled_exception(error)
            state = StoryState.CANCELLED if cancelled else StoryState.FAILED
            code = "CANCELLED" if cancelled else _code_of(error)
            await self._clean_up(state, code, _sentence(error))
            # A merge that was made before the cancellation arrived stays made, and is the story's end.
            if cancelled and self._state is StoryState.CANCELLED:
                await self._tell_parent()
                raise
        await self._tell_parent()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return StoryResult(
            story=start.story,
            state=self._state,
            merge_commit=self._merge_commit,
            attempts=self._in.attempt,
        )

    # The way of a story ---

    async def _carry_out(self) -> None:
        route = await self._claim()
        while True:
            if route.kind == "human":
                await self._closed_by_person()
                return
            report = await self._work(route)
            if report.outcome is WorkOutcome.DONE:
                self._summary = report.summary
                if not route.merges:
                    await self._settle(StoryState.SETTLED)
                    return
                if await self._land(route, report):
                    await self._settle(StoryState.MERGED)
                    return
            elif report.outcome in (WorkOutcome.NEEDS_PERSON, WorkOutcome.BLOCKED):
                await self._ask_for_agent(route, report)
            else:
                await self._failed_attempt(route, report.code, report.reason)
            self._continue_if_long()

    async def _claim(self) -> StoryRoute:
        """Ask for everything at once; then wait for the signal, and ask again now and then to be sure."""
        reask = FIRST_REASK
        while True:
            reply = await workflow.execute_local_activity_method(
                ClaimActivities.claim_story,
                ClaimStep(**self._step(), weight=self._in.weight),
                start_to_close_timeout=SHORT,
                retry_policy=ALWAYS,
            )
            if self._granted(reply.fence if reply.granted else None):
                return reply.route
            reask = await self._wait_in_line(reply, reask)
            # A first grant is final, and who granted it has written it down: no need to ask again.
            if self._granted(self._told):
                return reply.route

    async def _resume_claim(self) -> None:
        """Get back the slots that were given back while a person was asked."""
        reask = FIRST_REASK
        while True:
            self._told = None
            reply = await workflow.execute_local_activity_method(
                ClaimActivities.resume_claim,
                StoryStep(**self._step()),
                start_to_close_timeout=SHORT,
                retry_policy=ALWAYS,
            )
            if self._granted(reply.fence if reply.granted else None):
                return
            reask = await self._wait_in_line(reply, reask)

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
        try:
            await workflow.wait_condition(
                lambda: self._told is not None, timeout=reask, timeout_summary="ask again for the claim"
            )
        except TimeoutError:
            return min(reask * 2, LONGEST_REASK)
        return reask

    async def _work(self, route: StoryRoute) -> WorkReport:
        self._stop_if_cancelled()
        return await workflow.execute_activity_method(
            WorkActivities.do_work,
            WorkStep(
                **self._step(),
                fence=self._fence,
                amendments=self._in.amendments,
                failures=self._in.failures,
            ),
            task_queue=route.task_queue,
            start_to_close_timeout=timedelta(seconds=route.timeout) + AGENT_MARGIN,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ALWAYS,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"{self._in.story} attempt {self._in.attempt}: {self._in.agent}"[:200],
        )

    # Verify and merge ---

    async def _land(self, route: StoryRoute, work: WorkReport) -> bool:
        """Verify on the merged result, ask where a person must approve, merge.

        Returns:
            True when merged; False when another attempt is to be made.
        """
        commit = work.commit or ""
        approved = not route.approval
        while True:
            self._show(StoryState.VERIFYING, "Checks run on the candidate merge.")
            report = await self._land_step(route, commit, verify_only=not approved)
            if report.merged:
                self._merge_commit = report.merge_commit
                return True
            if report.verified:
                approved = await self._approved(route, work, report)
            elif report.code in NOT_THE_AGENTS:
                # Not the agent's doing: its finished run is kept, and only the landing is tried again.
                await self._ask_about_repository(route, report.code, report.reason)
            else:
                await self._failed_attempt(route, report.code, report.reason)
                return False
            if not approved and report.verified:
                return False

    async def _land_step(self, route: StoryRoute, commit: str, *, verify_only: bool) -> LandReport:
        self._stop_if_cancelled()
        return await workflow.execute_activity_method(
            LandingActivities.land_story,
            LandStep(**self._step(), fence=self._fence, commit=commit, verify_only=verify_only),
            task_queue=route.task_queue,
            start_to_close_timeout=GIT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ALWAYS,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"{self._in.story}: {'verify' if verify_only else 'verify and merge'}"[:200],
        )

    async def _approved(self, route: StoryRoute, work: WorkReport, report: LandReport) -> bool:
        answer = await self._ask(
            QuestionKind.APPROVE_MERGE,
            f"{self._in.story} ({self._in.title}) is done and its checks pass. Merge it?",
            {
                "commit": work.commit or "",
                "summary": work.summary,
                "diff_summary": report.diff_summary,
                "diff": report.diff or "",
                "evidence": report.evidence or "",
            },
        )
        if answer.decision is Decision.APPROVE:
            return True
        if answer.decision is Decision.REJECT:
            reason = f"{answer.actor} rejected the merge: {answer.text}".rstrip(": ")
            await self._end_attempt(route, "REJECTED", reason)
            raise _Ended(StoryState.FAILED, "REJECTED", reason)
        await self._end_attempt(route, "AMENDED", f"{answer.actor} asked for a change: {answer.text}")
        await self._next_attempt(answer)
        return False

    async def _ask_about_repository(self, route: StoryRoute, code: str, reason: str) -> None:
        answer = await self._ask(
            QuestionKind.LANDING_BLOCKED,
            f"The finished work of {self._in.story} ({self._in.title}) cannot be merged: {reason} Try again?",
            {"code": code, "reason": reason},
        )
        if answer.decision is Decision.REJECT:
            await self._end_attempt(route, code, reason)
            raise _Ended(StoryState.FAILED, code, reason)

    # Failures and people ---

    async def _failed_attempt(self, route: StoryRoute, code: str, reason: str) -> None:
        """Preserve the attempt; try again while the limit allows, then ask a person."""
        await self._end_attempt(route, code, reason)
        if self._in.attempt < route.max_attempts + self._in.extra_attempts:
            pause = RETRY_PAUSE * (2 ** min(self._in.attempt - 1, 10))
            await workflow.sleep(
                min(pause, LONGEST_RETRY_PAUSE), summary=f"before attempt {self._in.attempt + 1}"
            )
            self._in.attempt += 1
            self._show(StoryState.WORKING, f"Attempt {self._in.attempt} after {code}.")
            return
        answer = await self._ask(
            QuestionKind.TAKE_OVER,
            f"{self._in.story} ({self._in.title}) failed {self._in.attempt} times; "
            f"the last time: {reason} What now?",
            {"code": code, "reason": reason},
        )
        if answer.decision is Decision.REJECT:
            raise _Ended(StoryState.FAILED, code, reason)
        self._in.extra_attempts = self._in.attempt + 1 - route.max_attempts
        await self._next_attempt(answer)

    async def _ask_for_agent(self, route: StoryRoute, report: WorkReport) -> None:
        """The agent asked or is blocked: its words go to a person, the answer to its next attempt."""
        text = report.question or report.summary or "The agent needs a person and does not say why."
        await self._end_attempt(route, report.outcome.name, text[:2000])
        answer = await self._ask(
            QuestionKind.ANSWER_AGENT,
            f"The agent of {self._in.story} ({self._in.title}) asks: {text}"[:20_000],
            {"summary": report.summary},
        )
        if answer.decision is Decision.REJECT:
            raise _Ended(StoryState.FAILED, "REJECTED", f"{answer.actor} ended the story: {answer.text}")
        self._in.extra_attempts += 1
        await self._next_attempt(answer)

    async def _next_attempt(self, answer: Answer) -> None:
        if answer.text:
            self._in.amendments.append(answer.text)
        self._in.attempt += 1
        await self._resume_claim()

    async def _closed_by_person(self) -> None:
        answer = await self._ask(
            QuestionKind.HUMAN_STORY,
            f"{self._in.story} ({self._in.title}) is yours to do. Is it done?",
            {},
        )
        self._summary = answer.text[:2000]
        if answer.decision is Decision.REJECT:
            raise _Ended(StoryState.FAILED, "REJECTED", f"{answer.actor} will not do it: {answer.text}")
        await self._settle(StoryState.SETTLED)

    async def _ask(self, kind: QuestionKind, text: str, context: dict[str, str]) -> Answer:
        self._in.questions_asked += 1
        step = AskStep(**self._step(), number=self._in.questions_asked, kind=kind, text=text, context=context)
        opened = await workflow.execute_local_activity_method(
            PeopleActivities.ask_person,
            step,
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"ask a person: {kind.value}",
        )
        self._stop_if_cancelled()
        self._show(StoryState.WAITING_FOR_PERSON, f"**{opened.question}**\n\n{text}")
        answer = await self._await_answer(opened.question)
        await workflow.execute_local_activity_method(
            PeopleActivities.record_answer,
            AnsweredStep(**self._step(), answer=answer, kind=kind),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"answered by {answer.actor}"[:200],
        )
        return answer

    # Ends ---

    async def _end_attempt(self, route: StoryRoute, code: str, reason: str) -> None:
        failure = FailedAttempt(attempt=self._in.attempt, code=code, reason=reason[:500])
        self._in.failures = [*self._in.failures, failure][-10:]
        await workflow.execute_activity_method(
            AttemptActivities.end_attempt,
            EndAttemptStep(**self._step(), code=code, reason=reason[:2000]),
            task_queue=route.task_queue,
            start_to_close_timeout=GIT,
            retry_policy=ALWAYS,
            summary=f"preserve attempt {self._in.attempt}: {code}"[:200],
        )

    async def _clean_up(self, state: StoryState, code: str, reason: str) -> None:
        """The way out of a story that was cancelled or broke: preserve first, then release."""
        try:
            await workflow.execute_activity_method(
                AttemptActivities.end_attempt,
                EndAttemptStep(**self._step(), code=code, reason=reason[:2000]),
                task_queue=WORK_TASK_QUEUE,
                start_to_close_timeout=GIT,
                schedule_to_close_timeout=GIT,
                summary="preserve before the end",
            )
        except ActivityError as error:
            # The worktree stays where it is; nobody else has to wait for what this story holds.
            reason = f"{reason} Its worktree could not be preserved and was left: {_sentence(error)}"
        await self._settle(state, code, reason)

    async def _settle(self, state: StoryState, code: str = "", reason: str = "") -> None:
        step = SettleStep(
            **self._step(),
            state=state,
            code=code,
            reason=reason[:2000],
            summary=self._summary,
            merge_commit=self._merge_commit,
            attempts=self._in.attempt,
        )
        try:
            reply = await self._settle_step(step)
        except (asyncio.CancelledError, ActivityError) as error:
            if not is_cancelled_exception(error):
                raise
            # What ended before the cancellation came is recorded as it ended; a workflow is cancelled once.
            reply = await self._settle_step(step)
        self._merge_commit = reply.merge_commit or self._merge_commit
        self._show(reply.state or state, reason or self._summary)

    async def _settle_step(self, step: SettleStep) -> SettleReply:
        return await workflow.execute_local_activity_method(
            ClaimActivities.settle_story, step, start_to_close_timeout=SHORT, retry_policy=ALWAYS
        )

    async def _tell_parent(self) -> None:
        """Only after the epic continued as new: its new run cannot await this one."""
        if not self._in.settle_by_signal:
            return
        settled = StorySettled(story=self._in.story, state=self._state, notify=self._in.notify)
        epic = workflow.get_external_workflow_handle(self._in.parent)
        try:
            await epic.signal("stories-settled", SettledBatch(stories=[settled]))
        except ApplicationError:
            workflow.logger.warning("epic %s is closed and was not told", self._in.parent)

    # Small things ---

    def _step(self) -> _Names:
        start = self._in
        return {
            "project": start.project,
            "sprint": start.sprint,
            "epic": start.epic,
            "story": start.story,
            "attempt": start.attempt,
        }

    def _show(self, state: StoryState, details: str) -> None:
        """Make Temporal's UI say what is going on; a state that is only passed through is not indexed."""
        if state not in (self._indexed, StoryState.VERIFYING, StoryState.MERGING):
            updates: list[SearchAttributeUpdate[Any]] = [search_attributes.STATE.value_set(state.value)]
            if self._in.attempt != self._indexed_attempt:
                updates.append(search_attributes.ATTEMPT.value_set(self._in.attempt))
            workflow.upsert_search_attributes(updates)  # pyright: ignore[reportUnknownMemberType] - open generic
            self._indexed = state
            self._indexed_attempt = self._in.attempt
        self._state = state
        workflow.set_current_details(f"### {state.value.replace('_', ' ')}\n\n{details}"[:8000])

    def _stop_if_cancelled(self) -> None:
        """An activity that ends well although its cancellation was asked for would swallow it."""
        if workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError

    def _continue_if_long(self) -> None:
        """Between attempts a long history is left behind; the claim and its fence stay."""
        if workflow.info().get_current_history_length() > self._in.history_limit:
            workflow.continue_as_new(self._in)

    @workflow.signal(name="claim-granted")
    def claim_granted(self, granted: ClaimGranted) -> None:
        """Someone's release granted this story's claim."""
        self._told = granted.fence

    @workflow.signal(name="settle-by-signal")
    def settle_by_signal(self) -> None:
        """The epic continued as new: tell it at the end."""
        self._in.settle_by_signal = True

    @workflow.query(name="state")
    def state(self) -> str:
        """Where the story stands."""
        return self._state.value


def _code_of(error: BaseException) -> str:
    cause = error.cause if isinstance(error, ActivityError) else error
    return (cause.type if isinstance(cause, ApplicationError) else None) or "PACELINE"


def _sentence(error: BaseException) -> str:
    cause = error.cause if isinstance(error, ActivityError) and error.cause else error
    return str(cause)[:2000] or type(cause).__name__
