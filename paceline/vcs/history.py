"""Brings what an agent committed itself into the user's object store, without running git in its repository.

The agent's repository could name commands in its config (`remote.*.uploadpack` of a promisor, filters,
alternates) and lie in its commit-graph, indexes and bitmaps. So its refs are read as files, its loose objects
and packs are linked into a folder of ours, and git runs with the user's config over the user's store plus
that folder. What is new goes through `unpack-objects` or `index-pack --strict`, which compute every id anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import tempfile
from pathlib import Path

from paceline.domain.ids import preserved_ref
from paceline.errors import RepositoryError
from paceline.vcs.attempts import Attempt, attempt_refs, record_folder
from paceline.vcs.disk import is_over_quota, measure
from paceline.vcs.git import git
from paceline.vcs.private import ids_of, quoted, seeds_file
from paceline.vcs.private_tips import read_plain, tips_of
from paceline.vcs.repository import Repository

_LOOSE = re.compile(rb"[0-9a-f]{38}|[0-9a-f]{62}")
_FANOUT = re.compile(rb"[0-9a-f]{2}")
_PACK = re.compile(rb"(pack-[0-9a-f]{40,64})\.(pack|idx)")
_LINK_LIMIT = 500_000
_UNPACK_LIMIT = 100
"""Below so many objects they become loose ones, as `git fetch` does; a pack each would pile up."""
_ALONE_LIMIT = 100
_BOUND = 100_000_000
"""Bytes of a private repository beyond which an attempt that took too much room keeps no history."""
_PATIENCE = 120.0
REPLACED = "replaced-git-"
"""Begins the names of what stood in the place of a checkout's `.git` and was moved aside."""

log = logging.getLogger(__name__)


async def keep_agent_commits(repository: Repository, attempt: Attempt) -> bool:
    """Keep what the agent committed itself, on whatever branch, stash or reflog, as `refs/paceline/history/`.

    Returns:
        False where some of it cannot be taken: objects are missing, broken, or such as git refuses.
    """
    known = {attempt.base, attempt.start} | ids_of(_seeds(attempt.worktree))
    complete, over = True, is_over_quota(attempt.worktree)
    for gitdir in _sources(attempt):
        tips = await asyncio.to_thread(tips_of, gitdir, known)
        if tips and not (over and measure([gitdir], _BOUND, _LINK_LIMIT).over(_BOUND, _LINK_LIMIT)):
            complete = await _keep(repository, attempt, gitdir, tips) and complete
    return complete


async def keep_tip(repository: Repository, attempt: Attempt, tip: str) -> None:
    """Give a commit of the user's store a ref in `refs/paceline/history/`, unless a lasting one holds it."""
    lasting = ("refs/heads", "refs/tags", "refs/remotes", "refs/paceline")
    holding = await git(
        repository.common_dir, "for-each-ref", f"--contains={tip}", "--format=%(refname)", *lasting
    )
    own = f"{attempt_refs(attempt.project, attempt.story, attempt.attempt)}/"
    if tip == attempt.start or any(not ref.startswith(own) for ref in holding.text.split("\n") if ref):
        return
    await _set_history(repository, attempt, tip)


async def _set_history(repository: Repository, attempt: Attempt, tip: str) -> None:
    kept = preserved_ref(attempt.project, attempt.story, attempt.attempt)
    await repository.set_ref(f"{kept.replace('/preserved/', '/history/', 1)}/{tip[:12]}", tip)


def _sources(attempt: Attempt) -> list[Path]:
    """The private repository, and any that the agent put in the place of the link to it."""
    folder = record_folder(attempt.worktree)
    found = [Path(attempt.admin), attempt.worktree / ".git", *sorted(folder.glob(f"{REPLACED}*"))]
    return [each for each in found if attempt.admin and each.is_dir() and not each.is_symlink()]


def _seeds(worktree: Path) -> list[bytes]:
    return read_plain(os.fsencode(seeds_file(worktree)), 100_000_000).splitlines()


async def _keep(repository: Repository, attempt: Attempt, gitdir: Path, tips: list[str]) -> bool:
    with tempfile.TemporaryDirectory(dir=record_folder(attempt.worktree), prefix="import-") as scratch:
        objects = Path(scratch) / "objects"
        await asyncio.to_thread(_link_objects, gitdir / "objects", objects)
        reading = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": os.fsdecode(quoted(objects))}
        commits = await _commits(repository, tips, reading)
        return await _import_all(repository, attempt, commits, reading, Path(scratch))


