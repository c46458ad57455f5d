from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paceline.errors import RepositoryError
from paceline.vcs.attempts import read_attempt, record_folder, write_attempt
from paceline.vcs.locks import exclusive, try_lock
from paceline.vcs.private import private_folder
from paceline.vcs.repository import Repository
from paceline.vcs.work import collect_work, preserve
from paceline.vcs.worktrees import prepare_worktree, remove_worktree


async def test_a_second_call_finds_the_worktree_with_its_work(
    user: Any, repository: Repository, root: Path
) -> None:
    tree = await prepare_worktree(repository, root, "p", "2.1", 1, user.base)
    assert tree == root / f"p-{repository.identity()[:6]}" / "2.1-1"
    assert (tree / "src/app.py").read_text() == "one\ntwo\nthree\n"
    assert user.git("status", "--porcelain", cwd=tree) == ""
    assert user.git("branch", "--show-current", cwd=tree).strip() == "paceline-work/p/2.1/attempt-1"
    (tree / "half.txt").write_text("half done")
    later = user.commit({"later.txt": "x"})
    assert await prepare_worktree(repository, root, "p", "2.1", 1, later) == tree
    assert (tree / "half.txt").read_text() == "half done"
    attempt = read_attempt(tree)
    assert attempt is not None
    assert attempt.base == user.base


async def test_hostile_ids_stay_inside_the_root(user: Any, repository: Repository, root: Path) -> None:
    story = "../../../etc/passwd\n" + "x" * 500 + "🙂"
    tree = await prepare_worktree(repository, root, "p", story, 1, user.base)
    assert tree.is_relative_to(root)
    assert len(str(tree.relative_to(root))) < 120
    assert await preserve(repository, tree, "p", story, 1) is None


async def test_a_crash_in_the_middle_of_creation_is_overcome(
    user: Any, repository: Repository, root: Path
) -> None:
    tree = await prepare_worktree(repository, root, "p", "1", 1, user.base)
    attempt = read_attempt(tree)
    assert attempt is not None
    write_attempt(replace(attempt, state="creating", admin=""))
    (tree / "src/app.py").unlink()
    assert await prepare_worktree(repository, root, "p", "1", 1, user.base) == tree
    assert user.git("status", "--porcelain", cwd=tree) == ""
    shutil.rmtree(tree)
    write_attempt(replace(attempt, state="creating", admin=""))
    assert await prepare_worktree(repository, root, "p", "1", 1, user.base) == tree
    assert (tree / "src/app.py").exists()
    assert not (user.path / ".git/worktrees").exists()


async def test_a_folder_that_nobody_recorded_is_moved_aside_and_not_lost(
    user: Any, repository: Repository, root: Path
) -> None:
    tree = root / f"p-{repository.identity()[:6]}" / "1-1"
    tree.mkdir(parents=True)
    (tree / "found.txt").write_text("whose?")
    assert await prepare_worktree(repository, root, "p", "1", 1, user.base) == tree
    assert not (tree / "found.txt").exists()
    assert [file.read_text() for file in (root / "kept").glob("*/found.txt")] == ["whose?"]


async def test_eight_at_once_in_one_repository(user: Any, repository: Repository, root: Path) -> None:
    numbers = range(8)
    trees = await asyncio.gather(
        *(prepare_worktree(repository, root, "p", f"s{n}", 1, user.base) for n in numbers),
        *(prepare_worktree(repository, root, "p", f"s{n}", 1, user.base) for n in numbers),
    )
    assert trees[:8] == trees[8:]
    assert len(set(trees)) == 8
    for tree in trees[:8]:
        assert user.git("status", "--porcelain", cwd=tree) == ""
        (tree / f"{tree.name}.txt").write_text(tree.name)
    works = await asyncio.gather(*(collect_work(tree, user.base, "w", {}) for tree in trees[:8]))
    assert all([path.path for path in work.changed] == [f"s{n}-1.txt"] for n, work in enumerate(works))
    await asyncio.gather(*(remove_worktree(repository, tree) for tree in trees))
    assert not any(tree.exists() for tree in trees)
    assert user.git("worktree", "list", "--porcelain").count("worktree ") == 1


