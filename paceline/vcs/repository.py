"""A user's repository: found, named, read; its checkout, index, stash, hooks and config stay untouched."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from paceline.errors import BranchCheckedOut, RepositoryError, RepositoryMissing
from paceline.vcs.git import GitOutput, both, git, require_git


@dataclass(frozen=True)
class Repository:
    """A repository with at least one commit.

    `path` is the top of the checkout that was named, or the folder of a bare repository. `common_dir` is
    where objects and refs are, shared by all worktrees.
    """

    path: Path
    common_dir: Path
    bare: bool = False

    @staticmethod
    async def open(path: Path | str) -> Repository:
        """The repository that holds `path`, which may be any folder inside it.

        Raises:
            RepositoryMissing: no such folder, no repository, or no commit yet.
            ConfigurationError: git is missing or too old.
        """
        await require_git()
        asked = Path(path).expanduser()
        if not asked.is_dir():
            raise RepositoryMissing(f"{asked} is not a folder; name a git repository.", path=str(asked))
        found = await git(asked, "rev-parse", "--is-bare-repository", "--git-common-dir", accept=(0, 128))
        if found.code:
            raise RepositoryMissing(_why_missing(asked, found), path=str(asked))
        bare, common = found.text.split("\n", 1)
        common_dir = (asked / common).resolve()
        top = common_dir if bare == "true" else await _top_of(asked)
        repository = Repository(top, common_dir, bare == "true")
        head = await git(top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", accept=(0, 1, 128))
        if head.code:
            raise RepositoryMissing(
                f"The repository {top} has no commit yet; commit something first.", path=str(top)
            )
        return repository

    async def head_commit(self) -> str:
        """The commit that is checked out."""
        return (await git(self.path, "rev-parse", "--verify", "HEAD^{commit}")).text

    async def branch_of_head(self) -> str | None:
        """The name of the branch that is checked out; None where HEAD is detached."""
        found = await git(self.path, "symbolic-ref", "--quiet", "--short", "HEAD", accept=(0, 1))
        return found.text or None

    async def is_dirty(self, untracked: bool = False) -> list[str]:
        """Paths with changes that are not committed; a bare repository has none.

        Args:
            untracked: also those that git does not know and does not ignore.
        """
        if self.bare:
            return []
        mode = "--untracked-files=all" if untracked else "--untracked-files=no"
        status = await git(self.path, "status", "--porcelain=v1", "-z", "--no-renames", mode)
        entries = status.out.decode("utf-8", "backslashreplace").split("\0")
        return [entry[3:] for entry in entries if entry]

    def identity(self) -> str:
        """A stable id of the object store: the same for every worktree and sub-folder of it."""
        return hashlib.sha256(os.fsencode(os.path.realpath(self.common_dir))).hexdigest()[:16]

    async def resolve(self, name: str) -> str | None:
        """The commit that a ref or an id names; None where there is none."""
        found = await git(
            self.common_dir,
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{name}^{{commit}}",
            accept=(0, 1, 128),
        )
        return found.text if found.code == 0 else None

    async def tree_of(self, commit: str) -> str:
        """The tree of a commit."""
        return (await git(self.common_dir, "rev-parse", "--verify", f"{commit}^{{tree}}")).text

    async def set_ref(self, ref: str, commit: str, expected: str | None = None) -> bool:
        """Point a full ref at a commit, if it still has the expected value.

        Args:
            ref: with `refs/`.
            commit: the new value.
            expected: the value it must have now; None: it must not exist.

        Returns:
            False where the ref has another value.

        Raises:
            RepositoryError: git refused for another reason.
        """
        old = expected if expected is not None else "0" * len(commit)
        complaint = ""
        for _ in range(20):
            update = ("update-ref", "--no-deref", ref, commit, old)
            done = await git(self.common_dir, *update, accept=(0, 1, 128))
            if done.code == 0:
                return True
            if await self.resolve(ref) != expected:
                return False
            complaint = done.complaint
            # Another process holds the ref's lock for a moment.
            if b"File exists" not in done.err:
                break
        raise RepositoryError(f"git could not move {ref} in {self.path}: {complaint}", ref=ref)

    async def put_ref(self, ref: str, commit: str) -> None:
        """Point a full ref of Paceline's own at a commit, whatever it was at."""
        await git(self.common_dir, "update-ref", "--no-deref", ref, commit)

    async def refs_below(self, prefix: str) -> dict[str, str]:
        """Full refs that begin with the folder `prefix`, and their objects."""
        listed = await git(self.common_dir, "for-each-ref", "--format=%(objectname) %(refname)", f"{prefix}/")
        rows = [line.split(" ", 1) for line in listed.text.splitlines()]
        return {name: found for found, name in rows}

    async def drop_ref(self, ref: str) -> None:
        """Delete a ref of Paceline's own, whatever it is at; one that is not there is left so."""
        await git(self.common_dir, "update-ref", "--no-deref", "-d", ref)

    async def drop_refs(self, refs: Mapping[str, str]) -> None:
        """Delete refs that are still at these objects, all or none."""
        lines = "".join(f"delete {name}\0{found}\0" for name, found in refs.items())
        if lines:
            await git(self.common_dir, "update-ref", "--no-deref", "-z", "--stdin", stdin=lines.encode())

    async def checkouts_of(self, branch: str) -> list[Path]:
        """The worktrees, the user's among them, that have the branch checked out."""
        listing = await git(self.common_dir, "worktree", "list", "--porcelain", "-z")
        found: list[Path] = []
        for entry in listing.out.split(b"\0\0"):
            lines = entry.split(b"\0")
            if f"branch refs/heads/{branch}".encode() in lines:
                found.append(Path(os.fsdecode(lines[0].removeprefix(b"worktree "))))
        return found