async def _import_all(
    repository: Repository, attempt: Attempt, commits: list[str], reading: dict[str, str], scratch: Path
) -> bool:
    """Import all at once, or each alone where the history of one of them is broken."""
    try:
        await _import(repository, attempt, commits, reading, scratch)
    except RepositoryError as error:
        log.warning("commits that an agent made in %s are not taken: %s", attempt.path, error)
        for commit in commits[:_ALONE_LIMIT] if len(commits) > 1 else []:
            with contextlib.suppress(RepositoryError):
                await _import(repository, attempt, [commit], reading, scratch)
        return False
    return True


async def _commits(repository: Repository, tips: list[str], reading: dict[str, str]) -> list[str]:
    """Those of the ids that are commits, or tags of one."""
    asked = "".join(f"{tip}^{{commit}}\n" for tip in tips).encode()
    ask = ("cat-file", "--batch-check=%(objectname) %(objecttype)")
    said = await git(repository.common_dir, *ask, stdin=asked, env=reading, timeout=_PATIENCE)
    words = [line.split(" ") for line in said.text.splitlines()]
    return list(dict.fromkeys(word[0] for word in words if word[1:] == ["commit"]))


async def _new_commits(
    repository: Repository, commits: list[str], reading: dict[str, str]
) -> dict[str, list[str]]:
    """The commits that no ref of the user's reaches, with their parents."""
    asked = "".join(f"{each}\n" for each in commits).encode()
    ask = ("rev-list", "--parents", "--stdin", "--not", "--all")
    said = await git(repository.common_dir, *ask, stdin=asked, env=reading, timeout=_PATIENCE)
    lines = [line.split(" ") for line in said.text.splitlines()]
    return {line[0]: line[1:] for line in lines}


async def _import(
    repository: Repository, attempt: Attempt, commits: list[str], reading: dict[str, str], scratch: Path
) -> None:
    new = await _new_commits(repository, commits, reading) if commits else {}
    if not new:
        return
    parents = {parent for each in new.values() for parent in each}
    heads = [commit for commit in commits if commit in new and commit not in parents]
    asked = "".join(f"{each}\n" for each in (*heads, *(f"^{each}" for each in sorted(parents - set(new)))))
    await _copy_objects(repository, asked.encode(), reading, scratch)
    connected = "".join(f"{each}\n" for each in heads).encode()
    # Now without the agent's objects: everything has to be in the user's store.
    check = ("rev-list", "--objects", "--quiet", "--stdin", "--not", "--all")
    await git(repository.common_dir, *check, stdin=connected, timeout=_PATIENCE)
    for head in heads:
        await _set_history(repository, attempt, head)


async def _copy_objects(repository: Repository, asked: bytes, reading: dict[str, str], scratch: Path) -> None:
    write = ("pack-objects", "--revs", "--quiet", "--delta-base-offset", str(scratch / "pack"))
    cwd = repository.common_dir
    name = (await git(cwd, *write, stdin=asked, env=reading, timeout=_PATIENCE)).text
    pack = scratch / f"pack-{name}.pack"
    if not name or not pack.is_file():
        return
    with pack.open("rb") as file:
        count = int.from_bytes(file.read(12)[8:], "big")
    if count < _UNPACK_LIMIT:
        await git(cwd, "unpack-objects", "-q", "--strict", stdin=pack, timeout=_PATIENCE)
    else:
        await git(cwd, "index-pack", "--strict", "--stdin", stdin=pack, timeout=_PATIENCE)


def _link_objects(source: Path, target: Path) -> None:
    """Link loose objects and packs, and nothing that could lead elsewhere or speak for them."""
    (target / "info").mkdir(parents=True)
    room = _LINK_LIMIT
    for folder in _folders(source):
        own = os.path.join(os.fsencode(target), folder.name)
        os.makedirs(own, exist_ok=True)
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder.path):
                wanted = _PACK if folder.name == b"pack" else _LOOSE
                if room > 0 and wanted.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    room -= 1
                    with contextlib.suppress(OSError):
                        os.link(entry.path, os.path.join(own, entry.name), follow_symlinks=False)


def _folders(objects: Path) -> list[os.DirEntry[bytes]]:
    try:
        entries = list(os.scandir(os.fsencode(objects)))
    except OSError:
        return []
    return [
        entry
        for entry in entries
        if entry.is_dir(follow_symlinks=False) and (entry.name == b"pack" or _FANOUT.fullmatch(entry.name))
    ]
