"""Work that does not apply on a branch any more: what each side did, and the part of it that does apply."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field

from paceline.vcs.diff import changed_paths
from paceline.vcs.git import git
from paceline.vcs.merge import (
    MadeMerge,
    MergedTree,
    commit_dates,
    conflict_hunks,
    merge_trees,
    merges_between,
    write_commit,
)
from paceline.vcs.repository import Repository

_SIDE_CHARACTERS = 8_000
_PATHS = 100
_MERGES = 20


@dataclass(frozen=True)
class Conflict:
    """Where work and a branch disagree; all texts are bounded.

    `base` is the commit that both come from; None for histories with none in common. `merged` are the
    branch's commits since then that changed one of the paths, oldest first.
    """

    base: str | None
    head: str
    paths: list[str]
    hunks: dict[str, str]
    work_changed: str = ""
    branch_changed: str = ""
    merged: list[MadeMerge] = field(default_factory=list[MadeMerge])


async def find_conflict(repository: Repository, head: str, work: str) -> Conflict | None:
    """What keeps work from applying on a commit; None where it applies."""
    merged = await merge_trees(repository, head, work)
    if not merged.conflicts:
        return None
    paths = merged.conflicts[:_PATHS]
    hunks = await conflict_hunks(repository, merged)
    base = await _common(repository, head, work)
    if base is None:
        return Conflict(None, head, paths, hunks)
    raw = merged.raw[:_PATHS]
    return Conflict(
        base=base,
        head=head,
        paths=paths,
        hunks=hunks,
        work_changed=await _diff(repository, base, work, raw),
        branch_changed=await _diff(repository, base, head, raw),
        merged=(await merges_between(repository, base, head, raw))[-_MERGES:],
    )


async def carry_over(repository: Repository, head: str, work: str) -> str | None:
    """A commit on `head` with the part of the work that applies; what is in conflict is as in `head`.

    Building it again gives the same commit.

    Returns:
        None where nothing of it applies, or where that cannot be told apart file by file.
    """
    merged = await merge_trees(repository, head, work)
    base = await _common(repository, head, work)
    if base is None or len(merged.raw) > _PATHS:
        return None
    tree = await _resolved(repository, merged, head)
    if tree == await repository.tree_of(head):
        return None
    own = {change.path for change in await changed_paths(repository, base, work)}
    if not {change.path for change in await changed_paths(repository, head, tree)} <= own:
        # A folder against a file of the same name: git moved one of them aside.
        return None
    dates = await commit_dates(repository, work)
    text = "Carry over what applies of an earlier attempt\n"
    return await write_commit(repository, tree, (head,), text, dates)


async def _resolved(repository: Repository, merged: MergedTree, head: str) -> str:
    """The merged tree with its conflicting paths as they are in a commit, also where it has none of them."""
    if not merged.raw:
        return merged.tree
    cwd = repository.common_dir
    listed = await git(
        cwd, "ls-tree", "-r", "-z", "--full-tree", head, "--", *(os.fsdecode(path) for path in merged.raw)
    )
    kept = b"".join(row + b"\0" for row in listed.out.split(b"\0") if row)
    gone = b"".join(b"0 " + b"0" * len(head) + b"\t" + path + b"\0" for path in merged.raw)
    with tempfile.TemporaryDirectory(prefix="paceline-index-") as scratch:
        env = {"GIT_INDEX_FILE": os.path.join(scratch, "index")}
        await git(cwd, "read-tree", merged.tree, env=env)
        await git(cwd, "update-index", "-z", "--index-info", stdin=gone + kept, env=env)
        return (await git(cwd, "write-tree", env=env)).text


async def _common(repository: Repository, head: str, work: str) -> str | None:
    found = await git(repository.common_dir, "merge-base", head, work, accept=(0, 1))
    return found.text if found.code == 0 else None


async def _diff(repository: Repository, base: str, commit: str, paths: Sequence[bytes]) -> str:
    plain = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")
    named = [os.fsdecode(path) for path in paths]
    env = {"GIT_LITERAL_PATHSPECS": "1"}
    shown = await git(
        repository.common_dir, "diff-tree", "-r", "-p", *plain, base, commit, "--", *named, env=env
    )
    text = shown.out[: 4 * _SIDE_CHARACTERS].decode("utf-8", "replace")
    return text if len(text) <= _SIDE_CHARACTERS else f"{text[:_SIDE_CHARACTERS]}\n[the diff goes on]\n"
