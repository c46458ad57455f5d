"""How much room an attempt takes on the disk, measured quickly and within bounds."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from paceline.errors import DiskFull
from paceline.vcs.attempts import record_folder

_BLOCK = 512
OVER_QUOTA = "over-quota"
"""A mark beside the record of an attempt that took too much; its work is then preserved up to a bound."""


@dataclass(frozen=True)
class Usage:
    """Bytes on the disk and files; where a bound was reached, at least so many."""

    bytes: int
    files: int

    def over(self, max_bytes: int, max_files: int) -> bool:
        """Whether it is more than a quota."""
        return self.bytes > max_bytes or self.files > max_files


def measure(folders: list[Path], max_bytes: int, max_files: int) -> Usage:
    """The room that folders take, links not followed and a file with several names counted once.

    Looking stops as soon as a bound is passed, so a hostile million of files costs no more than the bound.
    """
    size = files = 0
    seen: set[tuple[int, int]] = set()
    waiting = [os.fsencode(folder) for folder in folders]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    facts = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                files += 1
                if facts.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                    if (facts.st_dev, facts.st_ino) in seen:
                        continue
                    seen.add((facts.st_dev, facts.st_ino))
                size += facts.st_blocks * _BLOCK
                if size > max_bytes or files > max_files:
                    return Usage(size, files)
    return Usage(size, files)


def attempt_usage(worktree: Path, max_bytes: int, max_files: int) -> Usage:
    """The room that an attempt takes: its worktree and its private repository."""
    return measure([worktree, record_folder(worktree)], max_bytes, max_files)


def require_room(root: Path, least: int) -> None:
    """See that the volume of the worktrees has room for another attempt.

    Args:
        root: the folder of all worktrees; made if absent.
        least: bytes that have to be free.

    Raises:
        DiskFull: it has less.
    """
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if free < least:
        raise DiskFull(
            f"Only {free // 1_000_000} MB are free at {root} and an attempt starts with {least // 1_000_000} "
            "MB; make room, or lower PACELINE_WORKTREE_MIN_FREE.",
            free=free,
            least=least,
        )


def mark_over_quota(worktree: Path) -> None:
    """Note that the attempt took too much, so that what is preserved of it is bounded."""
    folder = record_folder(worktree)
    if folder.is_dir():
        (folder / OVER_QUOTA).touch()


def is_over_quota(worktree: Path) -> bool:
    """Whether the attempt was noted to have taken too much."""
    return (record_folder(worktree) / OVER_QUOTA).exists()
