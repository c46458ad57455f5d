"""Which repositories worktrees work for; what they cannot give an agent is refused before one is paid."""

from __future__ import annotations

from paceline.errors import RepositoryUnsupported
from paceline.vcs.git import git
from paceline.vcs.repository import Repository

_PARTIAL = r"^(extensions\.partialclone|remote\..*\.promisor)$"


async def require_supported(repository: Repository, commit: str, *, submodules: bool = False) -> None:
    """Refuse a repository whose worktrees would lack files that an agent or a check expects.

    Args:
        commit: what the worktrees are made of.
        submodules: the project says that their folders may stay empty, or fills them in its set-up command.

    Raises:
        RepositoryUnsupported: a partial clone, submodules or files in Git LFS; `details["feature"]` says it.
    """
    known = (str(repository.common_dir), commit, submodules)
    if known in _checked:
        return
    partial = await git(repository.common_dir, "config", "--get-regexp", _PARTIAL, accept=(0, 1))
    if partial.code == 0:
        raise _unsupported(
            repository,
            "partial-clone",
            "is a partial clone, so that an agent would find commits without their files; "
            "fetch the rest with `git fetch --refetch --no-filter` and take its promisor settings away.",
        )
    listed = await git(repository.common_dir, "ls-tree", "-r", "-z", "--full-tree", commit)
    entries = [entry.split(b"\t", 1) for entry in listed.out.split(b"\0") if entry]
    links = [name for facts, name in entries if facts.startswith(b"160000 ")]
    if links and not submodules:
        raise _unsupported(
            repository,
            "submodules",
            f"has submodules ({_shown(links)}), whose folders would be empty in a worktree; write "
            "`submodules = true` under [worktrees] in paceline.toml, with a `setup` that fills them.",
        )
    attributes = [
        facts.split(b" ")[2] for facts, name in entries if name.split(b"/")[-1] == b".gitattributes"
    ]
    if await _names_lfs(repository, attributes):
        raise _unsupported(
            repository,
            "lfs",
            "keeps files in Git LFS, which worktrees hold only as pointers; "
            "take them out with `git lfs migrate export`, or run in a repository without.",
        )
    _checked.add(known)


_checked: set[tuple[str, str, bool]] = set()
"""Commits that were found to be supported; asked once a process, as every attempt asks."""


async def _names_lfs(repository: Repository, blobs: list[bytes]) -> bool:
    if not blobs:
        return False
    asked = b"".join(blob + b"\n" for blob in dict.fromkeys(blobs))
    texts = (await git(repository.common_dir, "cat-file", "--batch", stdin=asked)).out
    lines = [line.strip() for line in texts.split(b"\n")]
    return any(b"filter=lfs" in line.split() for line in lines if not line.startswith(b"#"))


def _shown(names: list[bytes]) -> str:
    shown = ", ".join(name.decode("utf-8", "backslashreplace") for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _unsupported(repository: Repository, feature: str, why: str) -> RepositoryUnsupported:
    return RepositoryUnsupported(f"The repository {repository.path} {why}", feature=feature)
