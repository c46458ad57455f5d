"""A whole attempt of a hostile agent, in every state a checkout can be in: nothing of the user's changes."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paceline.vcs.repository import Repository
from paceline.vcs.verification import verification_checkout
from paceline.vcs.work import collect_work, preserve
from paceline.vcs.worktrees import prepare_worktree, remove_worktree

PLAIN = ("-c", "core.hooksPath=/dev/null")
HOSTILE = (
    ("stash", "push", "-u"),
    ("stash", "drop"),
    ("config", "user.name", "Mallory"),
    ("config", "core.bare", "true"),
    ("config", "--unset", "core.bare"),
    ("config", "filter.evil.clean", "touch evil"),
    ("branch", "-D", "main"),
    ("branch", "-m", "elsewhere"),
    ("update-ref", "-d", "refs/heads/main"),
    ("update-ref", "refs/heads/side", "HEAD"),
    ("update-ref", "refs/stash", "HEAD"),
    ("tag", "-d", "v1"),
    ("reflog", "expire", "--expire=now", "--all"),
    ("worktree", "prune", "--expire=now"),
    ("pack-refs", "--all"),
    ("repack", "-a", "-d", "-q"),
    ("prune", "--expire=now"),
    ("gc", "-q", "--prune=now"),
    ("bisect", "start"),
    ("remote", "add", "evil", "/nowhere"),
    ("notes", "add", "-m", "note"),
    ("replace", "HEAD", "HEAD~0"),
    ("symbolic-ref", "HEAD", "refs/heads/main"),
    ("rm", "-r", "-q", "--cached", "."),
    ("sparse-checkout", "set", "nothing"),
)


def everything(user: Any, *roots: Path) -> dict[str, str]:
    """Every file of the checkout and of `.git`, but objects and what is Paceline's own."""
    seen: dict[str, str] = {}
    for root in roots:
        for folder, folders, files in os.walk(root):
            here = Path(folder)
            if here.name == "objects" or here.parts[-2:] in (("refs", "paceline"), ("logs", "refs")):
                folders.clear()
                continue
            for name in [*files, *(each for each in folders if (here / each).is_symlink())]:
                path = here / name
                facts = path.lstat()
                content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
                digest = hashlib.sha256(content).hexdigest()
                seen[str(path)] = f"{stat.filemode(facts.st_mode)} {facts.st_mtime_ns} {digest}"
    refs = user.git("for-each-ref", "--format=%(refname) %(objectname) %(symref)").split("\n")
    seen["refs"] = "\n".join(ref for ref in refs if not ref.startswith("refs/paceline/"))
    seen["stash"] = user.git("stash", "list")
    seen["reflogs"] = user.git("reflog", "--all", check=False)
    return seen


async def whole_attempt(user: Any, path: Path, root: Path) -> str:
    """What happens to one attempt, with an agent that tries everything."""
    repository = await Repository.open(path)
    base = await repository.head_commit()
    tree = await prepare_worktree(repository, root, "p", "1", 1, base)
    (tree / "mine.txt").write_text("by the agent\n")
    user.git(*PLAIN, "add", "mine.txt", cwd=tree)
    user.git(*PLAIN, "commit", "-q", "-m", "own", cwd=tree)
    own = user.git("rev-parse", "HEAD", cwd=tree).strip()
    for command in HOSTILE:
        user.git(*PLAIN, *command, cwd=tree, check=False)
    (tree / "more.txt").write_text("more\n")
    work = await collect_work(tree, base, "work", {})
    async with verification_checkout(repository, root, str(work.commit)) as checkout:
        for command in HOSTILE:
            user.git(*PLAIN, *command, cwd=checkout, check=False)
    assert await preserve(repository, tree, "p", "1", 1)
    assert await remove_worktree(repository, tree) is None
    assert "more.txt" in {each.path for each in work.changed}
    return own


def _dirty(user: Any, path: Path) -> None:
    (path / "src/app.py").write_text("not committed\n")
    (path / "untracked é\n.txt").write_text("mine\n")
    (path / "README.md").write_text("staged\n")
    (path / "link").symlink_to("/nowhere")
    user.git("add", "README.md")


def _stashed(user: Any, path: Path) -> None:
    (path / "README.md").write_text("to stash\n")
    user.git(*PLAIN, "stash", "push", "-q")
    user.git(*PLAIN, "tag", "v1")


def _diverge(user: Any) -> None:
    user.git(*PLAIN, "checkout", "-q", "-b", "side")
    user.commit({"README.md": "side\n"})
    user.git(*PLAIN, "checkout", "-q", "main")
    user.commit({"README.md": "main\n"})


def _rebase(user: Any, path: Path) -> None:
    _diverge(user)
    user.git(*PLAIN, "rebase", "side", check=False)
    assert (path / ".git/rebase-merge").is_dir()


def _merge(user: Any, path: Path) -> None:
    _diverge(user)
    user.git(*PLAIN, "merge", "side", check=False)
    assert (path / ".git/MERGE_HEAD").is_file()


def _bisect(user: Any, path: Path) -> None:
    first = user.base
    for number in range(4):
        user.commit({"n.txt": str(number)})
    for hook in (path / ".git/hooks").iterdir():
        hook.unlink()  # bisect runs them whatever core.hooksPath says
    user.git("bisect", "start", "HEAD", first)
    assert (path / ".git/BISECT_LOG").is_file()


def _detached(user: Any, path: Path) -> None:
    user.git(*PLAIN, "checkout", "-q", "--detach")


