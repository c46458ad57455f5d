"""What a user's checkout looks like: read before and after an agent's run, and never touched."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from pathlib import Path

from paceline.vcs.git import git
from paceline.vcs.repository import Repository

Look = dict[str, str]
"""By path, something that changes when the file does; files as git has them are left out."""

_PATIENCE = 30.0
_MOST_PATHS = 20_000
_NOT_THE_USERS = ("refs/heads/paceline", "refs/paceline", "refs/remotes")
"""Paceline's own, and what every fetch moves."""
_STEERING = (".git/config", ".git/info/attributes")
_SETTINGS = ("HEAD", "config", "info/exclude", "info/attributes", "info/grafts", "objects/info/alternates")


async def look_at_checkout(repository: Repository, before: Look | None = None) -> Look:
    """Changed and untracked files, the branch, and what steers git: settings, hooks and refs.

    Nothing is written, the index is not refreshed, and ignored files are not looked at.

    Args:
        before: an earlier look. Where the settings are others now, git is not run: a setting may name a
            program, and files look as they did.

    Raises:
        RepositoryError: git refuses or takes too long, as in a checkout with very many files.
    """
    seen = await asyncio.to_thread(_look_at_git, repository.common_dir)
    if repository.bare:
        return seen
    if before is not None and any(seen.get(name) != before.get(name) for name in _STEERING):
        return seen | {path: mark for path, mark in before.items() if not path.startswith(".git/")}
    listed = await git(
        repository.path,
        *("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all"),
        timeout=_PATIENCE,
    )
    entries = [entry for entry in listed.out.split(b"\0") if entry][:_MOST_PATHS]
    return seen | await asyncio.to_thread(_look_at_files, repository.path, entries)


def changes_between(before: Look, after: Look) -> list[str]:
    """The paths that look different, in order."""
    return sorted(path for path in before | after if before.get(path) != after.get(path))


def _look_at_files(top: Path, entries: list[bytes]) -> Look:
    seen: Look = {}
    for entry in entries:
        code, name = entry[:2], entry[3:]
        shown = name.decode("utf-8", "backslashreplace")
        seen[shown] = f"{code.decode('ascii', 'replace')} {_mark(top / os.fsdecode(name))}"
    return seen


def _look_at_git(folder: Path) -> Look:
    files = [folder / name for name in _SETTINGS]
    files += [each for each in sorted(folder.glob("hooks/*")) if each.suffix != ".sample"]
    seen = {f".git/{file.relative_to(folder)}": _digest(file) for file in files}
    seen |= {f".git/{name}": value for name, value in _refs(folder).items()}
    return {path: mark for path, mark in seen.items() if mark}


def _refs(folder: Path) -> Look:
    """The user's refs, loose over packed."""
    seen: Look = {}
    try:
        lines = (folder / "packed-refs").read_text("utf-8", "backslashreplace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        commit, _, name = line.partition(" ")
        if name and commit[0] not in "#^":
            seen[name] = commit
    for base, folders, files in os.walk(folder / "refs"):
        inside = Path(base).relative_to(folder).as_posix()
        folders[:] = [each for each in folders if f"{inside}/{each}" not in _NOT_THE_USERS]
        seen |= {f"{inside}/{name}": _text(Path(base) / name) for name in files}
    return {name: value for name, value in seen.items() if _is_users(name)}


def _is_users(name: str) -> bool:
    others = any(name == other or name.startswith(f"{other}/") for other in _NOT_THE_USERS)
    return not others and not name.endswith(".lock")


def _mark(path: Path) -> str:
    try:
        found = path.lstat()
    except OSError:
        return "gone"
    return f"{stat.S_IFMT(found.st_mode):o} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _digest(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        mode = path.stat().st_mode & 0o777
        return f"{mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError:
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "backslashreplace").strip()
    except OSError:
        return ""