async def test_a_retry_starts_from_the_preserved_work(user: Any, repository: Repository, root: Path) -> None:
    first = await prepare_worktree(repository, root, "p", "1", 1, user.base)
    (first / "new.txt").write_text("from attempt 1")
    (first / "README.md").unlink()
    ref = await preserve(repository, first, "p", "1", 1)
    assert ref == "refs/paceline/preserved/p/1/1"
    await remove_worktree(repository, first)
    moved = user.commit({"other.txt": "by another story"})
    second = await prepare_worktree(repository, root, "p", "1", 2, moved, ref)
    attempt = read_attempt(second)
    assert attempt is not None
    assert attempt.carried_over
    assert (second / "new.txt").read_text() == "from attempt 1"
    assert (second / "other.txt").exists()
    assert not (second / "README.md").exists()
    work = await collect_work(second, moved, "work", {})
    assert [(path.path, path.kind) for path in work.changed] == [
        ("README.md", "deleted"),
        ("new.txt", "added"),
    ]
    assert user.git("rev-list", "--parents", "-1", str(work.commit)).split()[1:] == [moved]


async def test_preserved_work_that_does_not_apply_is_named_and_stays_preserved(
    user: Any, repository: Repository, root: Path
) -> None:
    first = await prepare_worktree(repository, root, "p", "1", 1, user.base)
    (first / "src/app.py").write_text("mine\n")
    ref = await preserve(repository, first, "p", "1", 1)
    moved = user.commit({"src/app.py": "theirs\n"})
    second = await prepare_worktree(repository, root, "p", "1", 2, moved, ref)
    attempt = read_attempt(second)
    assert attempt is not None
    assert (attempt.carried_over, attempt.conflicts) == (False, ("src/app.py",))
    assert (second / "src/app.py").read_text() == "theirs\n"
    assert user.show(str(ref), "src/app.py") == "mine\n"


async def test_an_attempt_that_was_put_aside_goes_on_where_it_was(
    user: Any, repository: Repository, root: Path
) -> None:
    tree = await prepare_worktree(repository, root, "p", "1", 1, user.base)
    (tree / "half.txt").write_text("half done")
    await remove_worktree(repository, tree)
    assert not tree.exists()
    moved = user.commit({"other.txt": "x"})
    again = await prepare_worktree(repository, root, "p", "1", 1, moved)
    assert again == tree
    assert (tree / "half.txt").read_text() == "half done"
    assert (tree / "other.txt").exists()
    (tree / "half.txt").write_text("more")
    await remove_worktree(repository, tree)
    assert user.show("refs/paceline/preserved/p/1/1", "half.txt") == "more"
    history = user.git("log", "--format=%H", "refs/paceline/preserved/p/1/1").split()
    assert "half done" in {user.git("show", f"{commit}:half.txt", check=False) for commit in history}


async def test_removal_preserves_first_and_can_be_repeated(
    user: Any, repository: Repository, root: Path
) -> None:
    tree = await prepare_worktree(repository, root, "p", "1", 1, user.base)
    (tree / "precious.txt").write_text("x")
    (tree / "read-only").mkdir(mode=0o755)
    (tree / "read-only/file").write_text("y")
    (tree / "read-only").chmod(0o500)
    assert await remove_worktree(repository, tree) is None
    assert await remove_worktree(repository, tree) is None
    assert not tree.exists()
    assert not record_folder(tree).exists()
    assert user.files("refs/paceline/preserved/p/1/1")[-2:] == ["read-only/file", "src/app.py"]
    assert user.git("branch", "--list", "paceline-work/*") == ""
    assert user.git("fsck", "--no-dangling") == ""


async def test_preserving_twice_is_once_and_nothing_is_none(
    user: Any, repository: Repository, root: Path
) -> None:
    tree = await prepare_worktree(repository, root, "p", "1", 1, user.base)
    assert await preserve(repository, tree, "p", "1", 1) is None
    (tree / "a.txt").write_text("a")
    ref = await preserve(repository, tree, "p", "1", 1)
    first = await repository.resolve(str(ref))
    assert await preserve(repository, tree, "p", "1", 1) == ref
    assert await repository.resolve(str(ref)) == first
    await remove_worktree(repository, tree)
    assert await preserve(repository, tree, "p", "1", 1) == ref


