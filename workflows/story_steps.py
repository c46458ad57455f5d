"""The steps of a story as one call each: every activity with its limits, and what people see meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypedDict

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from workflows.answers import Answerable
from workflows.failures import sentence_of
from workflows.policies import (
    AGENT_MARGIN,
    ALWAYS,
    GIT,
    HEARTBEAT,
    LANDING,
    SHORT,
)

with workflow.unsafe.imports_passed_through():
    from activities.attempts import AttemptActivities
    from activities.claims import ClaimActivities
    from activities.landing import LandingActivities
    from activities.people import PeopleActivities
    from activities.review import ReviewActivities
    from activities.work import WorkActivities
    from paceline import search_attributes
    from paceline.contracts import (
        WORK_TASK_QUEUE,
        AnsweredStep,
        AskReply,
        AskStep,
        EndAttemptStep,
        FailedAttempt,
        LandReport,
        LandStep,
        ReviewReport,
        ReviewStep,
        SettledBatch,
        SettleReply,
        SettleStep,
        StoryInput,
        StoryRoute,
        StorySettled,
        WorkReport,
        WorkStep,
    )
    from paceline.domain.asking import OpenQuestion
    from paceline.domain.parts import Part
    from paceline.domain.proof import Advice
    from paceline.domain.questions import Answer, Option, QuestionKind
    from paceline.domain.states import StoryState
    from paceline.domain.work import WorkOutcome


CLAIM_LOST = "CLAIM_LOST"
"""Code of an attempt or a landing whose claim was lost meanwhile; no fault of the agent's."""
LOST = "The story's claim was given to others meanwhile; it asks for all of it again."
MOST_LOST = 20
"""Claims that a story may lose before that is taken for a mistake."""


class _Names(TypedDict):
    """The fields every step of a story shares."""

    project: str
    sprint: str
    epic: str
    story: str
    attempt: int
    revision: int


