"""Taking back commits of a branch without a worktree: as merges of work that does the opposite.

The opposite of a commit is written as a commit on top of it with the tree before it. Merging that to the
branch is a three-way merge whose base is the commit itself: what came after it stays, and what changed the
same lines conflicts. Nothing is deleted and no branch moves backwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from paceline.errors import MergeConflict
from paceline.vcs.merge import Candidate, candidate_on, commits_with_trailer, write_commit
from paceline.vcs.messages import commit_message
from paceline.vcs.repository import Repository

ROLLBACK_TRAILER = "Paceline-Rollback"
"""Its value is the workflow id of the rollback that a commit belongs to."""


async def revert(
    repository: Repository,
    base: str,
    branch: str,
    commit: str,
    message: str,
    trailers: Mapping[str, str],
    at: datetime,
) -> Candidate:
    """Build the merge to `base` that takes back what `commit` changed of its first parent.

    Args:
        base: the branch's head, or a candidate on it; `commit` is one of its ancestors.
        branch: its name, for messages.
        commit: a merge, or another revert, whose work then comes back.
        message: says what is done; its first line names the commit in a conflict's sentence.
        trailers: of both commits; they name this rollback, as the same opposite could be merged only once.
        at: the date of both commits, so that a repeat makes the same objects.

    Raises:
        MergeConflict: later changes are in the way; `details` has `paths` and `hunks`, both bounded.
    """
    opposite = await _write(repository, f"{commit}^1", commit, message, trailers, at)
    try:
        return await candidate_on(repository, base, branch, opposite, message, trailers)
    except MergeConflict as conflict:
        paths = conflict.details["paths"]
        shown = ", ".join(paths[:5]) + (" and others" if len(paths) > 5 else "")
        what = message.partition("\n")[0]
        raise MergeConflict(
            f"{what} is not possible on {branch}: later changes of {shown} are in the way; "
            "roll those back too.",
            **conflict.details,
        ) from None


async def return_to(
    repository: Repository,
    base: str,
    branch: str,
    boundary: str,
    message: str,
    trailers: Mapping[str, str],
    at: datetime,
) -> Candidate:
    """Build the merge to `base` whose files are, byte for byte, those of another commit."""
    work = await _write(repository, boundary, base, message, trailers, at)
    return await candidate_on(repository, base, branch, work, message, trailers)


async def find_rollback(repository: Repository, branch: str, base_commit: str, rollback: str) -> list[str]:
    """The commits of a rollback on the branch itself since `base_commit`, newest first."""
    return await commits_with_trailer(
        repository, branch, base_commit, ROLLBACK_TRAILER, rollback, "--first-parent"
    )


async def _write(
    repository: Repository,
    files_of: str,
    parent: str,
    message: str,
    trailers: Mapping[str, str],
    at: datetime,
) -> str:
    date = f"@{int(at.timestamp())} +0000"
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    tree = await repository.tree_of(files_of)
    return await write_commit(repository, tree, (parent,), commit_message(message, trailers), dates)
