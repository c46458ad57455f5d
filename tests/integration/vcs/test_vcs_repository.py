from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from paceline.errors import BranchCheckedOut, ConfigurationError, RepositoryError, RepositoryMissing
from paceline.vcs import git as git_module
from paceline.vcs.git import git, require_git
from paceline.vcs.places import places_of
from paceline.vcs.repository import Repository, advance, ensure_branch


async def test_a_sub_folder_opens_the_same_repository(user: Any, repository: Repository) -> None:
    inside = await Repository.open(user.path / "src")
    assert inside == repository
    assert inside.identity() == repository.identity()
    assert await inside.head_commit() == user.base
    assert await inside.branch_of_head() == "main"


async def test_a_linked_worktree_has_the_identity_of_its_repository(
    user: Any, repository: Repository, tmp_path: Path
) -> None:
    user.git("-c", "core.hooksPath=/dev/null", "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    linked = await Repository.open(tmp_path / "linked")
    assert linked.identity() == repository.identity()
    assert linked.path == tmp_path / "linked"
    assert await linked.branch_of_head() is None


async def test_every_place_of_a_repository_is_found(
    user: Any, repository: Repository, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    (user.path / ".git/objects/info/alternates").write_text(f"{store}\n")
    user.git("-c", "core.hooksPath=/dev/null", "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    linked = await Repository.open(tmp_path / "linked")
    git = user.path / ".git"
    expected = {user.path, tmp_path / "linked", git, git / "objects", store}
    assert set(places_of(repository)) == expected
    assert set(places_of(linked)) == expected


async def test_a_bare_repository_is_opened(user: Any, tmp_path: Path) -> None:
    user.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    bare = await Repository.open(tmp_path / "bare.git")
    assert bare.bare
    assert await bare.head_commit() == user.base
    assert await bare.is_dirty() == []


async def test_no_repository_no_commit_and_no_folder_are_each_a_sentence(user: Any, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "empty").mkdir()
    user.git("init", "-q", cwd=tmp_path / "empty")
    for name, words in {"plain": "not inside", "empty": "no commit yet", "absent": "not a folder"}.items():
        with pytest.raises(RepositoryMissing, match=words) as caught:
            await Repository.open(tmp_path / name)
        assert caught.value.details["path"] == str(tmp_path / name)


async def test_dirty_paths_are_named_and_reading_them_changes_nothing(
    user: Any, repository: Repository
) -> None:
    assert await repository.is_dirty() == []
    (user.path / "src/app.py").write_text("changed\n")
    (user.path / "odd\nname").write_text("untracked\n")
    os.utime(user.path / "README.md")  # a stat-dirty entry, which a plain `git status` would refresh
    before = user.fingerprint()
    assert await repository.is_dirty() == ["src/app.py"]
    assert sorted(await repository.is_dirty(untracked=True)) == ["odd\nname", "src/app.py"]
    assert user.fingerprint() == before


async def test_the_branch_is_made_once_and_never_moved(user: Any, repository: Repository) -> None:
    assert await ensure_branch(repository, "paceline/p/sprint-1", user.base) == user.base
    later = user.commit({"new.txt": "x"})
    assert await ensure_branch(repository, "paceline/p/sprint-1", later) == user.base


async def test_a_branch_name_in_the_way_is_said(user: Any, repository: Repository) -> None:
    user.git("-c", "core.hooksPath=/dev/null", "branch", "paceline")
    with pytest.raises(RepositoryError, match="paceline/p/sprint-1"):
        await ensure_branch(repository, "paceline/p/sprint-1", user.base)


async def test_of_many_racers_one_moves_the_branch(user: Any, repository: Repository) -> None:
    await ensure_branch(repository, "sprint", user.base)
    news = [user.commit({"n.txt": str(number)}) for number in range(6)]
    won = await asyncio.gather(*(advance(repository, "sprint", user.base, new) for new in news))
    assert won.count(True) == 1
    assert await repository.resolve("refs/heads/sprint") == news[won.index(True)]


async def test_moving_again_after_a_crash_is_true_and_a_stale_move_is_false(
    user: Any, repository: Repository
) -> None:
    await ensure_branch(repository, "sprint", user.base)
    new, other = user.commit({"n.txt": "1"}), user.commit({"n.txt": "2"})
    assert await advance(repository, "sprint", user.base, new)
    assert await advance(repository, "sprint", user.base, new)
    assert not await advance(repository, "sprint", user.base, other)


async def test_a_branch_that_is_checked_out_is_not_moved(user: Any, repository: Repository) -> None:
    new = await git(user.path, "commit-tree", f"{user.base}^{{tree}}", "-p", user.base, "-m", "x")
    before = user.fingerprint()
    with pytest.raises(BranchCheckedOut, match="is checked out at") as caught:
        await advance(repository, "main", user.base, new.text)
    assert caught.value.details["checkout"] == str(user.path)
    assert user.fingerprint() == before


async def test_an_old_git_is_refused_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.30.2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(git_module, "_checked", set[str]())
    with pytest.raises(ConfigurationError, match=r"git version 2\.30\.2 is too old: install git 2\.38"):
        await require_git()
    old.unlink()
    with pytest.raises(ConfigurationError, match="not found on PATH"):
        await require_git()


async def test_a_git_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "git"
    slow.write_text(f"#!/bin/sh\necho $$ > {tmp_path / 'pid'}\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(RepositoryError, match="did not end within"):
        await git(tmp_path, "status", timeout=1.0)
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
