"""Rolling back merged work: what it would change, its claim, and the one move of the branch."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import activity

from activities import rollback_rows as rows
from activities.context import ActivityContext, RunContext
from activities.heartbeat import heartbeating
from activities.people import watch_of
from activities.rollback_build import RollbackBuild
from activities.rollback_history import newest_branch
from activities.rollback_landing import RollbackLanding, build_on_head
from activities.rollback_texts import context_of, question_of
from paceline.contracts import AskReply, Done
from paceline.domain.globs import covers
from paceline.domain.rollback import (
    Choice,
    Outcome,
    Rollback,
    waits_on,
)
from paceline.domain.rollback_steps import (
    RollbackAsk,
    RollbackClaim,
    RollbackClaimReply,
    RollbackEnd,
    RollbackMake,
    RollbackReport,
    RollbackStep,
    RollbackSurvey,
)
from paceline.domain.states import FINAL_STATES, StoryState
from paceline.domain.status import StoryStatus
from paceline.errors import (
    Conflict,
    MergeConflict,
    NotFound,
    RepositoryError,
    StaleFence,
)
from paceline.store import rollbacks, status


class RollbackActivities:
    """One rollback from the question to the move of the branch."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="survey-rollback")
    async def survey_rollback(self, step: RollbackStep) -> RollbackSurvey:
        """Find out what it would change, and who has to be asked; builds commits and moves nothing."""
        rollback = await self._rollback(step)
        async with heartbeating():
            try:
                return await self._survey(await build_on_head(self._context, rollback))
            except (Conflict, NotFound, RepositoryError) as error:
                return RollbackSurvey(code=error.code, reason=error.message[:2000])

    async def _survey(self, build: RollbackBuild) -> RollbackSurvey:
        rollback, history = build.rollback, build.history
        choices = await build.choices()
        dependants = await build.dependants(choices["named"])
        outcomes: dict[Choice, Outcome] = {"named": (await build.outcome(choices["named"]))[0]}
        outcomes["all"] = (await build.outcome(choices["all"]))[0] if dependants else outcomes["named"]
        step = rollback.project, rollback.number
        await self._context.database.write(rollbacks.save_preview, *step, outcomes)
        whole = outcomes["all"]
        if whole.conflict and outcomes["named"].conflict:
            return RollbackSurvey(code=MergeConflict.code, reason=whole.conflict[:2000])
        if not (whole.conflict or whole.paths or whole.reverts or whole.restores):
            raise Conflict(f"Rollback {rollback.number} would change nothing on {history.branch}.")
        running = await self._running(build.run, outcomes)
        sure = not (dependants or running or whole.failures or whole.conflict)
        return RollbackSurvey(
            question=question_of(rollback, outcomes, dependants, running),
            context=context_of(outcomes, history.branch, history.head, dependants, running),
            fingerprints={choice: each.fingerprint() for choice, each in outcomes.items()},
            confirmed_by=rollback.confirmed_by if sure else None,
        )

    async def _running(self, run: RunContext, outcomes: dict[Choice, Outcome]) -> dict[str, str]:
        """Stories that have not ended and build on what goes; they are named, and go on."""
        stories = await self._context.database.read(status.story_statuses, run.run.id)
        gone = [story for outcome in outcomes.values() for story in outcome.reverts]
        paths = [path for outcome in outcomes.values() for path in outcome.paths]
        waiting = waits_on(gone, run.edges)
        found: dict[str, str] = {}
        for row in stories:
            if row.state not in FINAL_STATES and (why := _why_running(run, row, waiting, paths)):
                found[row.id] = why
        return found

    @activity.defn(name="ask-about-rollback")
    async def ask_about_rollback(self, step: RollbackAsk) -> AskReply:
        """Open the question; twice is once."""
        rollback = await self._rollback(step)
        run = (await self._context.run(step.project)).run
        question = await self._context.database.write(rows.open_question, run, rollback, step)
        return AskReply(question=question.id, watch=watch_of(run, question.kind))

    @activity.defn(name="claim-rollback")
    async def claim_rollback(self, step: RollbackClaim) -> RollbackClaimReply:
        """Ask for every path that it changes; asking again is how a waiter makes sure."""
        rollback = await self._rollback(step)
        run = await self._context.newest(step.project)
        repository = await self._context.repository(run)
        branch, _ = await newest_branch(run, repository)
        decision = await self._context.database.write(rows.claim, run, rollback, branch, step)
        return RollbackClaimReply(
            granted=decision.state == "granted",
            fence=decision.fence,
            waits_for=[text[:200] for text in decision.waits_for[:10]],
            lost=decision.state == "released",
        )

    @activity.defn(name="release-rollback")
    async def release_rollback(self, step: RollbackStep) -> Done:
        """Give its paths back, before it is asked about again."""
        rollback = await self._rollback(step)
        await self._context.tell(await self._context.database.write(rows.release, rollback.id))
        return Done()

    @activity.defn(name="make-rollback")
    async def make_rollback(self, step: RollbackMake) -> RollbackReport:
        """Move the branch once, at its place in the merge line, from the head on which it was checked.

        The branch is looked at first: a commit with this rollback's trailer that was noted before is its own,
        made by an earlier try that died before it could say so.
        """
        async with heartbeating():
            try:
                return await self._make(step)
            except StaleFence:
                # Its claim was given away; it asks for one again.
                return RollbackReport()
            except (Conflict, NotFound, RepositoryError) as error:
                return RollbackReport(code=error.code, reason=error.message[:2000])

    async def _make(self, step: RollbackMake) -> RollbackReport:
        run = await self._context.newest(step.project)
        repository = await self._context.repository(run)
        branch, _ = await newest_branch(run, repository)
        return await RollbackLanding(self._context, run, repository, branch, step).land()

    @activity.defn(name="end-rollback")
    async def end_rollback(self, step: RollbackEnd) -> Done:
        """Give everything back, and record a refusal; what was made stays made."""
        rollback = await self._rollback(step)
        await self._context.tell(await self._context.database.write(rows.end, rollback, step))
        return Done()

    async def _rollback(self, step: RollbackStep) -> Rollback:
        return await self._context.database.read(rollbacks.get_rollback, step.project, step.number)


def _why_running(run: RunContext, row: StoryStatus, waiting: set[str], paths: Sequence[str]) -> str:
    begun = row.state is not StoryState.PENDING
    if row.id in waiting:
        return "depends on it and has begun" if begun else "depends on it and has not begun"
    patterns = run.patterns(run.story(row.id))
    shared = next((path for path in paths if covers(patterns, path)), None) if begun else None
    return f"works on {shared}" if shared else ""
