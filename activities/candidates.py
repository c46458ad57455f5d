"""One story on its way to the sprint's branch: its candidate, what it may change, and who may merge it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from activities.context import ActivityContext, RunContext
from activities.merges import record_merge
from activities.proof import CandidateProof
from activities.wishes import claimed_patterns
from paceline.contracts import LandReport, LandStep
from paceline.domain.globs import covers
from paceline.domain.states import FINAL_STATES, StoryState
from paceline.errors import MergeConflict, RepositoryError, StaleFence, UnclaimedChange
from paceline.store import claims, merge_line, status
from paceline.store.merge_line import Entry
from paceline.vcs.diff import ChangedPath
from paceline.vcs.merge import Candidate, candidate_on
from paceline.vcs.repository import Repository


class Landing:
    """What one story brings to the line.

    Args:
        entry: its place; None where it is only verified, and merges nothing.
    """

    def __init__(
        self,
        context: ActivityContext,
        run: RunContext,
        repository: Repository,
        step: LandStep,
        entry: Entry | None = None,
    ) -> None:
        self.step = step
        self.story = run.story(step.story)
        self.entry = entry
        self.proof = CandidateProof(context, run, self.story, repository, step)
        self.claim = run.workflow_id(self.story)
        self._run = run
        self._repository = repository
        self._claimed = run.patterns(self.story)

    async def build(self, base: str, dates: Mapping[str, str] | None = None) -> Candidate:
        """The merge of its work to a commit.

        Args:
            dates: of its work, where they are known already.

        Raises:
            MergeConflict: the work does not apply there.
        """
        branch = self._run.branch(self.step.sprint)
        return await candidate_on(
            self._repository, base, branch, self.step.commit, self._message(), self._trailers(), dates
        )

    def check_changes(self, changed: Sequence[ChangedPath]) -> None:
        """What is merged is compared with the claim once more: a rename on the branch can move a change.

        Raises:
            UnclaimedChange: the merge would change what the story did not claim.
        """
        foreign = [each.path for each in changed if not covers(self._claimed, each.path)]
        if foreign:
            raise UnclaimedChange(
                f"The merge would change {', '.join(foreign[:10])}, which {self.story.id} did not claim.",
                paths=foreign[:100],
            )

    def check_holder(self, session: Session) -> None:
        """Refuse an attempt that was replaced: by another holder, or by a later attempt of the same one.

        What the story holds now is noted for `check_changes`: its claim can have grown.

        Raises:
            StaleFence: it was.
        """
        claims.check_fence(session, self.claim, self.step.fence)
        self._claimed = claimed_patterns(session, self._run, self.story)
        row = status.story_status(session, self.step.project, self.story.id)
        if row.attempt != self.step.attempt or row.state in FINAL_STATES:
            raise StaleFence(
                f"Attempt {self.step.attempt} of {self.story.id} was replaced by attempt {row.attempt} "
                f"({row.state.value}); its work is preserved and is not merged."
            )

    def waits(self, session: Session) -> bool:
        """Whether its place still waits with this landing, and nobody gave it up or ended it meanwhile."""
        if self.entry is None:
            return True
        entry = merge_line.entry_of(session, self.entry.place.line, self.claim)
        if entry is None or entry.report is not None or entry.place.holder is None:
            return False
        return entry.landing == self.entry.landing

    def show(self, session: Session, state: StoryState, reason: str | None = None) -> None:
        """Say where the story stands."""
        status.set_story(
            session, self.step.project, self.story.id, state=state, reason=reason, reason_code=None
        )

    def end(self, session: Session, report: LandReport) -> None:
        """Write down how the landing ended, for its own activity to find."""
        if self.entry is not None:
            place = self.entry.place
            merge_line.end_place(
                session, place.line, place.claim, self.entry.landing, report.model_dump(mode="json")
            )

    def record(self, session: Session, built: Candidate, evidence: str | None) -> None:
        """Note the merge, in the transaction that makes it."""
        record_merge(session, self._run, self.story, built.commit, self.step.fence, self.step.attempt)
        self.end(
            session,
            LandReport(verified=True, merged=True, merge_commit=built.commit, evidence=evidence),
        )

    def _message(self) -> str:
        title = " ".join(self.story.title.split())[:120]
        return f"Merge {self.story.id}: {title}"

    def _trailers(self) -> dict[str, str]:
        return {
            "Paceline-Story": self.claim,
            "Paceline-Attempt": str(self.step.attempt),
            "Paceline-Fence": str(self.step.fence),
        }


def failure_report(error: RepositoryError | UnclaimedChange) -> LandReport:
    """What a story is told of a landing that git or its claim does not allow."""
    report = LandReport(verified=False, code=error.code, reason=error.message[:2000])
    if isinstance(error, MergeConflict):
        sides = {"conflicts": error.details["paths"], "hunks": error.details["hunks"]}
        return report.model_copy(update=sides)
    return report


def may_merge(session: Session, landings: Sequence[Landing]) -> list[Landing]:
    """Those of a batch that still wait under a claim that is theirs; their claims stay locked.

    Returns:
        In the given order; nobody where the first one does not wait any more.

    Raises:
        StaleFence: the first one was replaced.
    """
    replaced: list[Landing] = []
    # In one order everywhere, so that no two transactions wait for each other in a circle.
    for landing in sorted(landings, key=lambda each: each.claim):
        try:
            landing.check_holder(session)
        except StaleFence:
            if landing is landings[0]:
                raise
            replaced.append(landing)
    waiting = [each for each in landings if each not in replaced and each.waits(session)]
    return waiting if landings[0] in waiting else []
