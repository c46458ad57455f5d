"""A confirmed rollback on its way to the branch: its place in the merge line, and the one move."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from activities import rollback_rows as rows
from activities.branch_heads import BranchHead
from activities.context import ActivityContext, RunContext
from activities.ending import to_its_end
from activities.merge_line import landing_name
from activities.rollback_build import Built, RollbackBuild
from activities.rollback_evidence import note_evidence
from activities.rollback_history import load_history, newest_branch
from paceline.domain.rollback import NotedRollback, Rollback, RollbackState
from paceline.domain.rollback_steps import RollbackMake, RollbackReport, RollbackStep
from paceline.errors import MergeConflict
from paceline.store import merge_line, rollbacks
from paceline.store.merge_line import Entry
from paceline.vcs.repository import Repository, advance
from paceline.vcs.revert import find_rollback


async def build_on_head(
    context: ActivityContext, rollback: Rollback, fence: int | None = None
) -> RollbackBuild:
    """What builds a rollback on the newest branch as it is now, after that was put right."""
    run = await context.run(rollback.project)
    repository = await context.repository(run)
    branch, _ = await newest_branch(run, repository)
    head = await BranchHead(context, run, repository, branch).find()
    history = await load_history(context.database, run, repository, head)
    return RollbackBuild(context, run, repository, rollback, history, fence)


@dataclass(frozen=True)
class RollbackLanding:
    """One try of making a rollback under its claim."""

    context: ActivityContext
    run: RunContext
    repository: Repository
    branch: str
    step: RollbackMake
    _holder: str = field(default_factory=lambda: uuid.uuid4().hex)

    async def land(self) -> RollbackReport:
        """Wait for the turn, then move the branch; a repeat finds what its first try made.

        Raises:
            StaleFence: its claim was given away.
            Conflict: it has ended, or later changes are in the way.
        """
        rollback = await self._rollback()
        made = await self._made_before(rollback)
        if made is not None:
            return made
        watch = self.context.merge_line(self.run, self.branch)
        claim, name = rows.claim_id(rollback, self.step.round), landing_name()
        async with watch.joined(claim, name, self.step, self._holder) as joined:
            if joined.mine.report is not None:
                return RollbackReport.model_validate(joined.mine.report)
            while True:
                turn = await watch.turn(claim, name, self._holder)
                if turn.report is not None:
                    return RollbackReport.model_validate(turn.report)
                report = await self._lead(turn.batch[0])
                if report is not None:
                    return report

    async def _lead(self, entry: Entry) -> RollbackReport | None:
        """Take the turn; None where the branch was moved meanwhile, and it has to be built again."""
        rollback = await self._rollback()
        # Somebody may have found it on the branch, or a try that was given up has made it after all.
        made = await self._made_before(rollback)
        if made is not None:
            return made
        await self.context.database.write(rows.check, rollback, self.step)
        build = await build_on_head(self.context, rollback, self.step.fence)
        outcome, built = await build.outcome((await build.choices())[self.step.choice])
        # A sprint that began meanwhile has a branch, and a line, of its own.
        if outcome.fingerprint() != self.step.fingerprint or build.history.branch != self.branch:
            return await self._end(entry, RollbackReport())
        if built is None:
            raise MergeConflict(outcome.conflict, **outcome.details)
        noted = NotedRollback(commits=built.commits, decided_by=self.step.decided_by, fence=self.step.fence)
        await note_evidence(self.context, rollback, noted)
        if not await self._move(rollback, built, noted, entry):
            return None
        return RollbackReport(made=True, commit=built.tip)

    async def _end(self, entry: Entry, report: RollbackReport) -> RollbackReport:
        await self.context.database.write(_end_place, entry, report)
        return report

    async def _move(self, rollback: Rollback, built: Built, noted: NotedRollback, entry: Entry) -> bool:
        loop = asyncio.get_running_loop()
        move = self.context.database.write(self._fenced_move, rollback, built, noted, entry, loop)
        return await to_its_end(move)

    def _fenced_move(
        self,
        session: Session,
        rollback: Rollback,
        built: Built,
        noted: NotedRollback,
        entry: Entry,
        loop: asyncio.AbstractEventLoop,
    ) -> bool:
        """Move the ref while the claim's row is locked, so that a replaced holder cannot move it."""
        rows.check(session, rollback, self.step)
        move = advance(self.repository, self.branch, built.base, built.tip)
        if not asyncio.run_coroutine_threadsafe(move, loop).result(timeout=60):
            return False
        rows.record(session, rollback, self.branch, noted)
        _end_place(session, entry, RollbackReport(made=True, commit=built.tip))
        # Last, as landings do it: two transactions never want the same rows in another order.
        merge_line.note_head(session, self.run.line(self.branch), built.tip)
        return True

    async def _made_before(self, rollback: Rollback) -> RollbackReport | None:
        """A commit on the branch with its trailer, of which evidence was kept, is its own."""
        if rollback.state is RollbackState.MADE:
            return RollbackReport(made=True, commit=rollback.commits[-1].commit)
        numbered = self.step.project, self.step.number
        noted = await self.context.database.read(rollbacks.noted_of, *numbered)
        if not noted:
            return None
        if not any(commit in noted for commit in await self._on_branch(rollback)):
            return None
        # Who looks at the branch records it, together with what may have been merged on it since.
        await BranchHead(self.context, self.run, self.repository, self.branch).find()
        rollback = await self._rollback()
        tip = next((commit for commit in await self._on_branch(rollback) if commit in noted), None)
        if rollback.state is RollbackState.OPEN and tip is not None:
            # The head is believed where none was ever written down.
            line = self.run.line(self.branch)
            await self.context.database.write(rows.adopt, rollback, self.branch, noted[tip], line)
            return RollbackReport(made=True, commit=tip)
        if rollback.state is not RollbackState.MADE:
            return None
        return RollbackReport(made=True, commit=rollback.commits[-1].commit)

    async def _on_branch(self, rollback: Rollback) -> list[str]:
        base = self.run.run.base_commit or ""
        return await find_rollback(self.repository, self.branch, base, rollback.id)

    async def _rollback(self) -> Rollback:
        step: RollbackStep = self.step
        return await self.context.database.read(rollbacks.get_rollback, step.project, step.number)


def _end_place(session: Session, entry: Entry, report: RollbackReport) -> None:
    place = entry.place
    merge_line.end_place(session, place.line, place.claim, entry.landing, report.model_dump(mode="json"))
