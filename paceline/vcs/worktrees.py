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
from paceline.errors import RepositoryError
from paceline.vcs.attempts import (
    KEPT,
    RECORDS,
    Attempt,
    branch_of,
    read_attempt,
    record_folder,
    root_of,
    worktree_path,
    write_attempt,
)
from paceline.vcs.git import git
from paceline.vcs.locks import exclusive
from paceline.vcs.merge import commit_dates, merge_trees, write_commit
from paceline.vcs.repository import Repository
from paceline.vcs.work import keep_agent_commits, keep_tip, preserve_attempt

LOCK_REASON = "Paceline works here"


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
        elif path.exists():
            keep_aside(path)
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
        None, or where the folder was moved because git cannot preserve all of it: the history of a
        repository inside it, or a checked out submodule.
    """
    async with attempt_lock(worktree):
        attempt = read_attempt(worktree)
        if attempt is None:
            return None
        kept: Path | None = None
        if attempt.state == "ready" and worktree.is_dir():
            snapshot = await preserve_attempt(repository, attempt)
            await keep_agent_commits(repository, attempt)
            if snapshot.nested:
                kept = keep_aside(worktree)
        await asyncio.to_thread(discard, worktree)
        await forget_admin(repository, worktree)
        await _drop_branch(repository, attempt)
        shutil.rmtree(record_folder(worktree), ignore_errors=True)
        return kept


def attempt_lock(worktree: Path) -> AbstractAsyncContextManager[None]:
    """One preparation or removal of a worktree at a time, in all processes."""
    name = f"{worktree.parent.name}-{worktree.name}.lock"
    return exclusive(root_of(worktree) / RECORDS / "locks" / name)


async def add_worktree(repository: Repository, path: Path, *what: str) -> Path:
    """Register a worktree without files and return git's folder for it.

    Its lock keeps a `git worktree prune` or `git gc` that someone runs from forgetting it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ("worktree", "add", "-f", "--no-checkout", "--lock", "--reason", LOCK_REASON)
    async with exclusive(_repository_lock(repository, path)):
        await git(repository.common_dir, *command, str(path), *what)
    return Path((await git(path, "rev-parse", "--absolute-git-dir")).text)


async def forget_admin(repository: Repository, worktree: Path) -> None:
    """Remove git's folders for one path. Other worktrees, even stale ones, are the user's to prune."""
    async with exclusive(_repository_lock(repository, worktree)):
        for admin in (repository.common_dir / "worktrees").glob("*"):
            try:
                named = os.fsdecode((admin / "gitdir").read_bytes().rstrip(b"\n"))
            except FileNotFoundError:
                continue
            if named == str(worktree / ".git"):
                shutil.rmtree(admin)


def discard(path: Path) -> None:
    """Remove a folder: out of sight in one step, then its content, also from read-only folders in it."""
    if not path.exists():
        return
    trash = root_of(path) / RECORDS / "trash" / uuid.uuid4().hex
    trash.parent.mkdir(parents=True, exist_ok=True)
    path.rename(trash)
    for folder, _, _ in os.walk(trash):
        if not os.access(folder, os.W_OK | os.X_OK):
            with contextlib.suppress(FileNotFoundError):
                os.chmod(folder, 0o700)
    # Another process may empty the trash at the same time; what stays is removed by the next who does.
    shutil.rmtree(trash, ignore_errors=True)


def keep_aside(path: Path) -> Path:
    """Move a folder to where nothing removes it."""
    kept = root_of(path) / KEPT / f"{path.parent.name}-{path.name}-{uuid.uuid4().hex[:8]}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    return path.rename(kept)


def _repository_lock(repository: Repository, worktree: Path) -> Path:
    return root_of(worktree) / RECORDS / "locks" / f"repository-{repository.identity()}.lock"


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
    await _drop_branch(repository, attempt)
    await repository.set_ref(f"refs/heads/{attempt.branch}", attempt.start)
    admin = await add_worktree(repository, path, attempt.branch)
    await git(path, "reset", "--hard", "--quiet")
    shutil.copy2(admin / "index", record_folder(path) / "index")
    write_attempt(replace(attempt, admin=str(admin), state="ready"))


async def _discard_unfinished(repository: Repository, attempt: Attempt) -> None:
    """Clear what a crash left of a worktree that no agent has seen, or the record of one that was deleted."""
    if attempt.state == "ready":
        await keep_agent_commits(repository, attempt)
    await asyncio.to_thread(discard, attempt.worktree)
    await forget_admin(repository, attempt.worktree)


async def _drop_branch(repository: Repository, attempt: Attempt) -> None:
    """Delete the attempt's branch once its tip is kept elsewhere, so that branch lists stay short."""
    ref = f"refs/heads/{attempt.branch}"
    tip = await repository.resolve(ref)
    if tip is None:
        return
    await keep_tip(repository, attempt, tip)
    await git(repository.common_dir, "update-ref", "--no-deref", "-d", ref, tip)


async def _mend(repository: Repository, attempt: Attempt) -> None:
    """Repair the link between a worktree and git that an agent may have cut; its files are not touched."""
    path, admin = attempt.worktree, Path(attempt.admin)
    link = path / ".git"
    wanted = f"gitdir: {admin}\n"
    if admin.is_dir() and link.is_file() and not link.is_symlink() and link.read_text("utf-8") == wanted:
        return
    if os.path.lexists(link):
        link.rename(record_folder(path) / f"replaced-git-{uuid.uuid4().hex[:8]}")
    if admin.is_dir():
        link.write_text(wanted, "utf-8")
        return
    if await repository.resolve(f"refs/heads/{attempt.branch}") is None:
        await repository.set_ref(f"refs/heads/{attempt.branch}", attempt.start)
    spare = path.with_name(f"{path.name}-mended")
    discard(spare)
    admin = await add_worktree(repository, spare, attempt.branch)
    (spare / ".git").rename(link)
    (admin / "gitdir").write_text(f"{link}\n", "utf-8")
    discard(spare)
    await git(path, "reset", "--quiet", accept=(0, 1))
    write_attempt(replace(attempt, admin=str(admin)))
    if (await git(path, "rev-parse", "HEAD", accept=(0, 128))).code:
        raise RepositoryError(f"The worktree {path} cannot be linked to git again.", path=str(path))
