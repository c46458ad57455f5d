"""Folders with dependencies, carried from one worktree's set-up to the next one of the same repository.

A cache holds only what a set-up command left, taken before an agent has seen it: what an agent does in its
worktree does not reach a later one. It is a copy with blocks shared where the file system can (reflinks), and
never hard links, as a write through one would reach every attempt at once.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path

from paceline.domain.ids import slug
from paceline.errors import RepositoryError, WorktreeSetup
from paceline.vcs.attempts import RECORDS, Attempt, record_folder, root_of
from paceline.vcs.disk import measure
from paceline.vcs.index import PrivateIndex
from paceline.vcs.locks import exclusive
from paceline.vcs.repository import Repository
from paceline.vcs.worktrees import discard

_COPY = ("cp", "-a", "--reflink=auto") if sys.platform == "linux" else ("cp", "-c", "-R", "-p")
_COPY_LIMIT = 900.0
_MANY = 10**15
"""No bound: what a set-up made is measured whole."""


async def restore_caches(repository: Repository, attempt: Attempt, names: Iterable[str]) -> list[str]:
    """Give a new worktree the folders that an earlier one's set-up left.

    Returns:
        The names that were there to give.

    Raises:
        WorktreeSetup: git does not ignore one of them, so that it would be part of the work.
    """
    given: list[str] = []
    for name in names:
        await _require_ignored(repository, attempt, name)
        cache, target = _cache(repository, attempt, name), attempt.worktree / name
        async with exclusive(cache.with_suffix(".lock")):
            if cache.is_dir() and not os.path.lexists(target) and _is_plain(attempt.worktree, target.parent):
                part = record_folder(attempt.worktree) / f"reuse-{uuid.uuid4().hex[:8]}"
                await asyncio.to_thread(_copy, cache, part)
                target.parent.mkdir(parents=True, exist_ok=True)
                part.rename(target)
                given.append(name)
    return given


async def save_caches(repository: Repository, attempt: Attempt, names: Iterable[str]) -> list[str]:
    """Keep the folders that a set-up left in a worktree, where they differ in size from those kept.

    Returns:
        The names whose cache was replaced.
    """
    saved: list[str] = []
    for name in names:
        cache, source = _cache(repository, attempt, name), attempt.worktree / name
        if not source.is_dir() or not _is_plain(attempt.worktree, source):
            continue
        async with exclusive(cache.with_suffix(".lock")):
            if cache.is_dir() and measure([cache], _MANY, _MANY) == measure([source], _MANY, _MANY):
                continue
            part = cache.with_name(f"{cache.name}-{uuid.uuid4().hex[:8]}.part")
            await asyncio.to_thread(_copy, source, part)
            await asyncio.to_thread(discard, cache, root_of(attempt.worktree))
            part.rename(cache)
            saved.append(name)
    return saved


def _cache(repository: Repository, attempt: Attempt, name: str) -> Path:
    folder = root_of(attempt.worktree) / RECORDS / "caches" / repository.identity()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / slug(name)


def _is_plain(worktree: Path, folder: Path) -> bool:
    """Whether the way from the worktree to a folder has no link on it."""
    between = [folder, *folder.parents]
    return not any(each.is_symlink() for each in between[: between.index(worktree)])


async def _require_ignored(repository: Repository, attempt: Attempt, name: str) -> None:
    index = PrivateIndex(repository, attempt.worktree, record_folder(attempt.worktree) / "index")
    if not await index.ignored([os.fsencode(f"{name.rstrip('/')}/x")]):
        raise WorktreeSetup(
            f"The folder {name} is to be reused and git does not ignore it, so it would be part of every "
            "story's work; add it to .gitignore, or take it out of `reuse`.",
            folder=name,
        )


def _copy(source: Path, target: Path) -> None:
    done = subprocess.run(
        [*_COPY, "--", str(source), str(target)], capture_output=True, check=False, timeout=_COPY_LIMIT
    )
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:300]
        raise RepositoryError(f"The folder {source} could not be copied: {said}", path=str(source))