def _sparse(user: Any, path: Path) -> None:
    user.git(*PLAIN, "sparse-checkout", "set", "src")


def _configured(user: Any, path: Path) -> None:
    extra = path.parent / "included.config"
    extra.write_text("[core]\n\tautocrlf = input\n[alias]\n\tst = !touch evil\n")
    for key, value in (
        ("core.fileMode", "false"),
        ("core.ignoreCase", "true"),
        ("core.symlinks", "false"),
        ("core.fsmonitor", "true"),
        ("core.untrackedCache", "true"),
        ("core.hooksPath", str(path / ".git/hooks")),
        ("commit.gpgSign", "true"),
        ("gpg.program", "/bin/false"),
        ("extensions.worktreeConfig", "true"),
        (f"includeIf.gitdir:{path}/.git.path", str(extra)),
        ('filter.odd "name\\.clean', "cat"),
        ("alias.commit", "!false"),
    ):
        user.git("config", key, value)


STATES: dict[str, Callable[[Any, Path], None]] = {
    "dirty": _dirty,
    "with a stash": _stashed,
    "in a rebase": _rebase,
    "in a merge": _merge,
    "in a bisect": _bisect,
    "detached": _detached,
    "sparse": _sparse,
    "configured": _configured,
}


@pytest.mark.parametrize("state", STATES)
async def test_a_checkout_stays_as_it_is_byte_for_byte(
    user: Any, root: Path, hook_ran: Path, state: str
) -> None:
    STATES[state](user, user.path)
    hook_ran.unlink(missing_ok=True)
    before = everything(user, user.path)
    own = await whole_attempt(user, user.path, root)
    assert everything(user, user.path) == before
    assert not hook_ran.exists()
    kept = user.git("for-each-ref", "--format=%(objectname)", "refs/paceline/history/p/1/1").split()
    assert any(user.git("merge-base", own, tip, check=False).strip() == own for tip in kept)
    assert not user.git("for-each-ref", "refs/paceline/attempts", "refs/paceline/verify")


async def test_names_with_blanks_line_ends_and_quotes_are_no_harm(
    make_repository: Any, tmp_path: Path
) -> None:
    user = make_repository('a b\n"ü:c')
    before = everything(user, user.path)
    await whole_attempt(user, user.path, tmp_path / 'roots "and:\nsuch')
    assert everything(user, user.path) == before


async def test_a_linked_worktree_and_a_bare_repository_stay_as_they_are(
    user: Any, root: Path, tmp_path: Path
) -> None:
    linked, bare = tmp_path / "linked", tmp_path / "bare.git"
    user.git(*PLAIN, "worktree", "add", "-q", "-b", "theirs", str(linked))
    (linked / "README.md").write_text("dirty\n")
    before = everything(user, user.path, linked)
    await whole_attempt(user, linked, root)
    assert everything(user, user.path, linked) == before
    user.git(*PLAIN, "clone", "-q", "--bare", str(user.path), str(bare))
    before = everything(user, bare)
    await whole_attempt(user, bare, root)
    assert everything(user, bare) == before


async def test_a_shallow_clone_works(user: Any, root: Path, tmp_path: Path) -> None:
    user.commit({"more.txt": "x"})
    shallow = tmp_path / "shallow"
    user.git(*PLAIN, "clone", "-q", "--depth=1", f"file://{user.path}", str(shallow))
    repository = await Repository.open(shallow)
    tree = await prepare_worktree(repository, root, "p", "1", 1, await repository.head_commit())
    (tree / "a.txt").write_text("a")
    user.git("add", "a.txt", cwd=tree)
    user.git("commit", "-q", "-m", "own", cwd=tree)
    assert len(user.git("log", "--format=%H", cwd=tree).split()) == 2
    assert (await collect_work(tree, None, "work", {})).commit
    assert user.git("for-each-ref", "refs/paceline/history", cwd=shallow).count("\n") == 1


async def test_a_repository_of_sha256_works(user: Any, root: Path, tmp_path: Path) -> None:
    path = tmp_path / "sha256"
    user.git("init", "-q", "--object-format=sha256", "-b", "main", str(path))
    (path / "a.txt").write_text("a\n")
    user.git("add", "a.txt", cwd=path)
    user.git("commit", "-q", "-m", "first", cwd=path)
    own = await whole_attempt(user, path, root)
    assert len(own) == 64
    assert user.git("for-each-ref", "refs/paceline/history", cwd=path)


async def test_a_repository_that_borrows_objects_itself_works(user: Any, root: Path, tmp_path: Path) -> None:
    borrower, relative = tmp_path / "borrower", tmp_path / "relative"
    user.git(*PLAIN, "clone", "-q", "--shared", str(user.path), str(borrower))
    user.git(*PLAIN, "clone", "-q", "--shared", str(borrower), str(relative))
    (relative / ".git/objects/info/alternates").write_text("../../../borrower/.git/objects\n")
    own = await whole_attempt(user, relative, root)
    assert user.git("cat-file", "-t", own, cwd=relative).strip() == "commit"


async def test_line_ends_by_the_users_config_make_no_change(user: Any, root: Path) -> None:
    user.git("config", "core.autocrlf", "true")
    repository = await Repository.open(user.path)
    tree = await prepare_worktree(repository, root, "p", "1", 1, user.base)
    assert (tree / "src/app.py").read_bytes() == b"one\r\ntwo\r\nthree\r\n"
    assert user.git("status", "--porcelain", cwd=tree) == ""
    os.utime(tree / "src/app.py")
    assert (await collect_work(tree, None, "work", {})).commit is None
