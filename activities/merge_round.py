"""What the head of the merge line does: check a stack of candidates once, and move the branch to its top.

Each story of the stack is a merge commit of its own on the one before. The commands of all run on the top. If
one fails, a search finds the first story with which it fails; the stories before it are landed, and it fails
on the head that they make. Stories behind it keep their places.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from activities.branch_heads import BranchHead
from activities.candidates import Landing, failure_report, may_merge
from activities.confinement import around_checkout
from activities.context import ActivityContext
from activities.ending import to_its_end
from activities.files import Keeper
from activities.proof import failure_of, result_of
from paceline.agents.checks import CheckRun, run_checks
from paceline.contracts import LandReport
from paceline.domain.merge_line import Bisection, others_tested
from paceline.domain.states import StoryState
from paceline.errors import MergeConflict, UnclaimedChange
from paceline.store import merge_line
from paceline.vcs.diff import changes_of
from paceline.vcs.merge import Candidate, dates_of
from paceline.vcs.repository import Repository, advance
from paceline.vcs.verification import verification_checkout


@dataclass(frozen=True)
class Stacked:
    """A story with its candidate on the one before it."""

    landing: Landing
    built: Candidate


@dataclass(frozen=True)
class Command:
    """A check with the variables it may see: two agents may have the same command and other variables."""

    text: str
    environment: tuple[str, ...]


@dataclass
class MergeRound:
    """One turn of a line's head.

    Args:
        landings: the head's own first, then those behind it in their order.
    """

    context: ActivityContext
    head: BranchHead
    repository: Repository
    landings: list[Landing]
    _runs: dict[tuple[str, Command], CheckRun] = field(default_factory=dict[tuple[str, Command], CheckRun])

    async def run(self) -> None:
        """Land what can be landed. The head's landing has ended then, or has to take its turn again.

        Raises:
            StaleFence: the head of the line was replaced.
            RepositoryError: git refused, for example because the branch is checked out.
        """
        base = await self.head.find()
        ready = await self.context.database.write(self._begin)
        stack = await self._stack(ready, base)
        if len(stack) > 1:
            await self._land_together(stack)
        elif stack:
            await self._land_alone(stack[0])

    def _begin(self, session: Session) -> list[Landing]:
        """Leave out who was replaced or stopped."""
        ready = may_merge(session, self.landings)
        for each in ready:
            together = others_tested([other.story.id for other in ready], each.story.id)
            reason = together.replace("It was tested", "is checked").strip(" .")
            each.show(session, StoryState.VERIFYING, reason[:500] or None)
        return ready

    async def _stack(self, landings: Sequence[Landing], base: str) -> list[Stacked]:
        """Candidates on each other. One that does not fit on those before is judged when its turn comes."""
        if not landings:
            return []
        dates = await dates_of(self.repository, [each.step.commit for each in landings])
        stack: list[Stacked] = []
        for each in landings:
            below = stack[-1].built.commit if stack else base
            try:
                stack.append(Stacked(each, await each.build(below, dates.get(each.step.commit))))
            except MergeConflict as error:
                if not stack:
                    await self._end(each, failure_report(error))
                    return []
        pairs = [(each.built.base, each.built.commit) for each in stack]
        for each, changed in zip(stack, await changes_of(self.repository, pairs), strict=True):
            try:
                each.landing.check_changes(changed)
            except UnclaimedChange as error:
                if each is stack[0]:
                    await self._end(each.landing, failure_report(error))
                    return []
                return await self._stack([other.landing for other in stack if other is not each], base)
        return stack

    async def _land_alone(self, only: Stacked) -> None:
        report = await only.landing.proof.establish(only.built, for_people=False)
        if report.verified:
            await self._move([only], [report.evidence])
        else:
            await self._end(only.landing, report)

    async def _land_together(self, stack: list[Stacked]) -> None:
        blamed: tuple[list[Stacked], CheckRun] | None = None
        while stack:
            failed = await self._run_checks(stack, _commands(stack))
            if failed is None:
                break
            culprit, failed = await self._bisect(stack, failed)
            blamed = stack[:culprit], failed
            stack = stack[: culprit - 1]
        top = stack[-1].built.commit if stack else None
        if top is not None:
            evidence = await asyncio.gather(*(self._record(each, top) for each in stack))
            if not await self._move(stack, evidence):
                return
        if blamed is not None:
            await self._fail(*blamed)

    async def _run_checks(self, stack: Sequence[Stacked], commands: Sequence[Command]) -> CheckRun | None:
        """Run on the top of a stack what has not run there yet; the one that failed, if one did."""
        top = stack[-1].built.commit
        known = [self._runs[top, each] for each in commands if (top, each) in self._runs]
        failed = next((each for each in known if not each.passed), None)
        wanted = [each for each in commands if (top, each) not in self._runs]
        if failed is not None or not wanted:
            return failed
        folder = self.context.attempt_folder(stack[0].landing.step) / f"batch-{top[:12]}"
        root = self.context.settings.worktree_root
        sandbox = await stack[0].landing.proof.sandbox()
        async with verification_checkout(self.repository, root, top) as checkout:
            groups = itertools.groupby(wanted, key=lambda each: each.environment)
            for environment, group in groups:
                part = list(group)
                runs = await run_checks(
                    checkout,
                    [each.text for each in part],
                    self.context.settings.check_timeout,
                    environment,
                    folder / str(len(self._runs)),
                    stop_at_first_failure=True,
                    confinement=around_checkout(sandbox, checkout),
                )
                self._runs |= {(top, command): done for command, done in zip(part, runs, strict=False)}
                if not runs[-1].passed:
                    return runs[-1]
        return None

    async def _bisect(self, stack: Sequence[Stacked], failed: CheckRun) -> tuple[int, CheckRun]:
        """The 1-based place of the first story with which a command fails, and how it failed there."""
        command = next(
            each for each in _commands(stack) if self._runs.get((stack[-1].built.commit, each)) is failed
        )
        owners = [number for number, each in enumerate(stack, 1) if command in _commands([each])]
        search = Bisection(size=len(stack), first=owners[0])
        while (culprit := search.culprit) is None:
            count = search.probe
            found = await self._run_checks(stack[:count], [command])
            search.learn(count, found is None)
            failed = found or failed
        return culprit, self._runs[stack[culprit - 1].built.commit, command]

    async def _record(self, each: Stacked, top: str) -> str:
        """Evidence and proofs of one story, with its own copy of what its commands printed."""
        proof = each.landing.proof
        folder = self.context.attempt_folder(each.landing.step) / f"checks-{top[:12]}"
        results = {
            text: result_of(run)
            for text in proof.commands
            if (run := self._runs.get((top, Command(text, tuple(proof.environment))))) is not None
        }
        keeper = Keeper(self.context, each.landing.step)
        for number, text in enumerate(results, 1):
            run = self._runs[top, Command(text, tuple(proof.environment))]
            name = f"check-{number}.log"
            await asyncio.to_thread(_copy, run.output_path, folder / name)
            await keeper.keep("log", folder / name)
            results[text] = results[text].model_copy(update={"output": name})
        return await proof.record(each.built, results, top)

    async def _fail(self, stack: Sequence[Stacked], failed: CheckRun) -> None:
        """The last of the stack breaks a check; those before it are on the branch."""
        culprit = stack[-1]
        evidence = await self._record(culprit, culprit.built.commit)
        names = [each.landing.story.id for each in stack]
        reason = failure_of(failed)[:1500] + others_tested(names, culprit.landing.story.id)
        if failed.command not in culprit.landing.proof.commands:
            owner = next(each for each in stack if failed.command in each.landing.proof.commands)
            reason += f" It is a check of {owner.landing.story.id}."
        report = LandReport(verified=False, code="CHECK_FAILED", reason=reason, evidence=evidence)
        await self._end(culprit.landing, report)

    async def _move(self, stack: Sequence[Stacked], evidence: Sequence[str | None]) -> bool:
        """Move the branch while the claims' rows are locked, so that a replaced holder cannot merge."""
        loop = asyncio.get_running_loop()
        return await to_its_end(self.context.database.write(self._fenced_move, stack, evidence, loop))

    def _fenced_move(
        self,
        session: Session,
        stack: Sequence[Stacked],
        evidence: Sequence[str | None],
        loop: asyncio.AbstractEventLoop,
    ) -> bool:
        if len(may_merge(session, [each.landing for each in stack])) < len(stack):
            return False
        base, top = stack[0].built.base, stack[-1].built.commit
        move = advance(self.repository, self.head.branch, base, top)
        if not asyncio.run_coroutine_threadsafe(move, loop).result(timeout=60):
            return False
        for each, kept in zip(stack, evidence, strict=True):
            each.landing.show(session, StoryState.MERGING)
            each.landing.record(session, each.built, kept)
        merge_line.note_head(session, self.head.line, top)
        return True

    async def _end(self, landing: Landing, report: LandReport) -> None:
        await self.context.database.write(landing.end, report)


def _commands(stack: Sequence[Stacked]) -> list[Command]:
    """The commands of all, each once, in the order of the stories."""
    found = [
        Command(text, tuple(each.landing.proof.environment))
        for each in stack
        for text in each.landing.proof.commands
    ]
    return list(dict.fromkeys(found))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        shutil.copyfile(source, target)
