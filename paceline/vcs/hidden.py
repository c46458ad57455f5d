"""Files that only an agent's own ignore rules hide: they are its work too, and are preserved."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from paceline.vcs.git import git
from paceline.vcs.index import PrivateIndex, sized_files

_MOST_BYTES, _MOST_FILES = 20_000_000, 5_000
"""What is preserved at most of it, the smallest files first: it may be a folder of packages or of caches."""
_RULES = b".gitignore"

log = logging.getLogger(__name__)


async def add_hidden(work: PrivateIndex, start: str, scratch: Path) -> None:
    """Stage what is ignored in the worktree and was not by the rules of the commit that it began with.

    Args:
        work: everything else is staged.
        start: that commit.
        scratch: an empty place for those rules.
    """
    ask = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    listed = (await work.git(*ask)).out.split(b"\0")
    names = [name for name in listed if name]
    if not names:
        return
    hidden = set(names) - await _ignored_before(work, start, names, scratch / "rules")
    if not hidden:
        return
    sized = await asyncio.to_thread(sized_files, os.fsencode(work.worktree), hidden)
    taken: list[bytes] = []
    left = _MOST_BYTES
    for size, name in sized[:_MOST_FILES]:
        left -= size
        if left < 0:
            break
        taken.append(b":(top,literal)" + name)
    if len(taken) < len(sized):
        log.warning("%d ignored files of %s are not preserved", len(sized) - len(taken), work.worktree)
    await work.add(taken, force=True)


async def _ignored_before(work: PrivateIndex, start: str, names: list[bytes], rules: Path) -> set[bytes]:
    """Those of the names that the rules of a commit cover; the user's own rules hold as ever."""
    listed = await git(work.repository.common_dir, "ls-tree", "-r", "-z", "--name-only", start)
    files = [name for name in listed.out.split(b"\0") if os.path.basename(name) == _RULES]
    top = os.fsencode(rules)
    for name in files:
        blob = await git(work.repository.common_dir, "cat-file", "blob", f"{start}:{os.fsdecode(name)}")
        _write(os.path.join(top, name), blob.out)
    for name in names:
        # A rule such as `build/` is about folders, so the name has to be one here too.
        os.makedirs(os.path.join(top, name if name.endswith(b"/") else os.path.dirname(name)), exist_ok=True)
    asked = b"\0".join(name.rstrip(b"/") for name in names) + b"\0"
    env = {"GIT_DIR": str(work.repository.common_dir), "GIT_WORK_TREE": str(rules)}
    said = await git(
        rules, "check-ignore", "--no-index", "-z", "--stdin", stdin=asked, env=env, accept=(0, 1)
    )
    known = set(said.out.split(b"\0"))
    return {name for name in names if name.rstrip(b"/") in known}


def _write(path: bytes, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
