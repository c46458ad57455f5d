"""One story: claim, work, verify, merge, release, report. See DESIGN.md for the promises it keeps."""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

from workflows.claiming import Ended
from workflows.failures import code_of, sentence_of
from workflows.policies import LONGEST_RETRY_PAUSE, RETRY_PAUSE
from workflows.story_steering import EndedByPerson, SteeredStory
from workflows.story_steps import CLAIM_LOST, LOST

with workflow.unsafe.imports_passed_through():
    from paceline.contracts import (
        LandReport,
        ReviewReport,
        StoryInput,
        StoryResult,
        StoryRoute,
        WorkReport,
    )
    from paceline.domain.answering import words_of
    from paceline.domain.parts import PART_DONE, Part
    from paceline.domain.questions import Decision, Option, QuestionKind
    from paceline.domain.states import StoryState
    from paceline.domain.work import WorkOutcome

NOT_THE_AGENTS = ("REPOSITORY", "REPOSITORY_MISSING", "BRANCH_CHECKED_OUT")
"""Why a landing failed, where no other attempt of an agent could do better."""
FAILS_AGAIN = ("CONFIGURATION", "SANDBOX_UNAVAILABLE")
"""Why an attempt failed, where another one would fail the same way until a person mends something."""
_LOST_WORK = {"code": CLAIM_LOST, "reason": LOST, "claim_lost": True}


