"""Taking back what was merged: what stands on a branch, what builds on it, and what a rollback changes.

A branch only grows. Its history is read as changes to one line of commits: a story's merge, a commit of a
rollback, or neither. What stands after each of them follows from those before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from paceline.domain.graph import dependants
from paceline.domain.model import Frozen, Model
from paceline.errors import Conflict, NotFound

START = "start"
"""The boundary before the first story of the newest sprint."""

Choice = Literal["all", "named"]
"""What is taken back: with the stories that build on it, or only what was named."""


class RollbackKind(StrEnum):
    """What a rollback takes back."""

    STORY = "story"
    """One story; its dependants are asked about."""
    BOUNDARY = "boundary"
    """Everything after the merge of a story, or a return to what was there after it."""
    UNDO = "undo"
    """An earlier rollback, by its number."""


class RollbackState(StrEnum):
    """Where a rollback stands; made and refused are final."""

    OPEN = "open"
    MADE = "made"
    REFUSED = "refused"


class RollbackCommit(Frozen):
    """One commit of a rollback, and the stories that it takes away and brings back."""

    commit: str
    reverts: list[str] = Field(default_factory=list[str])
    restores: list[str] = Field(default_factory=list[str])


class NotedRollback(Frozen):
    """Commits that are about to be made, written down before the branch moves: the evidence of a rollback."""

    commits: list[RollbackCommit]
    decided_by: str = ""
    fence: int | None = None

    @property
    def tip(self) -> str:
        """Where the branch is once they are made."""
        return self.commits[-1].commit


class Rollback(Model):
    """A rollback that a person asked for, and what became of it."""

    id: str
    """Its workflow id."""
    project: str
    number: int
    kind: RollbackKind
    target: str
    asked_by: str
    confirmed_by: str | None = None
    """Who confirmed it beforehand; asked about all the same where more is at stake than was named."""
    state: RollbackState = RollbackState.OPEN
    question: str | None = None
    """The last question that was asked about it."""
    decided_by: str | None = None
    branch: str | None = None
    commits: list[RollbackCommit] = Field(default_factory=list[RollbackCommit])
    code: str | None = None
    """Why it was refused, as a code of `paceline.errors`, `REJECTED` or `CANCELLED`."""
    reason: str | None = None
    details: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Of a conflict: `paths` and `hunks`."""
    asked_at: datetime
    ended_at: datetime | None = None

    @property
    def reverted(self) -> list[str]:
        """The stories that it took away, in the order in which it did."""
        return [story for each in self.commits for story in each.reverts]

    @property
    def restored(self) -> list[str]:
        """The stories that it brought back."""
        return [story for each in self.commits for story in each.restores]


class Boundary(Model):
    """A state that the branch can be returned to: right after a story's merge, or the start."""

    story: str
    """The story's id, or `start`."""
    title: str
    commit: str
    at: datetime | None = None
    proved_by: list[str] = Field(default_factory=list[str])
    standing: bool = True
    """Whether the story's work is on the branch now."""


