"""An attempt's work as commits: collected for the merge, or preserved for the next attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paceline.domain.ids import preserved_ref
from paceline.errors import RepositoryError
from paceline.vcs.attempts import Attempt, attempt_refs, read_attempt
from paceline.vcs.diff import ChangedPath, changed_paths
from paceline.vcs.git import git
from paceline.vcs.history import keep_agent_commits, keep_tip
from paceline.vcs.merge import write_commit
from paceline.vcs.messages import commit_message
from paceline.vcs.repository import Repository
from paceline.vcs.snapshot import Snapshot, take_snapshot


@dataclass(frozen=True)
class WorkCommit:
    """An attempt's whole diff as one commit on its base; `commit` is None where nothing changed."""

    commit: str | None
    base: str
    changed: list[ChangedPath] = field(default_factory=list[ChangedPath])


async def collect_work(
    worktree: Path, base_commit: str | None, message: str, trailers: Mapping[str, str]
) -> WorkCommit:
    """Commit everything in the worktree that is not ignored.

    It does not matter what the agent did with git: committed or not, on which branch, with which index. The
    result is one commit whose parent is the attempt's base, so that no message, trailer or foreign history
    of an agent reaches the sprint's branch; the agent's own commits stay under `refs/paceline/history/`.
    A repeat over the same content returns the same commit.

    Args:
        worktree: from `prepare_worktree`.
        base_commit: checked against the attempt's own base; None takes that.

    Raises:
        RepositoryError: not a worktree of Paceline, another base, or a file that git cannot take.
    """
    attempt = read_attempt(worktree)
    if attempt is None or not worktree.is_dir():
        raise RepositoryError(
            f"{worktree} is not a worktree of an attempt; prepare it first.", path=str(worktree)
        )
    repository = Repository(Path(attempt.repository), Path(attempt.repository))
    if base_commit is not None and base_commit != attempt.base:
        raise RepositoryError(
            f"The work in {worktree} began at {attempt.base[:12]}, not at {base_commit[:12]}; "
            "measure it from there.",
            base=attempt.base,
        )
    snapshot = await take_snapshot(repository, attempt)
    await keep_agent_commits(repository, attempt)
    if snapshot.tree == await repository.tree_of(attempt.base):
        return WorkCommit(None, attempt.base)
    commit = await _work_commit(repository, attempt, snapshot.tree, commit_message(message, trailers))
    return WorkCommit(commit, attempt.base, await changed_paths(repository, attempt.base, commit))


async def preserve(
    repository: Repository, worktree: Path, project: str, story: str, attempt: int
) -> str | None:
    """Keep whatever is in the worktree under the attempt's preserved ref.

    Without a worktree the work that was collected of it is kept, if there is some. A repeat changes nothing.

    Returns:
        The ref; None where there is nothing to keep.
    """
    found = read_attempt(worktree)
    if found is not None and found.state == "ready":
        if worktree.is_dir():
            await preserve_attempt(repository, found)
        await keep_agent_commits(repository, found)
    ref = preserved_ref(project, story, attempt)
    if await repository.resolve(ref) is None:
        tip = await repository.resolve(f"{attempt_refs(project, story, attempt)}/work")
        if tip is None:
            return None
        await repository.set_ref(ref, tip)
    return ref


async def preserve_attempt(repository: Repository, attempt: Attempt) -> Snapshot:
    """Point the attempt's preserved ref at the worktree's content; earlier content stays in its history.

    A file that git does not take does not keep the others from being preserved.
    """
    snapshot = await take_snapshot(repository, attempt, whole=False)
    ref = preserved_ref(attempt.project, attempt.story, attempt.attempt)
    before = await repository.resolve(ref)
    if snapshot.tree == await repository.tree_of(before or attempt.base):
        return snapshot
    text = commit_message(f"Preserve attempt {attempt.attempt} of story {attempt.story}", {})
    parents = (attempt.base, before) if before else (attempt.base,)
    commit = await write_commit(repository, snapshot.tree, parents, text, {})
    if not await repository.set_ref(ref, commit, before):
        raise RepositoryError(
            f"{ref} moved while the work of {attempt.path} was preserved; try again.", ref=ref
        )
    return snapshot


async def _work_commit(repository: Repository, attempt: Attempt, tree: str, message: str) -> str:
    ref = f"{attempt_refs(attempt.project, attempt.story, attempt.attempt)}/work"
    before = await repository.resolve(ref)
    if before is not None and await _is_same(repository, before, tree, attempt.base, message):
        return before
    if before is not None:
        await keep_tip(repository, attempt, before)
    commit = await write_commit(repository, tree, (attempt.base,), message, {})
    if not await repository.set_ref(ref, commit, before):
        raise RepositoryError(f"{ref} moved while the work of {attempt.path} was collected; try again.")
    return commit


async def _is_same(repository: Repository, commit: str, tree: str, parent: str, message: str) -> bool:
    raw = (await git(repository.common_dir, "cat-file", "commit", commit)).out
    head, _, body = raw.partition(b"\n\n")
    lines = head.decode("utf-8", "replace").split("\n")
    parents = [line.removeprefix("parent ") for line in lines if line.startswith("parent ")]
    return lines[0] == f"tree {tree}" and parents == [parent] and body == message.encode("utf-8", "replace")