@workflow.defn(name="story")
class StoryWorkflow(SteeredStory):
    """Carries one story to a merge, or to a stated end."""

    @workflow.init
    def __init__(self, start: StoryInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: StoryInput) -> StoryResult:
        """Do the story and settle it, whatever happens."""
        try:
            await self._follow_course()
        except Ended as end:
            await self._settle(end.state, end.code, end.reason)
        except EndedByPerson as end:
            await self._clean_up(end.state, end.turn.code, end.turn.reason)
        except (asyncio.CancelledError, Exception) as error:
            # Cancellation and unexpected failures give everything back before they go on.
            cancelled = is_cancelled_exception(error)
            state = StoryState.CANCELLED if cancelled else StoryState.FAILED
            code = "CANCELLED" if cancelled else code_of(error)
            await self._clean_up(state, code, sentence_of(error))
            # A merge that was made before the cancellation arrived stays made, and is the story's end.
            if cancelled and self._state is StoryState.CANCELLED:
                await self._tell_parent()
                await workflow.wait_condition(workflow.all_handlers_finished)
                raise
        await self._tell_parent()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return StoryResult(
            story=start.story,
            state=self._state,
            merge_commit=self._merge_commit,
            attempts=self._in.attempt,
        )

    async def _carry_out(self) -> None:
        route = await self._claim()
        while True:
            if route.kind == "human":
                await self._closed_by_person(route)
                return
            report = await self._work(route)
            if report.needs_files or report.claim_lost:
                await self._regain(route, report)
            elif report.outcome is WorkOutcome.DONE:
                self._summary = report.summary
                if route.part is not None and route.part.into:
                    await self._end_part(route, route.part)
                    return
                if not route.merges:
                    await self._settle(StoryState.SETTLED)
                    return
                landed = await self._land(route, report)
                if landed is not None:
                    state = StoryState.SETTLED if landed.unchanged else StoryState.MERGED
                    await self._settle(state, landed.code, landed.reason)
                    return
            elif report.outcome in (WorkOutcome.NEEDS_PERSON, WorkOutcome.BLOCKED):
                await self._ask_for_agent(route, report)
            else:
                await self._failed_attempt(route, report.code, report.reason)
            self._continue_if_long()

    async def _end_part(self, route: StoryRoute, part: Part) -> None:
        """The sprint's part is done: its work is kept for the next one, and all merges with the last."""
        reason = f"{part.told()} is done; {part.into} goes on"
        if route.merges:
            await self._end_attempt(route, PART_DONE, f"{reason}: {self._summary}".rstrip(": "))
        await self._settle(StoryState.PART_DONE, PART_DONE, reason, part)

    def _continue_if_long(self) -> None:
        """Between attempts a long history is left behind; the claim and its fence stay."""
        long = workflow.info().get_current_history_length() > self._in.history_limit
        if long and self._turn is None and workflow.all_handlers_finished():
            workflow.continue_as_new(self._in)

    # Verify and merge ---

    async def _land(self, route: StoryRoute, work: WorkReport) -> LandReport | None:
        """Verify on the merged result, ask where a person must approve, merge if there is something to merge.

        Returns:
            How it ended when merged or proven without a change; None when another attempt is to be made.
        """
        commit = work.commit or ""
        approved, actor = not route.approval, ""
        review: ReviewReport | None = None
        while True:
            self._show(StoryState.VERIFYING, "Checks run on the candidate merge.")
            report = await self._land_step(
                route,
                commit,
                verify_only=not approved,
                confirmed_by=actor,
                advice=review.advice if review else (),
            )
            if report.merged or report.unchanged:
                self._merge_commit = report.merge_commit
                return report
            if not report.verified:
                if report.code == "MERGE_CONFLICT" and workflow.patched("resolve-conflicts"):
                    await self._conflict(route, report)
                    return None
                if report.code == CLAIM_LOST:
                    await self._regain(route, work.model_copy(update=_LOST_WORK))
                    return None
                if report.code not in NOT_THE_AGENTS:
                    await self._failed_attempt(route, report.code, report.reason)
                    return None
                # Not the agent's doing: its finished run is kept, and only the landing is tried again.
                await self._ask_about_repository(route, report.code, report.reason)
            elif report.unproven and route.reviewer and review is None:
                review = await self._review(route, commit or report.checked or "", unchanged=not commit)
            else:
                actor = await self._approved(route, work, report, review)
                approved = bool(actor)
                if not approved:
                    return None

    async def _approved(
        self, route: StoryRoute, work: WorkReport, report: LandReport, review: ReviewReport | None
    ) -> str:
        """Ask for the approval, or whether criteria are met that no command can prove, or both at once.

        Returns:
            Who approved; empty where another attempt is to be made.
        """
        kind = QuestionKind.APPROVE_MERGE if route.approval else QuestionKind.CONFIRM_CRITERIA
        context = {
            "commit": work.commit or report.checked or "",
            "summary": work.summary,
            "diff_summary": report.diff_summary,
            "diff": report.diff or "",
            "evidence": report.evidence or "",
        }
        if report.unproven:
            context["criteria"] = "\n".join(f"- {text}" for text in report.unproven)
        if review is not None:
            context["review"] = review.reason
        answer = await self._ask(kind, self._approval_text(route, report), context)
        if answer.decision is Decision.APPROVE:
            return answer.actor
        if answer.decision is Decision.REJECT:
            what = "that it is done without a change" if report.checked else "the merge"
            reason = f"{answer.actor} rejected {what}: {answer.text}".rstrip(": ")
            await self._end_attempt(route, "REJECTED", reason)
            raise Ended(StoryState.FAILED, "REJECTED", reason)
        await self._end_attempt(route, "AMENDED", f"{answer.actor} asked for a change: {answer.text}")
        await self._next_attempt(answer)
        return ""

    def _approval_text(self, route: StoryRoute, report: LandReport) -> str:
        done = f"{self._in.story} ({self._in.title}) is done and its checks pass"
        if report.checked:
            done = f"{self._in.story} ({self._in.title}) needed no change and its checks pass"
        if not report.unproven:
            return f"{done}. {'Is it done, with nothing to merge?' if report.checked else 'Merge it?'}"
        count = len(report.unproven)
        criteria = "1 criterion names" if count == 1 else f"{count} criteria name"
        listed = "\n".join(f"- {text}" for text in report.unproven)
        asks_for_merge = route.approval and not report.checked
        ask = "Are they met, and may it be merged?" if asks_for_merge else "Are they met?"
        ask += " There is nothing to merge." if report.checked else ""
        return f"{done}, but {criteria} no command that proves it. {ask}\n\n{listed}"[:20_000]

    async def _ask_about_repository(self, route: StoryRoute, code: str, reason: str) -> None:
        answer = await self._ask(
            QuestionKind.LANDING_BLOCKED,
            f"The finished work of {self._in.story} ({self._in.title}) cannot be merged: {reason} Try again?",
            {"code": code, "reason": reason},
        )
        if answer.decision is Decision.REJECT:
            await self._end_attempt(route, code, reason)
            raise Ended(StoryState.FAILED, code, reason)

    # Failures and people ---

    async def _failed_attempt(self, route: StoryRoute, code: str, reason: str) -> None:
        """Preserve the attempt; try again while the limit allows and it can help, then ask a person."""
        await self._end_attempt(route, code, reason)
        left = self._in.attempt < route.max_attempts + self._in.extra_attempts
        if left and not (code in FAILS_AGAIN and workflow.patched("ask-at-once")):
            pause = RETRY_PAUSE * (2 ** min(self._in.attempt - 1, 10))
            await workflow.sleep(
                min(pause, LONGEST_RETRY_PAUSE), summary=f"before attempt {self._in.attempt + 1}"
            )
            self._in.attempt += 1
            self._show(StoryState.WORKING, f"Attempt {self._in.attempt} after {code}.")
            return
        answer = await self._ask(
            QuestionKind.TAKE_OVER,
            f"{self._in.story} ({self._in.title}) failed {times(self._in.attempt)}"
            f"{reason.rstrip('. ')}. What now?",
            {"code": code, "reason": reason},
        )
        if answer.decision is Decision.REJECT:
            raise Ended(StoryState.FAILED, code, reason)
        self._in.extra_attempts = self._in.attempt + 1 - route.max_attempts
        await self._next_attempt(answer)

    async def _conflict(self, route: StoryRoute, report: LandReport) -> None:
        """The agent resolves it on the branch's new head; after so many tries a person decides.

        These attempts do not count as failures of the agent.
        """
        await self._end_attempt(route, report.code, report.reason)
        self._in.extra_attempts += 1
        if self._in.conflicts < route.conflict_attempts:
            self._in.conflicts += 1
            self._in.attempt += 1
            self._show(StoryState.WORKING, f"Attempt {self._in.attempt} resolves a conflict.")
            return
        hunks = "\n\n".join(f"{path}\n{text}" for path, text in report.hunks.items())
        answer = await self._ask(
            QuestionKind.RESOLVE_CONFLICT,
            f"{self._in.story} ({self._in.title}) does not apply on the sprint's branch: {report.reason} "
            "Try once more to resolve it?",
            {
                "code": report.code,
                "reason": report.reason,
                "paths": "\n".join(report.conflicts),
                "hunks": hunks,
            },
        )
        if answer.decision is Decision.REJECT:
            raise Ended(StoryState.FAILED, report.code, report.reason)
        self._in.conflicts = 0
        await self._next_attempt(answer)

    async def _ask_for_agent(self, route: StoryRoute, report: WorkReport) -> None:
        """The agent asked or is blocked: its words go to a person, the answer to its next attempt."""
        text = report.question or report.summary or "The agent needs a person and does not say why."
        await self._end_attempt(route, report.outcome.name, text[:2000])
        answer = await self._ask(
            QuestionKind.ANSWER_AGENT,
            f"The agent of {self._in.story} ({self._in.title}) asks: {text}"[:20_000],
            {"summary": report.summary},
            options := [Option(name=str(at), text=text) for at, text in enumerate(report.options, 1)],
        )
        if answer.decision is Decision.REJECT:
            raise Ended(StoryState.FAILED, "REJECTED", f"{answer.actor} ended the story: {answer.text}")
        self._in.extra_attempts += 1
        await self._next_attempt(answer.model_copy(update={"text": words_of(answer, options)}))

    async def _closed_by_person(self, route: StoryRoute) -> None:
        part = route.part if route.part is not None and route.part.into else None
        done = f"Is {part.told()} done, which is for this sprint?" if part else "Is it done?"
        answer = await self._ask(
            QuestionKind.HUMAN_STORY,
            f"{self._in.story} ({self._in.title}) is yours to do. {done}",
            {},
        )
        self._summary = answer.text[:2000]
        if answer.decision is Decision.REJECT:
            raise Ended(StoryState.FAILED, "REJECTED", f"{answer.actor} will not do it: {answer.text}")
        if part is not None:
            await self._end_part(route, part)
            return
        await self._settle(StoryState.SETTLED)


def times(attempts: int) -> str:
    """How often an attempt failed, to be followed by the last reason."""
    return "once: " if attempts == 1 else f"{attempts} times; the last time: "