def is_id(name: str) -> bool:
    """Whether it is the full id of an object."""
    return re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", name) is not None


async def ensure_branch(repository: Repository, branch: str, base_commit: str) -> str:
    """Make the branch at `base_commit` only if it is absent.

    Returns:
        The commit the branch points at now, whoever made it.

    Raises:
        RepositoryError: git refuses the name, for example because a branch `paceline` is in its way.
    """
    ref = f"refs/heads/{branch}"
    if await repository.resolve(ref) is None:
        await repository.set_ref(ref, base_commit)
    head = await repository.resolve(ref)
    if head is None:
        raise RepositoryError(f"The branch {branch} of {repository.path} went away again.", branch=branch)
    return head


async def advance(repository: Repository, branch: str, expected: str, new: str) -> bool:
    """Move the branch from `expected` to `new`, or not at all.

    A repeat after a crash finds the branch already at `new` and says True.

    Returns:
        False where the branch moved elsewhere in between.

    Raises:
        BranchCheckedOut: moving the branch would leave the checkout it is in showing the merged work as
            undone; `details["checkout"]` says where that is.
    """
    ref = f"refs/heads/{branch}"
    found, checkouts = await both(repository.resolve(ref), repository.checkouts_of(branch))
    if found == new:
        return True
    for checkout in checkouts:
        raise BranchCheckedOut(
            f"The branch {branch} is checked out at {checkout}; switch that checkout to another branch.",
            branch=branch,
            checkout=str(checkout),
        )
    return await repository.set_ref(ref, new, expected) or await repository.resolve(ref) == new


async def _top_of(path: Path) -> Path:
    found = await git(path, "rev-parse", "--show-toplevel", accept=(0, 128))
    if found.code:
        raise RepositoryMissing(f"{path} is inside a .git folder; name the checkout instead.", path=str(path))
    return Path(os.fsdecode(found.out.rstrip(b"\n"))).resolve()


def _why_missing(path: Path, said: GitOutput) -> str:
    if b"dubious ownership" in said.err:
        return f"git refuses {path} because another user owns it: {said.complaint}"
    return f"{path} is not inside a git repository; run `git init` and commit, or name another folder."
