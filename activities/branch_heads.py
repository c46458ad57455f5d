"""Where a sprint's branch is: where Paceline left it, or that is found out and put right.

Agents and people can write in the repository. A head that Paceline did not set is kept under
`refs/paceline/moved/`, told in an event, and the branch goes back (decision 0013).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from activities import rollback_rows
from activities.context import ActivityContext, RunContext
from activities.merges import EVIDENCE, evidence_path, record_merge
from activities.rollback_evidence import FoundRollback, find_evidence
from paceline.contracts import LandReport
from paceline.domain import ids
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Story
from paceline.errors import BranchCheckedOut, BranchMoved, RepositoryError
from paceline.store import artifacts, events, merge_line
from paceline.vcs.merge import MadeMerge, merges_between
from paceline.vcs.protection import restore_branch, verify_branch
from paceline.vcs.repository import Repository

_UNPROVEN = {"failed", "not_run"}


@dataclass(frozen=True)
class Merged:
    """A merge that Paceline made, and had no time to record."""

    story: Story
    commit: str
    attempt: int
    evidence: str


@dataclass(frozen=True)
class BranchHead:
    """The head of one branch."""

    context: ActivityContext
    run: RunContext
    repository: Repository
    branch: str

    @property
    def line(self) -> str:
        """Names the merge line of the branch."""
        return self.run.line(self.branch)

    async def find(self) -> str:
        """Where the branch is, after it was put right if somebody else moved it.

        Raises:
            BranchCheckedOut: it was moved, and cannot be put back under the checkout it is in.
            RepositoryError: it is gone, and nobody knows where it was.
        """
        expected = await self.context.database.read(merge_line.head_of, self.line)
        if expected is None:
            return await self._first()
        try:
            return await verify_branch(self.repository, self.branch, expected)
        except BranchMoved as moved:
            return await self._put_right(moved, expected)

    async def _first(self) -> str:
        """Of a run that began before heads were written down, the branch's head is believed."""
        found = await self.repository.resolve(f"refs/heads/{self.branch}")
        if found is None:
            raise RepositoryError(
                f"{self.repository.path} has no branch {self.branch} to merge to.", branch=self.branch
            )
        await self.context.database.write(merge_line.note_head, self.line, found)
        return found

    async def _put_right(self, moved: BranchMoved, expected: str) -> str:
        found = moved.details["found"]
        own = await self._unrecorded(expected, found) if found else None
        if own is not None:
            await self.context.database.write(self._adopt, own, found)
            return found
        for checkout in await self.repository.checkouts_of(self.branch):
            raise BranchCheckedOut(
                f"{moved.message} It is checked out at {checkout}; switch that checkout to another branch. "
                "What was committed there is kept.",
                branch=self.branch,
                checkout=str(checkout),
            )
        kept = await restore_branch(self.repository, moved)
        await self.context.database.write(self._tell, expected, found, kept)
        return expected

    async def _unrecorded(self, expected: str, found: str) -> list[Merged | FoundRollback] | None:
        """What leads from one head to the other, if all of it is Paceline's own and proven."""
        between = await merges_between(self.repository, expected, found)
        if not between or between[0].parents[:1] != (expected,):
            return None
        own: list[Merged | FoundRollback] = []
        while between:
            each = await self._own(between[0]) or await self._own_rollback(between)
            if each is None:
                return None
            own.append(each)
            del between[: len(each.made.commits) if isinstance(each, FoundRollback) else 1]
        return own

    async def _own_rollback(self, between: Sequence[MadeMerge]) -> FoundRollback | None:
        return await find_evidence(self.context, self.run, [each.commit for each in between])

    async def _own(self, made: MadeMerge) -> Merged | None:
        by_claim = {self.run.workflow_id(story): story for story in self.run.plan.stories}
        story = by_claim.get(made.story_workflow_id or "")
        if story is None or len(made.parents) != 2:
            return None
        kept = await self.context.database.read(artifacts.list_artifacts, self.run.run.id, story.id, EVIDENCE)
        root = self.context.settings.artifact_root
        known = [root / each.path for each in kept]
        # The file is there also where an older copy of the database was brought back.
        folder = root / self.run.run.id / "stories" / ids.slug(story.id)
        name = evidence_path(folder, made.commit).name
        for path in [*known, *sorted(folder.glob(f"attempt-*/{name}"))]:
            if path.name != name or not path.is_file():
                continue
            evidence = json.loads(path.read_text("utf-8"))
            if evidence["candidate"] != made.commit:
                continue
            if any(proof["verdict"] in _UNPROVEN for proof in evidence["proofs"]):
                return None
            return Merged(story, made.commit, evidence["attempt"], path.relative_to(root).as_posix())
        return None

    def _adopt(self, session: Session, own: Sequence[Merged | FoundRollback], head: str) -> None:
        """Record what was made by one who died before the transaction was committed."""
        for each in own:
            if isinstance(each, FoundRollback):
                rollback_rows.adopt(session, each.rollback, self.branch, each.made, self.line)
                continue
            claim = self.run.workflow_id(each.story)
            entry = merge_line.entry_of(session, self.line, claim)
            fence = entry.step["fence"] if entry is not None else None
            record_merge(session, self.run, each.story, each.commit, fence, each.attempt)
            if entry is not None:
                report = LandReport(verified=True, merged=True, merge_commit=each.commit)
                merge_line.end_place(session, self.line, claim, entry.landing, report.model_dump(mode="json"))
        merge_line.note_head(session, self.line, head)

    def _tell(self, session: Session, expected: str, found: str | None, kept: str | None) -> None:
        draft = EventDraft(
            key=f"{self.line}#restored#{expected}#{found}",
            type=EventType.WORKFLOW_EVENT,
            name="branch.restored",
            data={"branch": self.branch, "found": found, "restored_to": expected, "kept": kept},
        )
        events.append_events(session, self.run.run.id, [draft])