async def test_what_git_cannot_preserve_is_moved_and_not_removed(
    user: Any, repository: Repository, root: Path
) -> None:
    tree = await prepare_worktree(repository, root, "p", "1", 1, user.base)
    (tree / "inner").mkdir()
    user.git("init", "-q", cwd=tree / "inner")
    (tree / "inner/file").write_text("x")
    kept = await remove_worktree(repository, tree)
    assert kept is not None
    assert (kept / "inner/.git").is_dir()
    assert user.show("refs/paceline/preserved/p/1/1", "inner/file") == "x"


@pytest.mark.parametrize("damage", ["unlinked", "pruned", "replaced", "garbage"])
async def test_a_cut_link_to_git_is_mended(
    user: Any, repository: Repository, root: Path, damage: str
) -> None:
    tree = await prepare_worktree(repository, root, "p", "1", 1, user.base)
    (tree / "half.txt").write_text("half done")
    (tree / ".git").unlink()
    if damage == "pruned":
        shutil.rmtree(private_folder(tree))
    elif damage == "replaced":
        user.git("init", "-q", cwd=tree)
    elif damage == "garbage":
        (tree / ".git").write_text("nonsense")
    assert await prepare_worktree(repository, root, "p", "1", 1, user.base) == tree
    assert user.git("status", "--porcelain", cwd=tree) == "?? half.txt\n"
    assert user.git("branch", "--show-current", cwd=tree).strip() == "paceline-work/p/1/attempt-1"
    assert (await collect_work(tree, user.base, "w", {})).commit is not None


async def test_a_users_prune_and_gc_do_not_break_an_attempt(
    user: Any, repository: Repository, root: Path
) -> None:
    doomed = user.commit({"doomed.txt": "x"})
    tree = await prepare_worktree(repository, root, "p", "1", 1, doomed)
    user.git("-c", "core.hooksPath=/dev/null", "reset", "-q", "--hard", user.base)
    user.git("-c", "core.hooksPath=/dev/null", "reflog", "expire", "--expire=now", "--all")
    user.git("worktree", "prune", "--expire=now")
    user.git("-c", "core.hooksPath=/dev/null", "gc", "-q", "--prune=now")
    (tree / "a.txt").write_text("a")
    user.git("add", "a.txt", cwd=tree)
    user.git("commit", "-q", "-m", "mine", cwd=tree)
    assert user.git("fsck", cwd=tree) == ""
    work = await collect_work(tree, doomed, "w", {})
    assert [path.path for path in work.changed] == ["a.txt"]


async def test_the_users_own_worktrees_are_not_pruned(
    user: Any, repository: Repository, root: Path, tmp_path: Path
) -> None:
    away = tmp_path / "on-a-disk-that-is-not-mounted"
    user.git("-c", "core.hooksPath=/dev/null", "worktree", "add", "-q", "--detach", str(away))
    away.rename(tmp_path / "unmounted")
    tree = await prepare_worktree(repository, root, "p", "1", 1, user.base)
    await remove_worktree(repository, tree)
    assert [path.name for path in (user.path / ".git/worktrees").iterdir()] == [away.name]


async def test_a_dirty_checkout_stays_as_it_is_byte_for_byte(
    user: Any, repository: Repository, root: Path, hook_ran: Path
) -> None:
    (user.path / "src/app.py").write_text("not committed\n")
    (user.path / "untracked.txt").write_text("mine\n")
    (user.path / "README.md").write_text("staged\n")
    user.git("add", "README.md")
    user.git("config", "commit.gpgsign", "true")
    user.git("config", "gpg.program", "/bin/false")
    user.git("config", "user.name", "Somebody")
    hook_ran.unlink(missing_ok=True)
    before = user.fingerprint()
    tree = await prepare_worktree(repository, root, "p", "1", 1, user.base)
    assert not (tree / "untracked.txt").exists()
    (tree / "src/app.py").write_text("by the agent\n")
    work = await collect_work(tree, user.base, "work", {})
    await preserve(repository, tree, "p", "1", 1)
    await remove_worktree(repository, tree)
    assert user.fingerprint() == before
    assert not hook_ran.exists()
    assert user.git("show", "-s", "--format=%an %cn %G?", str(work.commit)).strip() == "Paceline Paceline N"


async def test_a_lock_is_one_holders_and_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "one"
    held = try_lock(path)
    assert held is not None
    assert try_lock(path) is None
    with pytest.raises(RepositoryError, match="held"):
        async with exclusive(path, patience=0.0):
            raise AssertionError("two holders")
    os.close(held)
    async with exclusive(path, patience=0.0):
        assert try_lock(path) is None
