"""Work that was preserved: listed, given back as a checkout or a branch, and expired."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from paceline.domain.ids import slug
from paceline.errors import Conflict, Refused
from paceline.vcs.diff import DiffStat, diff_stat
from paceline.vcs.filters import confined_filters
from paceline.vcs.git import git
from paceline.vcs.repository import Repository

PRESERVED = "refs/paceline/preserved"


@dataclass(frozen=True)
class PreservedWork:
    """What one attempt left; `story` is the slug of its id, as refs hold no other."""

    ref: str
    commit: str
    project: str
    story: str
    attempt: int
    at: datetime

    @property
    def base(self) -> str:
        """The commit that its work is measured from."""
        return f"{self.commit}^1"

    @property
    def history(self) -> str:
        """The folder of refs with the commits that the agent made itself."""
        return self.ref.replace("/preserved/", "/history/", 1)

    def is_of(self, story: str) -> bool:
        """Whether a person who writes `story` may mean this one: its id, or the end of it (`2.1`)."""
        wanted = slug(story)
        return self.story == wanted or self.story.endswith(f"-{wanted}")


async def list_preserved(repository: Repository) -> list[PreservedWork]:
    """All preserved work of a repository, newest first."""
    fields = "--format=%(objectname) %(committerdate:unix) %(refname)"
    listed = await git(repository.common_dir, "for-each-ref", fields, f"{PRESERVED}/")
    found: list[PreservedWork] = []
    for line in listed.text.splitlines():
        commit, seconds, ref = line.split(" ", 2)
        parts = ref.removeprefix(f"{PRESERVED}/").split("/")
        if len(parts) == 3 and parts[2].isdigit() and seconds:
            at = datetime.fromtimestamp(int(seconds), UTC)
            found.append(PreservedWork(ref, commit, parts[0], parts[1], int(parts[2]), at))
    return sorted(found, key=lambda work: (work.at, work.ref), reverse=True)


async def size_of(repository: Repository, work: PreservedWork) -> DiffStat:
    """Files and lines that an attempt changed."""
    return await diff_stat(repository, work.base, work.commit)


async def restore(repository: Repository, work: PreservedWork, to: Path | None, branch: str | None) -> None:
    """Give preserved work back as a branch, as a checkout of its own, or as both.

    The user's checkout is never used: the new one is a linked worktree; `git worktree remove` takes it away.

    Args:
        to: a folder that does not exist or is empty, outside of the repository; None: no checkout.
        branch: a new branch at the work, without `refs/heads/`; None: none, and a detached checkout.

    Raises:
        Refused: the folder is inside the repository, or the branch's name is none.
        Conflict: the folder has something in it, or the branch exists.
        RepositoryError: git refused.
    """
    if branch is not None:
        await _require_free_branch(repository, branch)
    if to is not None:
        await asyncio.to_thread(_require_free_folder, repository, to)
        how = ("-b", branch) if branch else ("--detach",)
        filters = await confined_filters(repository)
        await git(repository.common_dir, "worktree", "add", *how, "--", str(to), work.commit, env=filters)
    elif branch is not None and not await repository.set_ref(f"refs/heads/{branch}", work.commit):
        raise Conflict(f"The branch {branch} exists; name another.")


async def expire(repository: Repository, works: list[PreservedWork]) -> int:
    """Delete preserved work, and the agents' own commits of the same attempts.

    Returns:
        How many refs were deleted.
    """
    refs: dict[str, str] = {}
    for work in works:
        refs |= {work.ref: work.commit} | await repository.refs_below(work.history)
    await repository.drop_refs(refs)
    return len(refs)


async def _require_free_branch(repository: Repository, branch: str) -> None:
    named = await git(
        repository.common_dir, "check-ref-format", f"refs/heads/{branch}", accept=(0, 1, 128, 129)
    )
    if named.code or branch.startswith("-"):
        raise Refused(f"{branch!r} is no name for a branch; choose another.")
    if await repository.resolve(f"refs/heads/{branch}") is not None:
        raise Conflict(f"The branch {branch} exists; name another.")


def _require_free_folder(repository: Repository, to: Path) -> None:
    place = to.resolve()
    for taken in (repository.path.resolve(), repository.common_dir.resolve()):
        if place == taken or place.is_relative_to(taken) or taken.is_relative_to(place):
            raise Refused(f"{to} is in the repository's own checkout or around it; name a folder elsewhere.")
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise Conflict(f"{to} exists and is not empty; name a new folder.")
