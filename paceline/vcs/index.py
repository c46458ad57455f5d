"""A temporary index over a worktree, staged from its content alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paceline.errors import RepositoryError
from paceline.vcs.git import GitOutput, git
from paceline.vcs.repository import Repository

_FROM_STDIN = ("--pathspec-from-file=-", "--pathspec-file-nul")


@dataclass(frozen=True)
class PrivateIndex:
    """The index file `index` over `worktree`. Names are bytes relative to the worktree.

    `filters` is from `confined_filters`, as the worktree holds what an agent wrote.
    """

    repository: Repository
    worktree: Path
    index: Path
    filters: Mapping[str, str] = field(default_factory=dict[str, str])

    async def git(self, *args: str, stdin: bytes | None = None, accept: tuple[int, ...] = (0,)) -> GitOutput:
        """Run git with this index, the repository's own folder and this worktree."""
        env = {
            **self.filters,
            "GIT_DIR": str(self.repository.common_dir),
            "GIT_WORK_TREE": str(self.worktree),
            "GIT_INDEX_FILE": str(self.index),
        }
        return await git(self.worktree, *args, stdin=stdin, env=env, accept=accept)

    async def submodules(self) -> set[bytes]:
        """Folders that are a submodule, by the start commit or by the agent's `.gitmodules`."""
        staged = await self.git("ls-files", "-z", "--stage")
        links = [entry for entry in staged.out.split(b"\0") if entry.startswith(b"160000 ")]
        found = {entry.split(b"\t", 1)[1] for entry in links}
        modules = self.worktree / ".gitmodules"
        if modules.is_file() and not modules.is_symlink():
            named = ("--get-regexp", r"^submodule\..*\.path$")
            listed = await self.git("config", "-z", "-f", ".gitmodules", *named, accept=(0, 1, 3, 128))
            entries = [entry.split(b"\n", 1) for entry in listed.out.split(b"\0") if b"\n" in entry]
            found |= {value.rstrip(b"/") for _, value in entries}
        return found

    async def populated(self, submodules: set[bytes]) -> list[bytes]:
        """Submodules that were checked out here."""
        top = os.fsencode(self.worktree)
        return sorted(name for name in submodules if os.path.lexists(os.path.join(top, name, b".git")))

    async def nested_repositories(self, submodules: set[bytes]) -> list[bytes]:
        """Outermost folders with a `.git` of their own that are neither submodules nor ignored.

        Pipes, sockets and devices on the way are removed: they hold nothing, and git would wait for ever at a
        `.gitignore` that is a pipe.
        """
        found, special = await asyncio.to_thread(_look_around, os.fsencode(self.worktree))
        for path in special:
            with contextlib.suppress(OSError):
                os.unlink(path)
        own = [name for name in found if name not in submodules]
        ignored = await self.ignored(own)
        return sorted(name for name in own if name not in ignored)

    async def add_everything(self, nested: list[bytes], whole: bool = True) -> bool:
        """Stage every change, deletion and new file outside the nested repositories.

        Args:
            nested: those repositories.
            whole: all or nothing; else what git does not take is left out, such as a file named `git~1`.

        Returns:
            Whether nothing was left out.
        """
        specs = [b".", *(b":(top,exclude,literal)" + name for name in nested)]
        how, accept = ((), (0,)) if whole else (("--ignore-errors",), (0, 1))
        added = await self.git("add", "--all", *how, *_FROM_STDIN, stdin=b"\0".join(specs), accept=accept)
        return added.code == 0

    async def add_forced(self, agents_index: bytes) -> None:
        """Stage ignored files that the agent added on purpose (`git add -f`), as its index says."""
        if not agents_index:
            return
        copy = self.index.with_name("agents-index")
        copy.write_bytes(agents_index)
        env = {
            "GIT_DIR": str(self.repository.common_dir),
            "GIT_WORK_TREE": str(self.worktree),
            "GIT_INDEX_FILE": str(copy),
        }
        ask = ("ls-files", "-z", "-c", "-i", "--exclude-standard")
        listed = await git(self.worktree, *ask, env=env, accept=(0, 128))
        top = os.fsencode(self.worktree)
        names = [name for name in listed.out.split(b"\0") if os.path.lexists(os.path.join(top, name))]
        specs = [b":(top,literal)" + name for name in names if name]
        if specs:
            await self.git("add", "--force", *_FROM_STDIN, stdin=b"\0".join(specs))

    async def add_files_of(self, nested: bytes) -> None:
        """Stage the files of a nested repository as ordinary files; git itself would record only a link."""
        names = await asyncio.to_thread(_files_under, os.fsencode(self.worktree), nested)
        ignored = await self.ignored(names)
        drop = ("rm", "-r", "--cached", "--quiet", "--ignore-unmatch")
        await self.git(*drop, *_FROM_STDIN, stdin=b":(top,literal)" + nested)
        lines = [line async for line in self._entries([name for name in names if name not in ignored])]
        await self.git("update-index", "-z", "--index-info", stdin=b"".join(lines))

    async def add(self, specs: list[bytes], *, force: bool = False) -> None:
        """Stage these pathspecs; what git does not take of them is left out.

        Args:
            specs: none of them: nothing is staged.
            force: also what is ignored.
        """
        how = ("--force", "--ignore-errors") if force else ("--ignore-errors",)
        if specs:
            await self.git("add", *how, *_FROM_STDIN, stdin=b"\0".join(specs), accept=(0, 1))

    async def add_bounded(self, max_bytes: int, max_files: int) -> int:
        """Stage the smallest changes up to a bound; returns how many were left out."""
        listed = await self.git("ls-files", "-z", "-m", "-d", "-o", "--exclude-standard")
        names = set(listed.out.split(b"\0")) - {b""}
        sized = await asyncio.to_thread(_by_size, os.fsencode(self.worktree), names)
        taken: list[bytes] = []
        for size, name in sized[:max_files]:
            max_bytes -= size
            if max_bytes < 0:
                break
            taken.append(b":(top,literal)" + name)
        if taken:
            await self.git("add", "--all", *_FROM_STDIN, stdin=b"\0".join(taken))
        return len(names) - len(taken)

    async def _entries(self, names: list[bytes]) -> AsyncGenerator[bytes]:
        """Lines for `update-index` with the blobs of files and links."""
        top = os.fsencode(self.worktree)
        plain = [name for name in names if b"\n" not in name and not name.startswith(b'"')]
        files = [name for name in plain if stat.S_ISREG(os.lstat(os.path.join(top, name)).st_mode)]
        if files:
            # One process for all: a repository that an agent cloned has thousands.
            asked = b"".join(name + b"\n" for name in files)
            blobs = (await self.git("hash-object", "-w", "--stdin-paths", stdin=asked)).out.split()
            for name, blob in zip(files, blobs, strict=True):
                yield self._line(name, blob)
        for name in sorted(set(names) - set(files)):
            full = os.path.join(top, name)
            if os.path.islink(full):
                linked = await self.git("hash-object", "-w", "--stdin", stdin=os.readlink(full))
                yield b"120000 " + linked.out.strip() + b"\t" + name + b"\0"
            elif os.path.isfile(full):
                blob = await self.git("hash-object", "-w", "--", os.fsdecode(name))
                yield self._line(name, blob.out.strip())

    def _line(self, name: bytes, blob: bytes) -> bytes:
        executable = os.access(os.path.join(os.fsencode(self.worktree), name), os.X_OK)
        return (b"100755 " if executable else b"100644 ") + blob + b"\t" + name + b"\0"

    async def ignored(self, names: list[bytes]) -> set[bytes]:
        """Those of the names that the ignore rules cover."""
        if not names:
            return set()
        ask = ("check-ignore", "--no-index", "-z", "--stdin")
        said = await self.git(*ask, stdin=b"\0".join(names) + b"\0", accept=(0, 1, 128))
        if said.code == 128:
            raise RepositoryError(f"git could not read the ignore rules of {self.worktree}: {said.complaint}")
        return set(said.out.split(b"\0")) - {b""}