class Outcome(Model):
    """What one choice would change, found out without moving anything."""

    reverts: list[str] = Field(default_factory=list[str])
    restores: list[str] = Field(default_factory=list[str])
    paths: list[str] = Field(default_factory=list[str])
    stat: str = ""
    failures: list[str] = Field(default_factory=list[str])
    """Checks of the stories that would remain, which fail on the result; a sentence each."""
    conflict: str = ""
    details: dict[str, Any] = Field(default_factory=dict[str, Any])

    def fingerprint(self) -> str:
        """The same text for the same change; what a person confirmed is compared by it."""
        facts = self.model_dump(mode="json", include={"reverts", "restores", "paths", "conflict"})
        # What a failing check prints may differ each time; which one fails does not.
        facts["failures"] = sorted(each.partition("\n")[0] for each in self.failures)
        facts["reverts"], facts["restores"] = sorted(self.reverts), sorted(self.restores)
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Change:
    """One commit on the branch; `parent` is the commit that the branch was at before."""

    commit: str
    parent: str
    story: str | None = None
    rollback: int | None = None
    reverts: tuple[str, ...] = ()
    restores: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    """The changes of a branch since `base`, oldest first; `start` is where its newest sprint began."""

    branch: str
    base: str
    start: str
    changes: Sequence[Change]
    rollbacks: Sequence[Rollback] = field(default_factory=tuple[Rollback, ...])

    @property
    def head(self) -> str:
        """The commit that the branch is at."""
        return self.changes[-1].commit if self.changes else self.base

    @cached_property
    def merges(self) -> dict[str, Change]:
        """Each story's merge, in the order of the merges."""
        return {change.story: change for change in self.changes if change.story is not None}

    def standing(self, commit: str | None = None) -> list[str]:
        """The stories whose work is there after a commit, in the order of their merges."""
        found: dict[str, None] = {}
        for change in self.changes if commit != self.base else ():
            if change.story is not None:
                found[change.story] = None
            for story in change.reverts:
                found.pop(story, None)
            found.update(dict.fromkeys(change.restores))
            if change.commit == commit:
                break
        return [story for story in self.merges if story in found]

    def after(self, change: Change) -> list[Change]:
        """The changes that came after one."""
        return list(self.changes[list(self.changes).index(change) + 1 :])

    def boundary(self, target: str) -> str:
        """The commit of a boundary.

        Raises:
            Conflict: the story has not merged.
        """
        return self.start if target == START else self.merge(target).commit

    def merge(self, story: str) -> Change:
        """The merge of a story.

        Raises:
            Conflict: it has not merged.
        """
        found = self.merges.get(story)
        if found is None:
            raise Conflict(
                f"{story} has no merge on {self.branch}, so there is nothing of it to roll back.", story=story
            )
        return found

    def undone(self, number: int) -> bool:
        """Whether a later rollback took this one back, and stands itself."""
        return any(
            each.kind is RollbackKind.UNDO
            and each.target == str(number)
            and each.state is RollbackState.MADE
            and not self.undone(each.number)
            for each in self.rollbacks
        )

    def targets(self, kind: RollbackKind, target: str) -> list[Change]:
        """The changes that a rollback names, newest first; none for a boundary, which names a state.

        Raises:
            Conflict: there is nothing to take back; `details["already"]` where it was done before.
            NotFound: there is no such rollback.
        """
        if kind is RollbackKind.STORY:
            merge = self.merge(target)
            if target not in self.standing():
                raise Conflict(f"{target} is rolled back already.", already=True)
            return [merge]
        if kind is RollbackKind.BOUNDARY:
            commit = self.boundary(target)
            if self.head == commit:
                raise Conflict(f"{self.branch} is at that boundary already.", already=True)
            return []
        return self._commits_of(target)

    def _commits_of(self, target: str) -> list[Change]:
        number = int(target) if target.isdecimal() else 0
        found = [change for change in self.changes if change.rollback == number and number]
        if not found:
            raise NotFound(f"No rollback {target} was made on {self.branch}.", rollback=target)
        if self.undone(number):
            raise Conflict(f"Rollback {target} is rolled back already.", already=True)
        return found[::-1]


def builds_on(
    history: History,
    named: Collection[Change],
    edges: Mapping[str, Sequence[str]],
    paths: Mapping[str, Collection[str]],
) -> dict[str, str]:
    """Stories on the branch that build on changes: by the plan, or because they changed the same files since.

    Args:
        history: of the branch.
        named: what is to be taken back.
        edges: dependencies by story id.
        paths: changed paths by commit, of the named changes and of every merge that stands.

    Returns:
        Story id to the reason, in the order of the merges.
    """
    standing = history.standing()
    found: dict[str, str] = {}
    mine = {change.story for change in named}
    queue = list(named)
    while queue:
        change = queue.pop(0)
        reasons = dict.fromkeys(_later(change.story, edges), f"depends on {change.story}")
        for later in history.after(change):
            shared = sorted(set(paths.get(later.commit, ())) & set(paths.get(change.commit, ())))
            if later.story and shared:
                since = change.story or f"rollback {change.rollback}"
                reasons.setdefault(later.story, f"changed {shared[0]} after {since}")
        for story, reason in reasons.items():
            if story in standing and story not in found and story not in mine:
                found[story] = reason
                queue.append(history.merges[story])
    return {story: found[story] for story in standing if story in found}


def _later(story: str | None, edges: Mapping[str, Sequence[str]]) -> list[str]:
    """Everything that depends on a story, over any number of steps."""
    if story is None:
        return []
    direct = dependants({key: list(values) for key, values in edges.items()})
    found: dict[str, None] = {}
    queue = list(direct.get(story, []))
    while queue:
        each = queue.pop(0)
        if each not in found:
            found[each] = None
            queue += direct.get(each, [])
    return list(found)


def waits_on(stories: Collection[str], edges: Mapping[str, Sequence[str]]) -> set[str]:
    """Every story that depends on one of these, over any number of steps."""
    return {later for story in stories for later in _later(story, edges)}


def difference(before: Sequence[str], after: Sequence[str]) -> tuple[list[str], list[str]]:
    """The stories that go, the newest first, and those that come back."""
    gone = [story for story in reversed(before) if story not in after]
    return gone, [story for story in after if story not in before]


def find_story(stories: Collection[str], written: str) -> str:
    """The story that a person means: its id, or the end of it (`1.2`).

    Raises:
        NotFound: no story is meant, or several are.
    """
    if written in stories:
        return written
    fit = [story for story in stories if story.lower().endswith(f" {written.strip().lower()}")]
    if len(fit) == 1:
        return fit[0]
    why = f"may be one of {', '.join(fit)}" if fit else "is no story of this plan"
    raise NotFound(f"{written} {why}; `paceline status PROJECT` lists the stories.")
