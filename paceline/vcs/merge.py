"""Merges without a worktree: a candidate is built in the object store, checked, and then a ref is moved."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from paceline.errors import MergeConflict, RepositoryError
from paceline.vcs.git import git
from paceline.vcs.messages import STORY_TRAILER, commit_message, trailer_values
from paceline.vcs.repository import Repository

_SHOWN_FILES = 5
_SHOWN_CHARACTERS = 2000
_HUNK = re.compile(r"^<{7} .*?^>{7} [^\n]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Candidate:
    """A merge commit that no ref points at yet; `base` is the branch's head that it merges to."""

    base: str
    commit: str


@dataclass(frozen=True)
class MergedTree:
    """Result of merging two commits: the tree, and the paths that conflict in it, also as git's own bytes."""

    tree: str
    conflicts: list[str]
    raw: list[bytes] = field(default_factory=list[bytes])


async def merge_trees(repository: Repository, ours: str, theirs: str) -> MergedTree:
    """Merge two commits in the object store only."""
    command = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages")
    merged = await git(
        repository.common_dir, *command, "--allow-unrelated-histories", ours, theirs, accept=(0, 1)
    )
    fields = [part for part in merged.out.split(b"\0") if part]
    if not fields:
        raise RepositoryError(f"git could not merge {theirs} onto {ours}: {merged.complaint}")
    raw = list(dict.fromkeys(fields[1:])) if merged.code else []
    names = [path.decode("utf-8", "backslashreplace") for path in raw]
    return MergedTree(fields[0].decode().strip(), names, raw)


async def candidate(
    repository: Repository, branch: str, commit: str, message: str, trailers: Mapping[str, str]
) -> Candidate:
    """Build the commit that merging `commit` to `branch` would make.

    Its dates are those of `commit`, so the same head, commit, message and trailers give the same object.

    Raises:
        MergeConflict: the work does not apply; `details` has `paths` and `hunks`, both bounded.
        RepositoryError: no such branch.
    """
    base = await repository.resolve(f"refs/heads/{branch}")
    if base is None:
        raise RepositoryError(f"{repository.path} has no branch {branch} to merge to.", branch=branch)
    return await candidate_on(repository, base, branch, commit, message, trailers)


async def candidate_on(
    repository: Repository,
    base: str,
    branch: str,
    commit: str,
    message: str,
    trailers: Mapping[str, str],
    dates: Mapping[str, str] | None = None,
) -> Candidate:
    """`candidate` on a commit that need not be the branch's head: a candidate that is not merged yet.

    Args:
        dates: of the commit, where they are known already.

    Raises:
        MergeConflict: the work does not apply to `base`.
    """
    merged = await merge_trees(repository, base, commit)
    if merged.conflicts:
        raise await _conflict(repository, branch, base, commit, merged)
    dates = dates or await commit_dates(repository, commit)
    text = commit_message(message, trailers)
    return Candidate(base, await write_commit(repository, merged.tree, (base, commit), text, dates))


async def write_commit(
    repository: Repository, tree: str, parents: tuple[str, ...], message: str, env: Mapping[str, str]
) -> str:
    """Write a commit object; `env` may carry author and dates."""
    options = [option for parent in parents for option in ("-p", parent)]
    written = await git(
        repository.common_dir,
        "commit-tree",
        tree,
        *options,
        "-F",
        "-",
        stdin=message.encode("utf-8", "replace"),
        env=env,
    )
    return written.text


async def commit_dates(repository: Repository, commit: str) -> dict[str, str]:
    """Variables that give another commit this one's committer date."""
    return next(iter((await dates_of(repository, [commit])).values()))


async def dates_of(repository: Repository, commits: Sequence[str]) -> dict[str, dict[str, str]]:
    """`commit_dates` of several commits, by their full ids."""
    shown = ("show", "-s", "--no-show-signature", "--no-walk=unsorted", "--format=%H %ct")
    rows = [row.split(" ") for row in (await git(repository.common_dir, *shown, *commits)).text.split("\n")]
    names = ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE")
    return {commit: dict.fromkeys(names, f"@{date} +0000") for commit, date in rows}


