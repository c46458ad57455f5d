"""Which commits an agent's repository names, read as plain files: git does not run in what an agent wrote."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

_ID = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{40})(?![0-9a-f])")
_HEADS = re.compile(rb"[A-Z_]*HEAD|packed-refs|orig-head|onto")
_FOLDERS = (b"refs", b"logs", b"worktrees", b"rebase-merge", b"rebase-apply")
_READ_LIMIT = 8_000_000
_FILE_LIMIT = 20_000
TIP_LIMIT = 5_000
"""Beyond these many the newest of each file count."""


def tips_of(gitdir: os.PathLike[str], known: set[str]) -> list[str]:
    """Every object id in the refs, HEADs, reflogs and stash of a repository that is not known.

    A reflog still names what an agent amended, reset or whose branch it deleted.
    """
    found: dict[str, None] = {}
    for path in _files(os.fsencode(gitdir)):
        for match in reversed(_ID.findall(read_plain(path, _READ_LIMIT))):
            name = match.decode()
            if name not in known and name.strip("0"):
                found[name] = None
        if len(found) > TIP_LIMIT:
            break
    return sorted(list(found)[:TIP_LIMIT])


def read_plain(path: bytes | str, limit: int) -> bytes:
    """The last `limit` bytes of a regular file; nothing of a link, a pipe, or what cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        return b""
    with open(descriptor, "rb") as file:
        file.seek(max(0, facts.st_size - limit))
        return file.read(limit)


def _files(gitdir: bytes) -> Iterator[bytes]:
    """HEAD and its like first, then refs, then logs; bounded."""
    count = 0
    waiting = [gitdir]
    while waiting and count < _FILE_LIMIT:
        folder = waiting.pop(0)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            top = folder == gitdir
            if entry.is_dir(follow_symlinks=False):
                if not top or entry.name in _FOLDERS:
                    waiting.append(entry.path)
            elif entry.is_file(follow_symlinks=False) and (not top or _HEADS.fullmatch(entry.name)):
                count += 1
                yield entry.path
