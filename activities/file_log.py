"""Which files a run made, changed and removed, from git: its base to the heads of its sprint branches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from paceline.domain import ids
from paceline.domain.completion_summary import FileLog
from paceline.domain.status import Run
from paceline.vcs.diff import ChangedPath, changed_paths
from paceline.vcs.git import git
from paceline.vcs.repository import Repository


@dataclass(frozen=True)
class SprintBranch:
    """The branch of a sprint, and its head."""

    sprint: str
    name: str
    commit: str


async def sprint_branches(repository: Repository, project: str, sprints: Iterable[str]) -> list[SprintBranch]:
    """The branches of a run that are there, in the order of the sprints."""
    found: list[SprintBranch] = []
    for sprint in sprints:
        name = ids.sprint_branch(project, sprint)
        commit = await repository.resolve(f"refs/heads/{name}")
        if commit is not None:
            found.append(SprintBranch(sprint, name, commit))
    return found


async def read_file_log(run: Run, sprints: Iterable[str]) -> FileLog:
    """The files of a run.

    Args:
        run: has its repository and base; one without changed none.
        sprints: those that may have a branch.

    Raises:
        RepositoryError: the repository is gone, or its base.
    """
    if run.repository is None or run.base_commit is None:
        return FileLog()
    repository = await Repository.open(Path(run.repository))
    branches = await sprint_branches(repository, run.id, sprints)
    return await log_of_branches(repository, run.base_commit, branches)


async def log_of_branches(repository: Repository, base: str, branches: Iterable[SprintBranch]) -> FileLog:
    """The same of branches that are known."""
    heads = list(dict.fromkeys(branch.commit for branch in branches))
    if len(heads) > 1:
        # What one sprint made and the next, which began there, took away again is not there at the end.
        told = await git(repository.common_dir, "merge-base", "--independent", *heads)
        heads = [head for head in heads if head in set(told.text.split())]
    kinds: dict[str, set[str]] = {}
    for head in heads:
        for change in await changed_paths(repository, base, head):
            kinds.setdefault(change.path, set()).add(_kind(change))
    sorted_paths = sorted(kinds)
    return FileLog(
        new=[path for path in sorted_paths if "new" in kinds[path]],
        modified=[path for path in sorted_paths if "modified" in kinds[path]],
        deleted=[path for path in sorted_paths if kinds[path] == {"deleted"}],
    )


def _kind(change: ChangedPath) -> str:
    return {"added": "new", "deleted": "deleted"}.get(change.kind, "modified")