async def find_merge(
    repository: Repository, branch: str, base_commit: str, story_workflow_id: str
) -> str | None:
    """The newest of `find_merges`; None where there is none."""
    return next(iter(await find_merges(repository, branch, base_commit, story_workflow_id)), None)


async def find_merges(
    repository: Repository, branch: str, base_commit: str, story_workflow_id: str
) -> list[str]:
    """The merge commits of a story on the branch since `base_commit`, by its exact trailer, newest first."""
    return await commits_with_trailer(
        repository, branch, base_commit, STORY_TRAILER, story_workflow_id, "--merges"
    )


async def commits_with_trailer(
    repository: Repository, branch: str, base_commit: str, trailer: str, value: str, which: str
) -> list[str]:
    """The commits of a branch since `base_commit` with exactly this trailer, newest first.

    Args:
        which: the option of `git log` that says which commits to look at.
    """
    head = await repository.resolve(f"refs/heads/{branch}")
    if head is None:
        return []
    log = await git(
        repository.common_dir,
        "log",
        which,
        "-z",
        "--no-show-signature",
        "--format=%H%n%B",
        "--fixed-strings",
        f"--grep={trailer}: {value}",
        f"{base_commit}..{head}",
    )
    found: list[str] = []
    for entry in log.out.decode("utf-8", "replace").split("\0"):
        commit, _, message = entry.partition("\n")
        if value in trailer_values(message, trailer):
            found.append(commit)
    return found


@dataclass(frozen=True)
class MadeMerge:
    """A merge commit on a branch and the workflow id that its trailer names; None where it has none."""

    commit: str
    parents: tuple[str, ...]
    story_workflow_id: str | None
    subject: str = ""


async def merges_between(
    repository: Repository, base: str, head: str, paths: Sequence[bytes] = ()
) -> list[MadeMerge]:
    """The first-parent commits of `head` that `base` does not have, oldest first; they need not be merges.

    Args:
        paths: only those that changed one of these; empty: all.
    """
    log = await git(
        repository.common_dir,
        "log",
        "--first-parent",
        "--reverse",
        "-z",
        "--no-show-signature",
        "--format=%H%n%P%n%B",
        f"{base}..{head}",
        "--",
        *(os.fsdecode(path) for path in paths),
        env={"GIT_LITERAL_PATHSPECS": "1"},
    )
    made: list[MadeMerge] = []
    for entry in log.out.decode("utf-8", "replace").split("\0"):
        found, _, rest = entry.partition("\n")
        parents, _, message = rest.partition("\n")
        if found:
            values = trailer_values(message, STORY_TRAILER)
            subject = message.partition("\n")[0][:200]
            made.append(MadeMerge(found, tuple(parents.split()), values[-1] if values else None, subject))
    return made


async def conflict_hunks(repository: Repository, merged: MergedTree) -> dict[str, str]:
    """The hunks with both sides of the first conflicting text files, by path, bounded."""
    shown = merged.conflicts[:_SHOWN_FILES]
    return {path: text for path in shown if (text := await _hunks(repository, merged.tree, path))}


async def _conflict(
    repository: Repository, branch: str, base: str, commit: str, merged: MergedTree
) -> MergeConflict:
    shown = merged.conflicts[:_SHOWN_FILES]
    names = ", ".join(shown) + (" and others" if len(merged.conflicts) > len(shown) else "")
    return MergeConflict(
        f"The work {commit[:12]} does not apply on {branch}: conflicts in {names}; redo it on the new head.",
        branch=branch,
        base=base,
        commit=commit,
        paths=merged.conflicts[:100],
        hunks=await conflict_hunks(repository, merged),
    )


async def _hunks(repository: Repository, tree: str, path: str) -> str:
    blob = await git(repository.common_dir, "cat-file", "blob", f"{tree}:{path}", accept=(0, 128))
    if blob.code or b"\0" in blob.out:
        return ""
    found = _HUNK.findall(blob.out.decode("utf-8", "replace"))
    return "\n".join(found)[:_SHOWN_CHARACTERS]
