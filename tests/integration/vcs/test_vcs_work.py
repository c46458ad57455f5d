from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from paceline.errors import RepositoryError
from paceline.vcs.repository import Repository
from paceline.vcs.work import WorkCommit, collect_work, preserve
from paceline.vcs.worktrees import prepare_worktree, remove_worktree

PLAIN = ("-c", "core.hooksPath=/dev/null")


@pytest.fixture
async def tree(user: Any, repository: Repository, root: Path) -> Path:
    return await prepare_worktree(repository, root, "p", "1", 1, user.base)


def kinds(work: WorkCommit) -> dict[str, str]:
    return {path.path: path.kind for path in work.changed}


async def test_nothing_changed_is_none(user: Any, tree: Path) -> None:
    (tree / "debug.log").write_text("ignored")
    os.utime(tree / "src/app.py")
    work = await collect_work(tree, user.base, "work", {})
    assert (work.commit, work.changed) == (None, [])


async def test_every_kind_of_change_is_seen(user: Any, tree: Path) -> None:
    (tree / "src/app.py").rename(tree / "src/renamed.py")
    (tree / "README.md").chmod(0o755)
    (tree / ".gitignore").unlink()
    (tree / ".gitignore").symlink_to("/etc/passwd")
    (tree / "binary").write_bytes(bytes(range(256)) * 40_000)
    work = await collect_work(tree, user.base, "work", {})
    assert kinds(work) == {
        ".gitignore": "type",
        "README.md": "mode",
        "binary": "added",
        "src/app.py": "deleted",
        "src/renamed.py": "added",
    }
    assert work.changed[0].symlink
    assert user.git("cat-file", "-s", f"{work.commit}:binary").strip() == str(256 * 40_000)


async def test_a_ref_holds_one_commit_on_the_base_and_a_repeat_is_the_same(user: Any, tree: Path) -> None:
    (tree / "a.txt").write_text("a")
    work = await collect_work(tree, user.base, "Story 1: title", {"Paceline-Attempt": "1"})
    ref = "refs/paceline/attempts/p/1/1/work"
    assert user.git("rev-parse", ref).strip() == work.commit
    assert user.git("rev-list", f"{user.base}..{ref}").split() == [work.commit]
    assert await collect_work(tree, user.base, "Story 1: title", {"Paceline-Attempt": "1"}) == work
    assert user.git("for-each-ref", "refs/heads", "--format=%(refname)") == "refs/heads/main\n"
    assert user.git("for-each-ref", "refs/paceline/history", "refs/paceline/preserved") == ""
    (tree / "a.txt").write_text("b")
    assert (await collect_work(tree, user.base, "Story 1: title", {})).commit != work.commit


async def test_an_agent_that_commits_itself_loses_nothing(user: Any, tree: Path) -> None:
    (tree / "a.txt").write_text("first")
    user.git("add", "-A", cwd=tree)
    user.git(*PLAIN, "commit", "-q", "-m", "mine\n\nPaceline-Story: forged", cwd=tree)
    own = user.git("rev-parse", "HEAD", cwd=tree).strip()
    (tree / "a.txt").write_text("second")
    work = await collect_work(tree, user.base, "work", {})
    assert user.show(str(work.commit), "a.txt") == "second"
    assert "forged" not in user.git("log", "--format=%B", f"{user.base}..{work.commit}")
    assert user.git("for-each-ref", "--format=%(objectname)", "refs/paceline/history/p/1/1").strip() == own


