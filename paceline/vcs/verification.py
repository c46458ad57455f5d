"""A clean checkout of one commit to run checks in."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from paceline.vcs.attempts import RECORDS, record_folder, root_of
from paceline.vcs.locks import try_lock
from paceline.vcs.private import check_out
from paceline.vcs.repository import Repository, is_id
from paceline.vcs.worktrees import discard

_FOLDER = "verify"


@asynccontextmanager
async def verification_checkout(repository: Repository, root: Path, commit: str) -> AsyncGenerator[Path]:
    """A checkout of `commit` with a private repository of its own, removed at the end, after a failure too.

    Its owner is this block, which holds a file lock beside it; a checkout whose lock is free belongs to a
    process that died, and the next call removes it.
    """
    root = root.resolve()
    await _remove_stale(repository, root)
    path = root / f"{_FOLDER}-{repository.identity()[:6]}" / f"{commit[:12]}-{uuid.uuid4().hex[:8]}"
    lock_path = _lock_path(root, path)
    lock = try_lock(lock_path)
    try:
        found = commit if is_id(commit) else await repository.resolve(commit) or commit
        # A candidate has no ref yet; a `git gc` of the user's would take it away.
        await repository.put_ref(_ref_of(path), found)
        await check_out(repository, path, found, None)
        yield path
    finally:
        await asyncio.shield(_remove(repository, path))
        lock_path.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def _lock_path(root: Path, path: Path) -> Path:
    return root / RECORDS / _FOLDER / path.parent.name / path.name


def _ref_of(path: Path) -> str:
    return f"refs/paceline/verify/{path.name}/commit"


async def _remove(repository: Repository, path: Path) -> None:
    await asyncio.to_thread(discard, path, root_of(path))
    await asyncio.to_thread(discard, record_folder(path), root_of(path))
    await repository.drop_ref(_ref_of(path))


async def _remove_stale(repository: Repository, root: Path) -> None:
    folder = root / RECORDS / _FOLDER / f"{_FOLDER}-{repository.identity()[:6]}"
    for lock_path in sorted(folder.glob("*")) if folder.is_dir() else []:
        lock = try_lock(lock_path)
        if lock is None:
            continue
        try:
            await _remove(repository, root / lock_path.parent.name / lock_path.name)
            lock_path.unlink(missing_ok=True)
        finally:
            os.close(lock)
    trash = root / RECORDS / "trash"
    if trash.is_dir():
        await asyncio.to_thread(_empty, trash)


def _empty(trash: Path) -> None:
    """What a process that died half-way through a removal left; another's removal in progress is no harm."""
    for folder in trash.iterdir():
        shutil.rmtree(folder, ignore_errors=True)