class StorySteps(Answerable):
    """What a story workflow does; in which order, its subclass says."""

    def __init__(self, start: StoryInput) -> None:
        super().__init__()
        self._in = start
        self._fence: int = 0
        self._work_queue = WORK_TASK_QUEUE
        self._told: int | None = None
        self._lost = 0
        self._agent_works: workflow.ActivityHandle[WorkReport] | None = None
        self._state = StoryState.CLAIMING
        # The epic starts a story as working: most get their claim at once, and each change of it costs.
        self._indexed: StoryState = StoryState.WORKING
        self._indexed_attempt = start.attempt
        self._merge_commit: str | None = None
        self._summary = ""
        self._opened = 0
        self._closed = 0
        self._settling = False

    def _step(self) -> _Names:
        start = self._in
        return {
            "project": start.project,
            "sprint": start.sprint,
            "epic": start.epic,
            "story": start.story,
            "attempt": start.attempt,
            "revision": start.revision,
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

    async def _work(self, route: StoryRoute) -> WorkReport:
        """Let the agent work; stop it where its claim is lost meanwhile."""
        self._stop_if_cancelled()
        self._opened = self._in.attempt
        self._agent_works = workflow.start_activity_method(
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
        try:
            return await self._agent_works
        except (asyncio.CancelledError, ActivityError) as error:
            self._stop_if_cancelled()
            if not self._lost_claim(error):
                raise
            return WorkReport(outcome=WorkOutcome.BLOCKED, code=CLAIM_LOST, reason=LOST, claim_lost=True)
        finally:
            self._agent_works = None

    def _lost_claim(self, error: BaseException) -> bool:
        """Whether an activity ended because the story holds its claim no more, and may ask for it again."""
        if is_cancelled_exception(error):
            return self._lost == self._fence
        cause = error.cause if isinstance(error, ActivityError) else None
        stale = isinstance(cause, ApplicationError) and cause.type == "STALE_FENCE"
        return stale and self._in.claims_lost < MOST_LOST and workflow.patched("claim-lost")

    async def _land_step(
        self,
        route: StoryRoute,
        commit: str,
        *,
        verify_only: bool,
        confirmed_by: str = "",
        advice: Sequence[Advice] = (),
    ) -> LandReport:
        self._stop_if_cancelled()
        try:
            return await self._land_activity(route, commit, verify_only, confirmed_by, advice)
        except ActivityError as error:
            if is_cancelled_exception(error) or not self._lost_claim(error):
                raise
            return LandReport(verified=False, code=CLAIM_LOST, reason=LOST)

    async def _land_activity(
        self, route: StoryRoute, commit: str, verify_only: bool, confirmed_by: str, advice: Sequence[Advice]
    ) -> LandReport:
        return await workflow.execute_activity_method(
            LandingActivities.land_story,
            LandStep(
                **self._step(),
                fence=self._fence,
                commit=commit,
                verify_only=verify_only,
                confirmed_by=confirmed_by,
                advice=list(advice),
            ),
            task_queue=route.task_queue,
            start_to_close_timeout=LANDING,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ALWAYS,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"{self._in.story}: {'verify' if verify_only else 'verify and merge'}"[:200],
        )

    async def _review(self, route: StoryRoute, commit: str, *, unchanged: bool) -> ReviewReport:
        self._stop_if_cancelled()
        self._show(StoryState.VERIFYING, f"{route.reviewer} reviews the criteria that no command proves.")
        return await workflow.execute_activity_method(
            ReviewActivities.review_story,
            ReviewStep(**self._step(), commit=commit, unchanged=unchanged),
            task_queue=route.task_queue,
            start_to_close_timeout=timedelta(seconds=route.timeout) + AGENT_MARGIN,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ALWAYS,
            summary=f"{self._in.story}: reviewed by {route.reviewer}"[:200],
        )

    async def _ask(
        self, kind: QuestionKind, text: str, context: dict[str, str], options: Sequence[Option] = ()
    ) -> Answer:
        self._in.questions_asked += 1
        step = AskStep(
            **self._step(),
            number=self._in.questions_asked,
            kind=kind,
            text=text,
            context=context,
            options=list(options),
        )
        opened = await workflow.execute_local_activity_method(
            PeopleActivities.ask_person,
            step,
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"ask a person: {kind.value}",
        )
        self._stop_if_cancelled()
        self._asking = OpenQuestion(
            question=opened.question,
            asked_by="story",
            step=step.model_dump(mode="json"),
            options=step.options,
        )
        self._show(
            StoryState.WAITING_FOR_PERSON, f"**{opened.question}**\n\n{text}\n\n{how_to_answer(opened)}"
        )
        answer = await self._await_answer(opened.question, opened.watch)
        await workflow.execute_local_activity_method(
            PeopleActivities.record_answer,
            AnsweredStep(**self._step(), answer=answer, kind=kind, asked=step),
            start_to_close_timeout=SHORT,
            retry_policy=ALWAYS,
            summary=f"answered by {answer.actor}"[:200],
        )
        self._asking = None
        return answer

    async def _end_attempt(self, route: StoryRoute, code: str, reason: str) -> None:
        self._stop_if_cancelled()
        await self._end_attempt_on(route.task_queue, code, reason)

    async def _end_attempt_on(
        self, task_queue: str, code: str, reason: str, within: timedelta | None = None
    ) -> None:
        failure = FailedAttempt(attempt=self._in.attempt, code=code, reason=reason[:500])
        self._in.failures = [*self._in.failures, failure][-10:]
        await workflow.execute_activity_method(
            AttemptActivities.end_attempt,
            EndAttemptStep(**self._step(), code=code, reason=reason[:2000]),
            task_queue=task_queue,
            start_to_close_timeout=GIT,
            schedule_to_start_timeout=within,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ALWAYS,
            summary=f"preserve attempt {self._in.attempt}: {code}"[:200],
        )
        self._closed = self._in.attempt

    async def _clean_up(self, state: StoryState, code: str, reason: str) -> None:
        """The way out of a story that was cancelled or broke: preserve first, then release."""
        try:
            await workflow.execute_activity_method(
                AttemptActivities.end_attempt,
                EndAttemptStep(**self._step(), code=code, reason=reason[:2000]),
                task_queue=self._work_queue,
                start_to_close_timeout=GIT,
                schedule_to_close_timeout=GIT,
                heartbeat_timeout=HEARTBEAT,
                summary="preserve before the end",
            )
        except ActivityError as error:
            # The worktree stays where it is; nobody else has to wait for what this story holds.
            reason = f"{reason} Its worktree could not be preserved and was left: {sentence_of(error)}"
        await self._settle(state, code, reason)

    async def _settle(
        self, state: StoryState, code: str = "", reason: str = "", part: Part | None = None
    ) -> None:
        self._settling = True
        step = SettleStep(
            **self._step(),
            state=state,
            code=code,
            reason=reason[:2000],
            summary=self._summary,
            merge_commit=self._merge_commit,
            attempts=self._in.attempt,
            round=self._in.round,
            part=part,
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

    @workflow.signal(name="settle-by-signal")
    def settle_by_signal(self) -> None:
        """The epic continued as new: tell it at the end."""
        self._in.settle_by_signal = True

    @workflow.query(name="state")
    def state(self) -> str:
        """Where the story stands."""
        return self._state.value


def how_to_answer(opened: AskReply) -> str:
    """What Temporal's UI shows to who looks at a waiting story."""
    body = f'{{"question": "{opened.question}", "decision": "approve", "text": "", "actor": "your name"}}'
    return (
        f"Answer with `paceline answer {opened.question} approve|amend|reject [TEXT]`, or send this workflow "
        f"the signal or update `answer` with\n\n```json\n{body}\n```"
    )
