"""Verification on the merged result, and the merge itself: exactly one a story, whatever is killed when."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from sqlalchemy.orm import Session
from temporalio import activity

from activities.context import ActivityContext, RunContext
from activities.heartbeat import heartbeating
from activities.merges import find_own_merge, record_merge
from activities.proof import CandidateProof
from paceline.contracts import LandReport, LandStep
from paceline.domain.globs import covers
from paceline.domain.plan import Story
from paceline.domain.states import FINAL_STATES, StoryState
from paceline.errors import MergeConflict, RepositoryError, StaleFence, UnclaimedChange
from paceline.store import claims, status
from paceline.vcs.attempts import worktree_path
from paceline.vcs.diff import changed_paths
from paceline.vcs.merge import Candidate, candidate
from paceline.vcs.repository import Repository, advance
from paceline.vcs.worktrees import remove_worktree

_Result = TypeVar("_Result")

log = logging.getLogger(__name__)


class LandingActivities:
    """Bring a story's commit onto the sprint branch."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="land-story")
    async def land_story(self, step: LandStep) -> LandReport:
        """Check the candidate merge in a clean checkout, then move the branch by compare-and-swap.

        The branch is looked at first: a merge that carries this story's trailer is this story's merge, made
        by an earlier try that died before it could say so.
        """
        run = await self._context.run(step.project)
        story = run.story(step.story)
        repository = await self._context.repository(run)
        branch = run.branch(step.sprint)
        async with heartbeating(), self._context.landing(f"{run.scope}:{branch}"):
            landing = _Landing(self._context, run, story, repository, step)
            while True:
                try:
                    report = await landing.attempt(branch)
                except RepositoryError as error:
                    return LandReport(verified=False, code=error.code, reason=error.message[:2000])
                if not report.moved:
                    break
            if report.merged:
                await _to_its_end(self._clear(repository, step))
            return report

    async def _clear(self, repository: Repository, step: LandStep) -> None:
        """The work is on the sprint branch, so its worktree may go; what is left in it is preserved."""
        root = self._context.settings.worktree_root
        worktree = worktree_path(repository, root, step.project, step.story, step.attempt)
        try:
            await remove_worktree(repository, worktree)
        except RepositoryError as error:
            # The merge is made; a folder that cannot be removed now is no reason to hold up the story.
            log.warning("the worktree %s is left where it is: %s", worktree, error)


class _Landing:
    """One landing; `attempt` is repeated while other stories move the branch in between."""

    def __init__(
        self, context: ActivityContext, run: RunContext, story: Story, repository: Repository, step: LandStep
    ) -> None:
        self._context = context
        self._run = run
        self._story = story
        self._repository = repository
        self._step = step
        self._workflow_id = run.workflow_id(story)
        self._proof = CandidateProof(context, run, story, repository, step)

    async def attempt(self, branch: str) -> LandReport:
        merged = await find_own_merge(self._context, self._run, self._story, self._repository)
        if merged is not None:
            await self._context.database.write(self._record_merge, merged)
            return LandReport(verified=True, merged=True, merge_commit=merged)
        await self._context.database.write(self._check_holder, StoryState.VERIFYING)
        try:
            built = await candidate(
                self._repository, branch, self._step.commit, self._message(), self._trailers()
            )
        except MergeConflict as conflict:
            return LandReport(verified=False, code=conflict.code, reason=conflict.message[:2000])
        foreign = await self._foreign(built)
        if foreign is not None:
            return foreign
        report = await self._proof.establish(built)
        if not report.verified or self._step.verify_only or report.unproven:
            return report
        return await self._merge(branch, built, report)

    async def _foreign(self, built: Candidate) -> LandReport | None:
        """What is merged is compared with the claim once more: a rename on the branch can move a change."""
        patterns = self._run.patterns(self._story)
        changed = await changed_paths(self._repository, built.base, built.commit)
        foreign = [each.path for each in changed if not covers(patterns, each.path)]
        if not foreign:
            return None
        reason = f"The merge would change {', '.join(foreign[:10])}, which {self._story.id} did not claim."
        return LandReport(verified=False, code=UnclaimedChange.code, reason=reason[:2000])

    async def _merge(self, branch: str, built: Candidate, report: LandReport) -> LandReport:
        """Move the ref while the claim's row is locked, so that a replaced holder cannot merge."""
        loop = asyncio.get_running_loop()
        merging = self._context.database.write(self._fenced_merge, branch, built, loop)
        moved = await _to_its_end(merging)
        if not moved:
            return LandReport(verified=True, moved=True)
        return report.model_copy(update={"merged": True, "merge_commit": built.commit})

    def _fenced_merge(
        self, session: Session, branch: str, built: Candidate, loop: asyncio.AbstractEventLoop
    ) -> bool:
        self._check_holder(session, StoryState.MERGING)
        move = advance(self._repository, branch, built.base, built.commit)
        if not asyncio.run_coroutine_threadsafe(move, loop).result(timeout=60):
            return False
        self._record_merge(session, built.commit)
        return True

    def _check_holder(self, session: Session, state: StoryState) -> None:
        """Refuse an attempt that was replaced: by another holder, or by a later attempt of the same one."""
        claims.check_fence(session, self._workflow_id, self._step.fence)
        row = status.story_status(session, self._step.project, self._story.id)
        if row.attempt != self._step.attempt or row.state in FINAL_STATES:
            raise StaleFence(
                f"Attempt {self._step.attempt} of {self._story.id} was replaced by attempt {row.attempt} "
                f"({row.state.value}); its work is preserved and is not merged."
            )
        status.set_story(session, self._step.project, self._story.id, state=state)

    def _record_merge(self, session: Session, commit: str) -> None:
        record_merge(session, self._run, self._story, commit, self._step.fence, self._step.attempt)

    def _message(self) -> str:
        title = " ".join(self._story.title.split())[:120]
        return f"Merge {self._story.id}: {title}"

    def _trailers(self) -> dict[str, str]:
        return {
            "Paceline-Story": self._workflow_id,
            "Paceline-Attempt": str(self._step.attempt),
            "Paceline-Fence": str(self._step.fence),
        }


async def _to_its_end(step: Coroutine[Any, Any, _Result]) -> _Result:
    """Carry out a step that must not be left half-way: a cancellation that comes meanwhile comes too late."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        return await task