@pytest.mark.parametrize(
    "action",
    [
        ("checkout", "-q", "-b", "elsewhere"),
        ("checkout", "-q", "--detach"),
        ("update-index", "--assume-unchanged", "src/app.py"),
        ("update-index", "--skip-worktree", "src/app.py"),
        ("gc", "-q", "--prune=now"),
        ("config", "--worktree", "core.worktree", "/elsewhere"),
        ("config", "--worktree", "core.bare", "true"),
        ("reset", "-q", "--soft", "HEAD"),
        ("rm", "-r", "-q", "--cached", "."),
    ],
    ids=lambda action: " ".join(action[:3]),
)
async def test_whatever_an_agent_does_with_git_its_work_is_found(
    user: Any, tree: Path, action: tuple[str, ...]
) -> None:
    user.git("config", "extensions.worktreeConfig", "true")
    user.git(*PLAIN, *action, cwd=tree)
    (tree / "src/app.py").write_text("changed\n")
    (tree / "new.txt").write_text("new\n")
    work = await collect_work(tree, user.base, "work", {})
    assert kinds(work) == {"src/app.py": "modified", "new.txt": "added"}


async def test_a_merge_made_by_the_agent_counts_as_its_change(
    user: Any, repository: Repository, root: Path
) -> None:
    user.commit({"upstream.txt": "x"})
    tree = await prepare_worktree(repository, root, "p", "1", 1, user.base)
    user.git(*PLAIN, "merge", "-q", "--no-ff", "-m", "merge", "main", cwd=tree)
    work = await collect_work(tree, user.base, "work", {})
    assert kinds(work) == {"upstream.txt": "added"}
    assert user.git("rev-list", "--parents", "-1", str(work.commit)).split()[1:] == [user.base]


async def test_work_is_found_without_the_link_to_git(user: Any, tree: Path) -> None:
    (tree / ".git").unlink()
    (tree / "new.txt").write_text("x")
    assert kinds(await collect_work(tree, user.base, "work", {})) == {"new.txt": "added"}


async def test_a_repository_inside_is_taken_as_files(user: Any, tree: Path) -> None:
    inner = tree / "vendor/inner"
    inner.mkdir(parents=True)
    user.git("init", "-q", cwd=inner)
    (inner / "b.txt").write_text("b")
    (inner / "line\nend").write_text("odd")
    (inner / "x.log").write_text("ignored")
    (inner / "run.sh").write_text("#!/bin/sh\n")
    (inner / "run.sh").chmod(0o755)
    (inner / "link").symlink_to("b.txt")
    user.git("init", "-q", cwd=tree / "src")  # around a tracked file
    (tree / "src/app.py").unlink()
    (tree / "src/main.py").write_text("main\n")
    work = await collect_work(tree, user.base, "work", {})
    assert kinds(work) == {
        "src/app.py": "deleted",
        "src/main.py": "added",
        "vendor/inner/b.txt": "added",
        "vendor/inner/line\nend": "added",
        "vendor/inner/link": "added",
        "vendor/inner/run.sh": "added",
    }
    modes = {path.path: path.new_mode for path in work.changed}
    assert modes["vendor/inner/run.sh"] == "100755"
    assert modes["vendor/inner/link"] == "120000"
    assert user.show(str(work.commit), "vendor/inner/b.txt") == "b"


async def test_a_repository_with_commits_inside_is_no_dangling_link(user: Any, tree: Path) -> None:
    inner = tree / "inner"
    inner.mkdir()
    user.git("init", "-q", cwd=inner)
    (inner / "b.txt").write_text("b")
    user.git("add", "-A", cwd=inner)
    user.git("commit", "-q", "-m", "inner", cwd=inner)
    work = await collect_work(tree, user.base, "work", {})
    assert kinds(work) == {"inner/b.txt": "added"}


async def test_a_submodule_change_is_seen(
    user: Any, repository: Repository, root: Path, make_repository: Any
) -> None:
    library = make_repository("library")
    add = ("-c", "protocol.file.allow=always", *PLAIN, "submodule", "add", "-q", str(library.path), "lib")
    user.git(*add)
    user.git(*PLAIN, "commit", "-q", "-m", "with a submodule")
    base = user.git("rev-parse", "HEAD").strip()
    tree = await prepare_worktree(repository, root, "p", "sub", 1, base)
    assert (await collect_work(tree, base, "work", {})).commit is None
    user.git("-c", "protocol.file.allow=always", *PLAIN, "submodule", "update", "-q", "--init", cwd=tree)
    user.git(*PLAIN, "commit", "-q", "--allow-empty", "-m", "inside", cwd=tree / "lib")
    work = await collect_work(tree, base, "work", {})
    assert kinds(work) == {"lib": "modified"}
    assert work.changed[0].submodule


