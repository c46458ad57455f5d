"""Rolling back merged work: what it would change, its claim, and the one move of the branch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlalchemy.orm import Session
from temporalio import activity

from activities import rollback_rows as rows
from activities.branch_heads import BranchHead
from activities.context import ActivityContext, RunContext
from activities.ending import to_its_end
from activities.heartbeat import heartbeating
from activities.rollback_build import Built, RollbackBuild
from activities.rollback_history import load_history, newest_branch
from activities.rollback_texts import context_of, question_of
from paceline.contracts import AskReply, Done
from paceline.domain.globs import covers
from paceline.domain.rollback import (
    Choice,
    Outcome,
    Rollback,
    RollbackState,
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
from paceline.store import merge_line, rollbacks, status
from paceline.vcs.repository import Repository, advance
from paceline.vcs.revert import find_rollback


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
                return await self._survey(await self._build(rollback))
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
        return AskReply(question=(await self._context.database.write(rows.open_question, rollback, step)).id)

    @activity.defn(name="claim-rollback")
    async def claim_rollback(self, step: RollbackClaim) -> RollbackClaimReply:
        """Ask for every path that it changes; asking again is how a waiter makes sure."""
        rollback = await self._rollback(step)
        run = await self._context.run(step.project)
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
        """Move the branch once, under the locked claim, from the head on which the result was checked.

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
        run = await self._context.run(step.project)
        repository = await self._context.repository(run)
        while True:
            rollback = await self._rollback(step)
            made = await self._made_before(run, repository, rollback, step)
            if made is not None:
                return RollbackReport(made=True, commit=made)
            await self._context.database.write(rows.check, rollback, step)
            build = await self._build(rollback, step.fence)
            outcome, built = await build.outcome((await build.choices())[step.choice])
            if outcome.fingerprint() != step.fingerprint:
                return RollbackReport()
            if built is None:
                raise MergeConflict(outcome.conflict, **outcome.details)
            await self._context.database.write(
                rollbacks.note_candidate, step.project, step.number, built.commits
            )
            if await self._move(build, built, step):
                return RollbackReport(made=True, commit=built.tip)

    async def _move(self, build: RollbackBuild, built: Built, step: RollbackMake) -> bool:
        loop = asyncio.get_running_loop()
        return await to_its_end(self._context.database.write(self._fenced_move, build, built, step, loop))

    def _fenced_move(
        self,
        session: Session,
        build: RollbackBuild,
        built: Built,
        step: RollbackMake,
        loop: asyncio.AbstractEventLoop,
    ) -> bool:
        """Move the ref while the claim's row is locked, so that a replaced holder cannot move it."""
        rows.check(session, build.rollback, step)
        branch = build.history.branch
        move = advance(build.repository, branch, built.base, built.tip)
        if not asyncio.run_coroutine_threadsafe(move, loop).result(timeout=60):
            return False
        merge_line.note_head(session, build.run.line(branch), built.tip)
        rows.record(session, build.rollback, branch, built.commits, step)
        return True

    async def _made_before(
        self, run: RunContext, repository: Repository, rollback: Rollback, step: RollbackMake
    ) -> str | None:
        if rollback.state is RollbackState.MADE:
            return rollback.commits[-1].commit
        noted = await self._context.database.read(rollbacks.noted_of, step.project, step.number)
        if not noted:
            return None
        branch, _ = await newest_branch(run, repository)
        found = await find_rollback(repository, branch, run.run.base_commit or "", rollback.id)
        tip = next((commit for commit in found if commit in noted), None)
        if tip is not None:
            at_head = await repository.resolve(f"refs/heads/{branch}") == tip
            line = run.line(branch) if at_head else None
            await self._context.database.write(rows.adopt, rollback, branch, noted[tip], step, line)
        return tip

    @activity.defn(name="end-rollback")
    async def end_rollback(self, step: RollbackEnd) -> Done:
        """Give everything back, and record a refusal; what was made stays made."""
        rollback = await self._rollback(step)
        await self._context.tell(await self._context.database.write(rows.end, rollback, step))
        return Done()

    async def _rollback(self, step: RollbackStep) -> Rollback:
        return await self._context.database.read(rollbacks.get_rollback, step.project, step.number)

    async def _build(self, rollback: Rollback, fence: int | None = None) -> RollbackBuild:
        run = await self._context.run(rollback.project)
        repository = await self._context.repository(run)
        branch, _ = await newest_branch(run, repository)
        head = await BranchHead(self._context, run, repository, branch).find()
        history = await load_history(self._context.database, run, repository, head)
        return RollbackBuild(self._context, run, repository, rollback, history, fence)


def _why_running(run: RunContext, row: StoryStatus, waiting: set[str], paths: Sequence[str]) -> str:
    begun = row.state is not StoryState.PENDING
    if row.id in waiting:
        return "depends on it and has begun" if begun else "depends on it and has not begun"
    patterns = run.patterns(run.story(row.id))
    shared = next((path for path in paths if covers(patterns, path)), None) if begun else None
    return f"works on {shared}" if shared else ""
