"""Takes a worktree's content as a tree, whatever state the agent left git in.

An own index and the repository's own folder are used, never the worktree's HEAD, index or `.git` file: an
agent may have switched branch, hidden files with index flags, or deleted `.git`; the content is still taken.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from paceline.vcs.attempts import Attempt, record_folder
from paceline.vcs.disk import is_over_quota
from paceline.vcs.filters import confined_filters
from paceline.vcs.hidden import add_hidden
from paceline.vcs.index import PrivateIndex
from paceline.vcs.private_tips import read_plain
from paceline.vcs.repository import Repository

_INDEX_LIMIT = 500_000_000
_BOUND_BYTES, _BOUND_FILES = 100_000_000, 20_000
"""What is preserved at most of an attempt that took more room than it may."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """A worktree's content.

    `nested` are folders with a repository of their own whose files were taken but not their history, and
    submodules: git cannot preserve what is only in them. It is `.` where git did not take some file.
    """

    tree: str
    nested: list[str]


async def take_snapshot(repository: Repository, attempt: Attempt, whole: bool = True) -> Snapshot:
    """Write everything in the worktree that is not ignored to the object store.

    Args:
        repository: whose store it is.
        attempt: whose worktree it is.
        whole: refuse a file that git does not take, as a merge must have all of it. Otherwise, to preserve,
            that one is left out, and what only ignore rules of the agent's own hide is taken, up to a bound.

    Raises:
        RepositoryError: a file cannot be read or git does not accept its name, and all have to be taken.
    """
    folder = record_folder(attempt.worktree)
    with tempfile.TemporaryDirectory(dir=folder, prefix="snapshot-") as scratch:
        index = Path(scratch) / "index"
        work = PrivateIndex(repository, attempt.worktree, index, await confined_filters(repository))
        if (folder / "index").is_file():
            # Its stat data spare reading every unchanged file. The agent cannot set flags in this copy.
            await asyncio.to_thread(shutil.copy2, folder / "index", index)
        else:
            await work.git("read-tree", attempt.start)
        submodules = await work.submodules()
        if is_over_quota(attempt.worktree):
            left_out = await work.add_bounded(_BOUND_BYTES, _BOUND_FILES)
            log.warning("%s took too much room: %d paths are not preserved", attempt.path, left_out)
            return Snapshot((await work.git("write-tree")).text, [])
        nested = await work.nested_repositories(submodules)
        complete = await work.add_everything(nested, whole)
        await work.add_forced(read_plain(os.path.join(attempt.admin, "index"), _INDEX_LIMIT))
        for name in nested:
            await work.add_files_of(name)
        if not whole:
            await add_hidden(work, attempt.start, Path(scratch))
        tree = (await work.git("write-tree")).text
        kept = [os.fsdecode(name) for name in (*nested, *await work.populated(submodules))]
        return Snapshot(tree, kept if complete else [*kept, "."])