def _look_around(top: bytes) -> tuple[list[bytes], list[bytes]]:
    """Outermost folders with a `.git`, relative to `top`, and every path that is no file, folder or link."""
    found: list[bytes] = []
    special: list[bytes] = []
    waiting = [(top, False)]
    while waiting:
        folder, inside = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        if folder != top and not inside and any(entry.name == b".git" for entry in entries):
            found.append(os.path.relpath(folder, top))
            inside = True
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if folder != top or entry.name != b".git":
                    waiting.append((entry.path, inside))
            elif not entry.is_file(follow_symlinks=False) and not entry.is_symlink():
                special.append(entry.path)
    return found, special


def sized_files(top: bytes, names: set[bytes]) -> list[tuple[int, bytes]]:
    """The files and links that are named or stand below a named folder, with their sizes, smallest first.

    Args:
        top: what names are relative to.
        names: those of folders end with a slash.
    """
    found: set[bytes] = set()
    for name in names:
        found |= set(_files_under(top, name.rstrip(b"/"))) if name.endswith(b"/") else {name}
    return _by_size(top, found)


def _by_size(top: bytes, names: set[bytes]) -> list[tuple[int, bytes]]:
    """Names with their sizes in bytes, smallest first; what is gone has none."""
    sized: list[tuple[int, bytes]] = []
    for name in names:
        try:
            sized.append((os.lstat(os.path.join(top, name)).st_size, name))
        except OSError:
            sized.append((0, name))
    return sorted(sized)


def _files_under(top: bytes, nested: bytes) -> list[bytes]:
    names: list[bytes] = []
    for folder, folders, files in os.walk(os.path.join(top, nested)):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = [name for name in folders if name != b".git" and name not in links]
        here = [name for name in (*files, *links) if name != b".git"]
        names += [os.path.relpath(os.path.join(folder, name), top) for name in here]
    return sorted(names)