async def test_odd_names_are_taken_as_they_are(user: Any, tree: Path) -> None:
    names = ["-rf", "--help", "a\nb", "tab\there", "ünïcødé 🙂", '"quoted"', ":(top)x", "*", "a\\b", " "]
    for name in names:
        (tree / name).write_text(name)
    Path(os.fsdecode(os.fsencode(tree) + b"/\xff\xfe")).write_text("not utf-8")
    work = await collect_work(tree, user.base, "work", {})
    assert set(kinds(work)) == {*names, "\\xff\\xfe"}


async def test_an_ignored_file_that_was_added_on_purpose_is_taken(user: Any, tree: Path) -> None:
    (tree / "kept.log").write_text("wanted")
    (tree / "other.log").write_text("not wanted")
    user.git("add", "-f", "kept.log", cwd=tree)
    assert kinds(await collect_work(tree, user.base, "work", {})) == {"kept.log": "added"}


async def test_another_base_is_refused_so_that_nobodys_work_is_reverted(user: Any, tree: Path) -> None:
    later = user.commit({"later.txt": "x"})
    (tree / "a.txt").write_text("a")
    with pytest.raises(RepositoryError, match="began at") as caught:
        await collect_work(tree, later, "work", {})
    assert caught.value.details["base"] == user.base
    assert (await collect_work(tree, None, "work", {})).base == user.base


async def test_a_strange_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="prepare it first"):
        await collect_work(tmp_path / "a" / "b" / "c", None, "work", {})


async def test_agents_stay_out_of_the_users_settings_when_work_is_taken(
    user: Any, tree: Path, hook_ran: Path
) -> None:
    hook_ran.unlink(missing_ok=True)
    (tree / ".gitattributes").write_text("* diff=evil\n")
    (tree / "a.txt").write_text("a")
    before = user.fingerprint()
    await collect_work(tree, user.base, "work", {})
    assert user.fingerprint() == before
    assert not hook_ran.exists()


async def test_a_name_that_git_refuses_does_not_keep_other_work_from_being_preserved(
    user: Any, repository: Repository, tree: Path
) -> None:
    (tree / "good.txt").write_text("worth keeping")
    (tree / "src/git~1").write_text("refused")
    with pytest.raises(RepositoryError, match="git~1"):
        await collect_work(tree, user.base, "work", {})
    ref = await preserve(repository, tree, "p", "1", 1)
    assert ref is not None
    assert user.show(ref, "good.txt") == "worth keeping"
    assert "src/git~1" not in user.files(ref)
    kept = await remove_worktree(repository, tree)
    assert kept is not None
    assert (kept / "src/git~1").read_text() == "refused"
    assert not tree.exists()


async def test_what_only_the_agents_own_rules_hide_is_preserved_and_not_merged(
    user: Any, repository: Repository, tree: Path
) -> None:
    (tree / ".gitignore").unlink()
    (tree / ".gitignore").write_text("*\n*.log\n")
    (tree / "src/hidden.py").write_text("work")
    (tree / "made/deep").mkdir(parents=True)
    (tree / "made/deep/file").write_text("more")
    (tree / "debug.log").write_text("ignored before too")
    work = await collect_work(tree, user.base, "work", {})
    assert "src/hidden.py" not in kinds(work)
    ref = await preserve(repository, tree, "p", "1", 1)
    assert ref is not None
    assert user.git("show", f"{ref}:src/hidden.py") == "work"
    assert user.git("show", f"{ref}:made/deep/file") == "more"
    assert "debug.log" not in user.git("ls-tree", "-r", "--name-only", ref).split()
