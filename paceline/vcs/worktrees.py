"""One worktree an attempt: made once, found again after a crash, never removed before its work is kept."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import uuid
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

from paceline.domain.ids import preserved_ref
from paceline.vcs.attempts import (
    KEPT,
    RECORDS,
    Attempt,
    attempt_refs,
    branch_of,
    read_attempt,
    record_folder,
    root_of,
    worktree_path,
    write_attempt,
)
from paceline.vcs.history import REPLACED, keep_agent_commits, keep_tip
from paceline.vcs.locks import exclusive
from paceline.vcs.merge import commit_dates, merge_trees, write_commit
from paceline.vcs.private import check_out, is_whole, link_of, private_folder, read_origin, write_private
from paceline.vcs.private_tips import read_plain
from paceline.vcs.repository import Repository
from paceline.vcs.work import preserve_attempt


async def prepare_worktree(
    repository: Repository,
    root: Path,
    project: str,
    story: str,
    attempt: int,
    base_commit: str,
    start: str | None = None,
) -> Path:
    """Give an attempt its worktree; a second call finds the same one with its work in it.

    Args:
        root: the folder of all worktrees.
        base_commit: what the attempt's work is measured from. An attempt that exists keeps its first one.
        start: ref or commit of an earlier attempt's preserved work; work that was preserved of this very
            attempt goes before it. It is carried over where it applies to `base_commit` without conflict;
            `read_attempt` says whether it was, and what conflicted.

    Returns:
        The worktree's path.

    Raises:
        RepositoryError: git refused.
    """
    path = worktree_path(repository, root, project, story, attempt)
    async with attempt_lock(path):
        found = read_attempt(path)
        if found is not None and found.state == "ready" and path.is_dir():
            await _mend(repository, found)
            return path
        if found is not None:
            await _discard_unfinished(repository, found)
        else:
            # Without its record nobody knows what these are, and they are in the way.
            for left in (path, private_folder(path)):
                if left.exists():
                    keep_aside(left, path)
        fresh = Attempt(
            path=str(path),
            repository=str(repository.common_dir),
            branch=branch_of(project, story, attempt),
            project=project,
            story=story,
            attempt=attempt,
            base=base_commit,
            start=base_commit,
            state="creating",
        )
        await _create(repository, await _carried(repository, fresh, start))
    return path


async def remove_worktree(repository: Repository, worktree: Path) -> Path | None:
    """Remove an attempt's worktree after keeping what is in it; a second call does nothing.

    Returns:
        None, or where a folder was moved because git cannot preserve all of it: the history of a
        repository inside it, a checked out submodule, or commits of the agent's with missing objects.
    """
    async with attempt_lock(worktree):
        attempt = read_attempt(worktree)
        if attempt is None:
            return None
        kept: Path | None = None
        if attempt.state == "ready":
            kept = await _keep_everything(repository, attempt)
        await asyncio.to_thread(discard, worktree, root_of(worktree))
        await _drop_refs(repository, attempt)
        await asyncio.to_thread(discard, record_folder(worktree), root_of(worktree))
        return kept


async def _keep_everything(repository: Repository, attempt: Attempt) -> Path | None:
    """Preserve the files and commits; what git cannot take of them is moved aside as it is."""
    worktree, gitdir = attempt.worktree, private_folder(attempt.worktree)
    kept: Path | None = None
    nested = worktree.is_dir() and (await preserve_attempt(repository, attempt)).nested
    if not await keep_agent_commits(repository, attempt):
        kept = keep_aside(gitdir, worktree) if gitdir.is_dir() else None
        nested = worktree.is_dir() and (nested or (worktree / ".git").is_dir())
    return keep_aside(worktree, worktree) if nested else kept


def attempt_lock(worktree: Path) -> AbstractAsyncContextManager[None]:
    """One preparation or removal of a worktree at a time, in all processes."""
    name = f"{worktree.parent.name}-{worktree.name}.lock"
    return exclusive(root_of(worktree) / RECORDS / "locks" / name)


def discard(path: Path, root: Path) -> None:
    """Remove a folder: out of sight in one step, then its content, also from read-only folders in it."""
    if not path.exists():
        return
    trash = root / RECORDS / "trash" / uuid.uuid4().hex
    trash.parent.mkdir(parents=True, exist_ok=True)
    path.rename(trash)
    for folder, _, _ in os.walk(trash):
        if not os.access(folder, os.W_OK | os.X_OK):
            with contextlib.suppress(FileNotFoundError):
                os.chmod(folder, 0o700)
    # Another process may empty the trash at the same time; what stays is removed by the next who does.
    shutil.rmtree(trash, ignore_errors=True)


def keep_aside(path: Path, worktree: Path) -> Path:
    """Move a folder of an attempt to where nothing removes it."""
    name = f"{worktree.parent.name}-{worktree.name}-{uuid.uuid4().hex[:8]}"
    kept = root_of(worktree) / KEPT / (name if path == worktree else f"{name}-{path.name}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    return path.rename(kept)


async def _carried(repository: Repository, attempt: Attempt, start: str | None) -> Attempt:
    own = preserved_ref(attempt.project, attempt.story, attempt.attempt)
    earlier = await repository.resolve(own) or (await repository.resolve(start) if start else None)
    if earlier is None:
        return attempt
    merged = await merge_trees(repository, attempt.base, earlier)
    if merged.conflicts:
        return replace(attempt, conflicts=tuple(merged.conflicts[:100]))
    if merged.tree == await repository.tree_of(attempt.base):
        return attempt
    dates = await commit_dates(repository, earlier)
    text = "Carry over the work of an earlier attempt\n"
    commit = await write_commit(repository, merged.tree, (attempt.base,), text, dates)
    return replace(attempt, start=commit)


async def _create(repository: Repository, attempt: Attempt) -> None:
    path = attempt.worktree
    write_attempt(attempt)
    await _drop_refs(repository, attempt)
    await repository.put_ref(f"{_refs(attempt)}/start", attempt.start)
    gitdir = await check_out(repository, path, attempt.start, attempt.branch)
    write_attempt(replace(attempt, admin=str(gitdir), state="ready"))


async def _discard_unfinished(repository: Repository, attempt: Attempt) -> None:
    """Clear what a crash left of a worktree that no agent has seen, or the record of one that was deleted."""
    root, folder = root_of(attempt.worktree), record_folder(attempt.worktree)
    if attempt.state == "ready" and not await keep_agent_commits(repository, attempt):
        keep_aside(private_folder(attempt.worktree), attempt.worktree)
    await asyncio.to_thread(discard, attempt.worktree, root)
    await asyncio.to_thread(discard, folder, root)


async def _drop_refs(repository: Repository, attempt: Attempt) -> None:
    """Delete the attempt's refs once the work they hold is kept elsewhere."""
    refs = await repository.refs_below(_refs(attempt))
    work = refs.get(f"{_refs(attempt)}/work")
    if work is not None:
        await keep_tip(repository, attempt, work)
    await repository.drop_refs(refs)


def _refs(attempt: Attempt) -> str:
    return attempt_refs(attempt.project, attempt.story, attempt.attempt)


async def _mend(repository: Repository, attempt: Attempt) -> None:
    """Repair the link between a worktree and git that an agent may have cut; its files are not touched."""
    path, folder = attempt.worktree, record_folder(attempt.worktree)
    gitdir, link = private_folder(path), path / ".git"
    if not is_whole(gitdir):
        if gitdir.exists():
            gitdir.rename(folder / f"{REPLACED}{uuid.uuid4().hex[:8]}")
        await repository.put_ref(f"{_refs(attempt)}/start", attempt.start)
        write_private(repository, path, await read_origin(repository), attempt.start, attempt.branch)
    if not link.is_symlink() and read_plain(os.fsencode(link), 10_000) == link_of(gitdir):
        return
    if os.path.lexists(link):
        link.rename(folder / f"{REPLACED}{uuid.uuid4().hex[:8]}")
    link.write_bytes(link_of(gitdir))
    if attempt.admin != str(gitdir):
        write_attempt(replace(attempt, admin=str(gitdir)))
