"""Which files of a folder are texts that may be its plan: bounded, in a fixed order, none from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from paceline.errors import PlanUnreadable
from paceline.plans.folder import is_text

FILES_LIMIT = 20_000
"""Texts; a backlog of 10,000 tasks in a file each is half of it."""
ENTRIES_LIMIT = 200_000
"""Whatever stands in a folder, looked at or passed over."""
DEPTH_LIMIT = 40
"""Folders in folders."""

_PASSED_OVER = frozenset({"node_modules", "__pycache__", "venv"})
_HIDDEN_PLANS = frozenset({".kiro", ".taskmaster"})
"""Hidden folders in which tools keep plans."""


@dataclass
class _Walk:
    """What was found so far, and how much was looked at."""

    root: Path
    files: list[str] = field(default_factory=list[str])
    links: list[str] = field(default_factory=list[str])
    entries: int = 0


def walk(root: Path) -> list[str]:
    """The texts in a folder and below it.

    Hidden folders are passed over but for those that hold plans, and so are those of installed packages. A
    link to a folder is not followed, and one to a file only where that is a file of the folder itself that is
    not found without it: so loops end, and nothing from outside is read.

    Args:
        root: the folder; it may itself be hidden or a link.

    Returns:
        Paths relative to the folder, with `/`, sorted.

    Raises:
        PlanUnreadable: it has more files or folders than a limit.
        OSError: a folder cannot be listed.
    """
    found = _Walk(root)
    _visit(found, "", 0)
    inside = root.resolve()
    known = {(inside / path).resolve() for path in found.files}
    for link in sorted(found.links):
        target = (root / link).resolve()
        if target.is_relative_to(inside) and target.is_file() and target not in known:
            known.add(target)
            found.files.append(link)
    return sorted(found.files)


def _visit(found: _Walk, folder: str, depth: int) -> None:
    if depth > DEPTH_LIMIT:
        raise _too_much(found.root, f"folders deeper than {DEPTH_LIMIT} levels")
    for entry in _entries(found, folder):
        path = f"{folder}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if entry.name in _HIDDEN_PLANS or not (entry.name.startswith(".") or entry.name in _PASSED_OVER):
                _visit(found, f"{path}/", depth + 1)
        elif is_text(path) and not entry.name.startswith("."):
            if entry.is_symlink():
                found.links.append(path)
            elif entry.is_file(follow_symlinks=False):
                found.files.append(path)
            if len(found.files) + len(found.links) > FILES_LIMIT:
                raise _too_much(found.root, f"more than {FILES_LIMIT:,} texts")


def _entries(found: _Walk, folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(found.root / folder) as entries:
        listed: list[os.DirEntry[str]] = []
        for entry in entries:
            found.entries += 1
            if found.entries > ENTRIES_LIMIT:
                raise _too_much(found.root, f"more than {ENTRIES_LIMIT:,} files")
            listed.append(entry)
    yield from sorted(listed, key=lambda entry: entry.name)


def _too_much(root: Path, what: str) -> PlanUnreadable:
    return PlanUnreadable(f"{root} has {what}; give the folder that has nothing but the plan.")
