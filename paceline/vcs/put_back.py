"""Takes back what somebody changed in a worktree who was only to look at it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from paceline.errors import RepositoryError
from paceline.vcs.attempts import read_attempt, record_folder
from paceline.vcs.diff import changed_paths
from paceline.vcs.filters import confined_filters
from paceline.vcs.index import PrivateIndex
from paceline.vcs.repository import Repository
from paceline.vcs.snapshot import take_snapshot


async def paths_beside(worktree: Path, commit: str) -> list[str]:
    """Paths in which a worktree is not as a commit has them; what is ignored does not count.

    Args:
        worktree: from `prepare_worktree`.
        commit: of its repository.

    Raises:
        RepositoryError: not a worktree of Paceline, or git cannot take a file.
    """
    repository, tree = await _content(worktree)
    return [change.path for change in await changed_paths(repository, commit, tree)]


async def put_back(worktree: Path, commit: str) -> None:
    """Make the content of a worktree what it is in a commit; a repeat changes nothing.

    Args:
        worktree: from `prepare_worktree`.
        commit: of its repository.

    Raises:
        RepositoryError: as for `paths_beside`.
    """
    repository, tree = await _content(worktree)
    if tree == await repository.tree_of(commit):
        return
    with tempfile.TemporaryDirectory(dir=record_folder(worktree), prefix="put-back-") as scratch:
        index = Path(scratch) / "index"
        work = PrivateIndex(repository, worktree, index, await confined_filters(repository))
        # Git removes only what is in the index, and follows no link on the way.
        await work.git("read-tree", tree)
        await work.git("read-tree", "--reset", "-u", commit)


async def _content(worktree: Path) -> tuple[Repository, str]:
    attempt = read_attempt(worktree)
    if attempt is None or not worktree.is_dir():
        raise RepositoryError(
            f"{worktree} is not a worktree of an attempt; prepare it first.", path=str(worktree)
        )
    repository = Repository(Path(attempt.repository), Path(attempt.repository))
    return repository, (await take_snapshot(repository, attempt)).tree
