"""What Paceline remembers of an attempt's worktree, kept outside it, where the agent's git does not reach.

Under one root there are `<project>-<repository>/<story>-<attempt>`, the worktrees; `.paceline/`, the records;
and `kept/`, folders that hold something git could not preserve.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from paceline.domain.ids import attempt_branch, preserved_ref, slug
from paceline.vcs.repository import Repository

RECORDS = ".paceline"
KEPT = "kept"


@dataclass(frozen=True)
class Attempt:
    """One attempt's worktree.

    `base` is the commit its work is measured from; `start` the commit it began at, which is `base` or `base`
    with the work of an earlier attempt carried over. `branch` and `admin` are the branch and the folder
    of its private repository.
    """

    path: str
    repository: str
    branch: str
    project: str
    story: str
    attempt: int
    base: str
    start: str
    state: Literal["creating", "ready"]
    admin: str = ""
    conflicts: tuple[str, ...] = ()
    """Paths for which the earlier attempt's work did not apply, so that it was not carried over."""

    @property
    def carried_over(self) -> bool:
        """Whether it began with the work of an earlier attempt."""
        return self.start != self.base

    @property
    def worktree(self) -> Path:
        """The folder the agent works in."""
        return Path(self.path)


def worktree_path(repository: Repository, root: Path, project: str, story: str, attempt: int) -> Path:
    """Where an attempt works: readable, of bounded length, one place a repository, project and attempt."""
    folder = f"{slug(project, 40)}-{repository.identity()[:6]}"
    return root.resolve() / folder / f"{slug(story, 40)}-{attempt}"


def branch_of(project: str, story: str, attempt: int) -> str:
    """The attempt's branch, without `refs/heads/`."""
    return attempt_branch(project, story, attempt)


def attempt_refs(project: str, story: str, attempt: int) -> str:
    """Below it stand, in the user's repository, `start` and `work`: what an attempt needs while it lasts.

    They keep a `git gc` from taking the commits away, and are no branches, so that branch lists stay short.
    """
    return preserved_ref(project, story, attempt).replace("/preserved/", "/attempts/", 1)


def root_of(worktree: Path) -> Path:
    """The root that a worktree's path was made under."""
    return worktree.parent.parent


def record_folder(worktree: Path) -> Path:
    """Where the record and the saved index of a worktree are."""
    return root_of(worktree) / RECORDS / worktree.parent.name / worktree.name


def read_attempt(worktree: Path) -> Attempt | None:
    """The record of a worktree; None where there is none."""
    try:
        facts = json.loads((record_folder(worktree) / "attempt.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    return Attempt(**(facts | {"conflicts": tuple(facts["conflicts"])}))


def write_attempt(attempt: Attempt) -> Attempt:
    """Write the record, whole or not at all."""
    folder = record_folder(attempt.worktree)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "attempt.json.part"
    with part.open("w", encoding="utf-8") as file:
        json.dump(asdict(attempt), file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / "attempt.json")
    return attempt
