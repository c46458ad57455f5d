"""The commits of an agent are taken from a repository that may lie, and nothing in it is executed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from paceline.vcs.attempts import read_attempt, record_folder
from paceline.vcs.history import keep_agent_commits
from paceline.vcs.private import private_folder
from paceline.vcs.repository import Repository
from paceline.vcs.work import collect_work, preserve
from paceline.vcs.worktrees import prepare_worktree, remove_worktree


@pytest.fixture
async def tree(user: Any, repository: Repository, root: Path) -> Path:
    return await prepare_worktree(repository, root, "p", "1", 1, user.base)


def commit(user: Any, tree: Path, name: str, text: str = "x\n") -> str:
    (tree / name).write_text(text)
    user.git("add", "-f", name, cwd=tree)
    user.git("commit", "-q", "-m", name, cwd=tree)
    return user.git("rev-parse", "HEAD", cwd=tree).strip()


def history(user: Any) -> set[str]:
    return set(user.git("for-each-ref", "--format=%(objectname)", "refs/paceline/history").split())


async def keep(repository: Repository, tree: Path) -> bool:
    attempt = read_attempt(tree)
    assert attempt is not None
    return await keep_agent_commits(repository, attempt)


async def test_branches_stashes_and_what_was_amended_away_are_kept(
    user: Any, repository: Repository, tree: Path
) -> None:
    amended = commit(user, tree, "a.txt")
    user.git("commit", "-q", "--amend", "-m", "again", cwd=tree)
    user.git("checkout", "-q", "-b", "other", cwd=tree)
    deleted = commit(user, tree, "b.txt")
    user.git("checkout", "-q", "--detach", "HEAD~1", cwd=tree)
    user.git("branch", "-D", "other", cwd=tree)
    (tree / "a.txt").write_text("stashed\n")
    user.git("stash", "push", "-q", cwd=tree)
    stashed = user.git("rev-parse", "refs/stash", cwd=tree).strip()
    assert await keep(repository, tree)
    assert {amended, deleted, stashed} <= history(user)
    assert user.git("fsck", "--no-dangling", "--connectivity-only") == ""
    before = history(user)
    assert await keep(repository, tree)
    assert history(user) == before


async def test_many_commits_become_a_pack(user: Any, repository: Repository, tree: Path) -> None:
    made = [commit(user, tree, f"f{number}.txt", f"{number}\n") for number in range(40)]
    assert await keep(repository, tree)
    assert history(user) == {made[-1]}
    assert list((user.path / ".git/objects/pack").glob("*.pack"))


async def test_nothing_that_the_config_names_is_executed(
    user: Any, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    commit(user, tree, "a.txt")
    evil = tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {tmp_path}/executed\n")
    evil.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "core.alternateRefsCommand",
        "core.sshCommand",
        "uploadpack.packObjectsHook",
        "remote.x.uploadpack",
        "filter.x.clean",
        "filter.x.smudge",
        "diff.external",
        "core.pager",
        "gpg.program",
    ):
        user.git("config", key, str(evil), cwd=tree)
    for key, value in (
        ("remote.x.url", str(tmp_path)),
        ("remote.x.promisor", "true"),
        ("extensions.partialClone", "x"),
        ("core.hooksPath", str(tmp_path)),
        ("core.repositoryformatversion", "1"),
    ):
        user.git("config", key, value, cwd=tree)
    for hook in ("reference-transaction", "post-index-change", "pre-auto-gc"):
        shutil.copy(evil, tmp_path / hook)
    (tree / ".gitattributes").write_text("* filter=x diff=x\n")
    (tree / "b.txt").write_text("b\n")
    missing = next((private_folder(tree) / "objects").glob("[0-9a-f][0-9a-f]/*"))
    missing.unlink()
    await collect_work(tree, user.base, "work", {})
    await preserve(repository, tree, "p", "1", 1)
    await remove_worktree(repository, tree)
    assert not (tmp_path / "executed").exists()


async def test_an_object_under_a_foreign_name_is_not_believed(
    user: Any, repository: Repository, tree: Path, root: Path
) -> None:
    commit(user, tree, "a.txt", "good\n")
    blob = user.git("rev-parse", "HEAD:a.txt", cwd=tree).strip()
    (tree / "evil").write_text("evil\n")
    evil = user.git("hash-object", "-w", "evil", cwd=tree).strip()
    objects = private_folder(tree) / "objects"
    target = objects / blob[:2] / blob[2:]
    target.unlink()
    shutil.copy(objects / evil[:2] / evil[2:], target)
    (tree / "a.txt").unlink()  # else the files give the true object
    assert not await keep(repository, tree)
    assert history(user) == set()
    assert user.git("fsck", "--no-dangling") == ""
    kept = await remove_worktree(repository, tree)
    assert kept is not None
    assert kept.is_relative_to(root / "kept")
    assert (kept / "HEAD").is_file()


async def test_broken_history_does_not_hide_a_whole_one(
    user: Any, repository: Repository, tree: Path
) -> None:
    whole = commit(user, tree, "a.txt")
    broken = commit(user, tree, "b.txt")
    user.git("update-ref", "refs/heads/whole", whole, cwd=tree)
    tree_of = user.git("rev-parse", f"{broken}^{{tree}}", cwd=tree).strip()
    (private_folder(tree) / "objects" / tree_of[:2] / tree_of[2:]).unlink()
    assert not await keep(repository, tree)
    assert history(user) == {whole}


async def test_pipes_and_links_in_the_repository_hold_nothing_up(
    user: Any, repository: Repository, tree: Path
) -> None:
    last = commit(user, tree, "a.txt")
    gitdir = private_folder(tree)
    os.mkfifo(gitdir / "refs/heads/pipe")
    os.mkfifo(gitdir / "FETCH_HEAD")
    (gitdir / "refs/heads/link").symlink_to("/dev/zero")
    (gitdir / "objects/ff").mkdir(exist_ok=True)
    os.mkfifo(gitdir / "objects/ff" / ("f" * 38))
    (gitdir / "objects/pack/pack-evil.pack").symlink_to("/dev/zero")
    (gitdir / "objects/info/alternates").write_text("/dev\n" + str(user.path / "nowhere") + "\n")
    (gitdir / "objects/info/commit-graph").write_bytes(b"CGPH nonsense")
    (gitdir / "packed-refs").write_text(f"{'f' * 40} refs/heads/bogus\nnonsense\n")
    assert await keep(repository, tree)
    assert history(user) == {last}


async def test_a_repository_put_in_the_place_of_the_link_is_kept_too(
    user: Any, repository: Repository, tree: Path
) -> None:
    (tree / ".git").unlink()
    user.git("init", "-q", cwd=tree)
    first = commit(user, tree, "a.txt")
    assert await keep(repository, tree)
    assert first in history(user)
    assert await prepare_worktree(repository, tree.parent.parent, "p", "1", 1, user.base) == tree
    assert list(record_folder(tree).glob("replaced-git-*"))
    assert await keep(repository, tree)


async def test_commits_outlive_a_worktree_that_the_agent_removed(
    user: Any, repository: Repository, tree: Path
) -> None:
    own = commit(user, tree, "a.txt")
    shutil.rmtree(tree)
    assert await preserve(repository, tree, "p", "1", 1) is None
    assert history(user) == {own}
    await remove_worktree(repository, tree)
    assert not record_folder(tree).exists()


@pytest.mark.parametrize("name", [".gitignore", ".gitattributes", ".gitmodules", "src/app.py", "pipe"])
async def test_a_pipe_in_the_worktree_holds_nothing_up(user: Any, tree: Path, name: str) -> None:
    (tree / name).unlink(missing_ok=True)
    os.mkfifo(tree / name)
    (tree / "a.txt").write_text("a\n")
    work = await collect_work(tree, user.base, "work", {})
    assert {each.path for each in work.changed} >= {"a.txt"}
