"""Verification on the merged result, and the merge itself: exactly one a story, whatever is killed when."""

from __future__ import annotations

import itertools
import logging
import uuid

from sqlalchemy.orm import Session
from temporalio import activity

from activities.branch_heads import BranchHead
from activities.candidates import Landing, failure_report
from activities.context import ActivityContext, RunContext
from activities.ending import to_its_end
from activities.heartbeat import heartbeating
from activities.merge_line import Turn, landing_name
from activities.merge_round import MergeRound
from activities.merges import find_own_merge, record_merge
from activities.no_change_proof import prove_unchanged
from paceline.contracts import LandReport, LandStep
from paceline.domain.states import StoryState
from paceline.errors import PacelineError, RepositoryError, UnclaimedChange
from paceline.store import merge_line
from paceline.store.merge_line import Entry
from paceline.vcs.attempts import worktree_path
from paceline.vcs.diff import changed_paths
from paceline.vcs.repository import Repository
from paceline.vcs.worktrees import remove_worktree

log = logging.getLogger(__name__)

_GIT_TRIES = 4
"""Where git is killed so often, a person is asked."""


class LandingActivities:
    """Bring a story's commit onto the sprint branch."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="land-story")
    async def land_story(self, step: LandStep) -> LandReport:
        """Check the candidate merge in a clean checkout, then move the branch by compare-and-swap.

        A story that only verifies, or that a person has to answer for first, does so beside the others. One
        that merges waits for its turn in the merge line; whoever is first there may land it too. One that
        changed nothing has nothing to merge, and is verified on the branch's head.
        """
        run = await self._context.run(step.project, step.revision)
        repository = await self._context.repository(run)
        async with heartbeating():
            report = await self._land(run, repository, step)
            if report.merged or report.unchanged:
                await to_its_end(self._clear(repository, step))
            return report

    async def _land(self, run: RunContext, repository: Repository, step: LandStep) -> LandReport:
        branch = BranchHead(self._context, run, repository, run.branch(step.sprint))
        landing = Landing(self._context, run, repository, step)
        try:
            if not step.commit:
                merged = await merged_before(self._context, run, repository, landing)
                return merged or await prove_unchanged(self._context, branch, landing)
            if step.verify_only or landing.proof.unanswered:
                return await self._verify(run, branch, landing)
            return await _InLine(self._context, run, branch, landing).land()
        except (RepositoryError, UnclaimedChange) as error:
            if was_killed(error):
                raise
            return failure_report(error)

    async def _verify(self, run: RunContext, branch: BranchHead, landing: Landing) -> LandReport:
        merged = await merged_before(self._context, run, branch.repository, landing)
        if merged is not None:
            return merged
        base = await branch.find()
        await self._context.database.write(_begin, landing)
        built = await landing.build(base)
        landing.check_changes(await changed_paths(branch.repository, built.base, built.commit))
        return await landing.proof.establish(built)

    async def _clear(self, repository: Repository, step: LandStep) -> None:
        """The work is on the sprint branch, so its worktree may go; what is left in it is preserved."""
        root = self._context.settings.worktree_root
        worktree = worktree_path(repository, root, step.project, step.story, step.attempt)
        try:
            await remove_worktree(repository, worktree)
        except RepositoryError as error:
            # The merge is made; a folder that cannot be removed now is no reason to hold up the story.
            log.warning("the worktree %s is left where it is: %s", worktree, error)


class _InLine:
    """One try of a landing that merges, from its place in the line to its report."""

    def __init__(
        self, context: ActivityContext, run: RunContext, branch: BranchHead, landing: Landing
    ) -> None:
        self._context = context
        self._run = run
        self._branch = branch
        self._landing = landing
        self._watch = context.merge_line(run, branch.branch)
        self._name = landing_name()
        self._holder = uuid.uuid4().hex

    async def land(self) -> LandReport:
        """Wait for the turn, and land; a repeat finds how its first try ended."""
        landing = self._landing
        async with self._watch.joined(landing.claim, self._name, landing.step, self._holder) as joined:
            if joined.mine.report is not None:
                return LandReport.model_validate(joined.mine.report)
            if not joined.fresh:
                merged = await merged_before(self._context, self._run, self._branch.repository, landing)
                if merged is not None:
                    await self._end(joined.mine, merged)
                    return merged
            while True:
                turn = await self._next_turn()
                if turn.report is not None:
                    return LandReport.model_validate(turn.report)
                await self._lead(turn.batch)

    async def _next_turn(self) -> Turn:
        return await self._watch.turn(self._landing.claim, self._name, self._holder)

    async def _lead(self, batch: list[Entry]) -> None:
        queue = self._run.route(self._landing.story).task_queue
        # Checks run where the agents of their stories do.
        alike = itertools.takewhile(
            lambda entry: self._run.route(self._run.story(entry.place.story)).task_queue == queue, batch
        )
        landings = [self._landing_of(entry) for entry in alike]
        try:
            await MergeRound(self._context, self._branch, self._branch.repository, landings).run()
        except RepositoryError as error:
            if was_killed(error):
                raise
            await self._end(batch[0], failure_report(error))

    def _landing_of(self, entry: Entry) -> Landing:
        step = LandStep.model_validate(entry.step)
        return Landing(self._context, self._run, self._branch.repository, step, entry)

    async def _end(self, entry: Entry, report: LandReport) -> None:
        place = entry.place
        values = report.model_dump(mode="json")
        await self._context.database.write(
            merge_line.end_place, place.line, place.claim, entry.landing, values
        )


def was_killed(error: PacelineError) -> bool:
    """Whether a git process was killed, by hand or for want of memory; another try of the activity helps."""
    return error.details.get("status", 0) < 0 and activity.info().attempt < _GIT_TRIES


async def merged_before(
    context: ActivityContext, run: RunContext, repository: Repository, landing: Landing
) -> LandReport | None:
    """A merge that an earlier try made and could not tell of, found by its trailer and its evidence."""
    merged = await find_own_merge(context, run, landing.story, repository)
    if merged is None:
        return None
    step = landing.step
    await context.database.write(record_merge, run, landing.story, merged, step.fence, step.attempt)
    return LandReport(verified=True, merged=True, merge_commit=merged)


def _begin(session: Session, landing: Landing) -> None:
    landing.check_holder(session)
    landing.show(session, StoryState.VERIFYING)
