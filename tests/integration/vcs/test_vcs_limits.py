"""Room on the disk, repositories that are refused, a branch that was moved, and caches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from paceline.errors import BranchMoved, ConfigurationError, DiskFull, RepositoryUnsupported, WorktreeSetup
from paceline.vcs.attempts import Attempt, read_attempt
from paceline.vcs.caches import restore_caches, save_caches
from paceline.vcs.disk import attempt_usage, mark_over_quota, measure, require_room
from paceline.vcs.options import load_worktree_options
from paceline.vcs.protection import restore_branch, verify_branch
from paceline.vcs.repository import Repository, advance, ensure_branch
from paceline.vcs.support import require_supported
from paceline.vcs.work import collect_work
from paceline.vcs.worktrees import prepare_worktree, remove_worktree

PLAIN = ("-c", "core.hooksPath=/dev/null")


async def attempt_of(repository: Repository, root: Path, base: str, number: int) -> Attempt:
    attempt = read_attempt(await prepare_worktree(repository, root, "p", "1", number, base))
    assert attempt is not None
    return attempt


def test_usage_counts_once_follows_no_link_and_stops_at_the_bound(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 1_000_000)
    os.link(tmp_path / "big", tmp_path / "again")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "outside").symlink_to("/usr")
    usage = measure([tmp_path, tmp_path / "absent"], 10**9, 10**6)
    assert usage.files == 4
    assert 1_000_000 <= usage.bytes < 1_100_000
    assert not usage.over(10**9, 10**6)
    for number in range(50):
        (tmp_path / f"small-{number}").touch()
    assert measure([tmp_path], 10**9, 10) == measure([tmp_path], 10**9, 10)
    assert measure([tmp_path], 10**9, 10).files == 11
    assert measure([tmp_path], 500_000, 10**6).over(500_000, 10**6)


async def test_an_attempt_is_measured_without_the_users_objects(
    user: Any, repository: Repository, root: Path
) -> None:
    base = user.commit({"big.txt": "".join(f"{number * 7919}\n" for number in range(200_000))})
    attempt = await attempt_of(repository, root, base, 1)
    (attempt.worktree / "big.txt").unlink()
    assert attempt_usage(attempt.worktree, 10**9, 10**6).bytes < 400_000
    (attempt.worktree / "blob").write_bytes(os.urandom(1_000_000))
    user.git("add", "blob", cwd=attempt.worktree)
    (attempt.worktree / "blob").unlink()
    assert attempt_usage(attempt.worktree, 10**9, 10**6).bytes > 1_000_000


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    require_room(tmp_path / "root", 0)
    with pytest.raises(DiskFull, match="make room") as caught:
        require_room(tmp_path / "root", 10**18)
    assert caught.value.details["least"] == 10**18


async def test_too_much_work_is_preserved_up_to_a_bound(
    user: Any, repository: Repository, root: Path
) -> None:
    attempt = await attempt_of(repository, root, user.base, 1)
    (attempt.worktree / "small.txt").write_text("small\n")
    (attempt.worktree / "README.md").unlink()
    with (attempt.worktree / "huge.bin").open("wb") as file:
        file.truncate(150_000_000)
    mark_over_quota(attempt.worktree)
    work = await collect_work(attempt.worktree, user.base, "work", {})
    assert {each.path for each in work.changed} == {"README.md", "small.txt"}
    assert await remove_worktree(repository, attempt.worktree) is None
    assert not attempt.worktree.exists()


async def test_submodules_lfs_and_partial_clones_are_refused_before_anything_starts(
    user: Any, repository: Repository, make_repository: Any, tmp_path: Path
) -> None:
    await require_supported(repository, user.base)
    library = make_repository("library")
    user.git("-c", "protocol.file.allow=always", *PLAIN, "submodule", "add", "-q", str(library.path), "lib")
    user.git(*PLAIN, "commit", "-q", "-m", "with a submodule")
    head = user.git("rev-parse", "HEAD").strip()
    with pytest.raises(RepositoryUnsupported, match="submodules = true") as caught:
        await require_supported(repository, head)
    assert caught.value.details["feature"] == "submodules"
    await require_supported(repository, head, submodules=True)
    other = make_repository("large")
    large = other.commit({"sub/.gitattributes": "# filter=lfs\n*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    opened = await Repository.open(other.path)
    await require_supported(opened, other.base)
    with pytest.raises(RepositoryUnsupported, match="LFS"):
        await require_supported(opened, large)
    other.git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    user.git(*PLAIN, "clone", "-q", "--filter=blob:none", f"file://{other.path}", str(partial))
    with pytest.raises(RepositoryUnsupported, match="partial clone"):
        await require_supported(await Repository.open(partial), other.base)


async def test_a_moved_branch_is_found_out_and_put_back(user: Any, repository: Repository) -> None:
    await ensure_branch(repository, "paceline/p/sprint", user.base)
    assert await verify_branch(repository, "paceline/p/sprint", user.base) == user.base
    user.git(*PLAIN, "checkout", "-q", "-b", "forged")
    forged = user.commit({"forged.txt": "x"})
    user.git(*PLAIN, "checkout", "-q", "main")
    user.git(*PLAIN, "update-ref", "refs/heads/paceline/p/sprint", forged)
    assert await verify_branch(repository, "paceline/p/sprint", user.base, {forged}) == forged
    with pytest.raises(BranchMoved) as caught:
        await verify_branch(repository, "paceline/p/sprint", user.base)
    assert caught.value.details["found"] == forged
    kept = await restore_branch(repository, caught.value)
    assert await repository.resolve(str(kept)) == forged
    assert await restore_branch(repository, caught.value) == kept
    assert await verify_branch(repository, "paceline/p/sprint", user.base) == user.base
    user.git(*PLAIN, "update-ref", "-d", "refs/heads/paceline/p/sprint")
    with pytest.raises(BranchMoved, match="gone") as caught:
        await verify_branch(repository, "paceline/p/sprint", user.base)
    assert await restore_branch(repository, caught.value) is None
    assert await advance(repository, "paceline/p/sprint", user.base, forged)


async def test_a_cache_holds_what_the_set_up_made_and_not_what_an_agent_did(
    user: Any, repository: Repository, root: Path
) -> None:
    first = await attempt_of(repository, root, user.base, 1)
    assert await restore_caches(repository, first, ["build"]) == []
    (first.worktree / "build/bin").mkdir(parents=True)
    (first.worktree / "build/bin/tool").write_text("made by the set-up\n")
    (first.worktree / "build/bin/tool").chmod(0o755)
    (first.worktree / "build/out").symlink_to("/etc")
    assert await save_caches(repository, first, ["build"]) == ["build"]
    assert await save_caches(repository, first, ["build"]) == []
    (first.worktree / "build/bin/tool").write_text("by an agent\n")
    second = await attempt_of(repository, root, user.base, 2)
    assert await restore_caches(repository, second, ["build"]) == ["build"]
    tool = second.worktree / "build/bin/tool"
    assert (tool.read_text(), os.access(tool, os.X_OK)) == ("made by the set-up\n", True)
    assert os.readlink(second.worktree / "build/out") == "/etc"
    assert (await collect_work(second.worktree, user.base, "work", {})).commit is None


async def test_a_cache_is_no_way_out_and_no_part_of_the_work(
    user: Any, repository: Repository, root: Path, tmp_path: Path
) -> None:
    attempt = await attempt_of(repository, root, user.base, 1)
    with pytest.raises(WorktreeSetup, match=r"\.gitignore"):
        await restore_caches(repository, attempt, ["src"])
    (tmp_path / "outside/build").mkdir(parents=True)
    (attempt.worktree / "build").symlink_to(tmp_path / "outside/build")
    assert await save_caches(repository, attempt, ["build"]) == []
    for name in ("../x", "/x", "a/../../b", ".git", ""):
        with pytest.raises(ConfigurationError, match="inside the worktree"):
            load_worktree_options(f'[worktrees]\nsetup = "true"\nreuse = [{name!r}]\n')


def test_the_table_of_a_repository_is_read_and_refused_in_a_sentence() -> None:
    assert load_worktree_options("[agents.a]\nkind = 'human'\n").command("a") is None
    options = load_worktree_options('[worktrees]\nsetup = "make"\nagents = { B = "", C = "other" }\n')
    assert [options.command(name) for name in "ABC"] == ["make", None, "other"]
    for text, why in (
        ("[worktrees", "TOML"),
        ("[worktrees]\nreuse = ['a']", "reuse without"),
        ("[worktrees]\nx = 1", "x"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            load_worktree_options(text)
