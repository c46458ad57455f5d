"""The process is killed after every single git command of an attempt's life, and another one goes on."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from paceline.vcs.repository import Repository
from paceline.vcs.verification import verification_checkout
from paceline.vcs.work import collect_work, preserve
from paceline.vcs.worktrees import prepare_worktree, remove_worktree

GIT = shutil.which("git") or "git"
COUNTING = """#!/bin/sh
read -r n < "$PACELINE_COUNT"
n=$((n + 1))
echo "$n" > "$PACELINE_COUNT"
{git} "$@"
code=$?
[ "$n" = "$PACELINE_KILL_AT" ] && kill -9 "$PPID"
exit "$code"
"""


async def life(user: Path, root: Path, base: str, ran: Path) -> None:
    """One attempt from its worktree to its end; the agent runs once, whoever is killed."""
    repository = await Repository.open(user)
    tree = await prepare_worktree(repository, root, "p", "1", 1, base)
    if not ran.exists():
        (tree / "own.txt").write_text("committed by the agent\n")
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        for command in (("add", "own.txt"), (*identity, "commit", "-q", "-m", "own")):
            subprocess.run([GIT, *command], cwd=tree, check=True)  # noqa: ASYNC221 - a child with one task
        head = subprocess.check_output([GIT, "rev-parse", "HEAD"], cwd=tree, text=True)  # noqa: ASYNC221 - as above
        (tree / "loose.txt").write_text("not committed\n")
        ran.write_text(head)
    work = await collect_work(tree, None, "work", {})
    async with verification_checkout(repository, root, str(work.commit)) as checkout:
        assert (checkout / "loose.txt").exists()
    await preserve(repository, tree, "p", "1", 1)
    await remove_worktree(repository, tree)


def in_a_child(user: Path, root: Path, base: str, ran: Path) -> int:
    """Run it in a process of its own; returns its exit status, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(life(user, root, base, ran))
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git on PATH that counts its runs and kills whoever started the one at `PACELINE_KILL_AT`."""
    program = tmp_path / "bin/git"
    program.parent.mkdir()
    program.write_text(COUNTING.format(git=GIT))
    program.chmod(0o755)
    counter = tmp_path / "count"
    monkeypatch.setenv("PACELINE_COUNT", str(counter))
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return counter


@pytest.mark.filterwarnings(
    "ignore:.*fork.*:DeprecationWarning"
)  # the child runs nothing of the parent's threads
def test_a_kill_after_any_git_command_loses_nothing(
    make_repository: Any, tmp_path: Path, count: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = 0
    for step in range(1, 200):
        user = make_repository(f"checkout-{step}")
        before = user.fingerprint()
        root, ran = tmp_path / f"worktrees-{step}", tmp_path / f"ran-{step}"
        count.write_text("0\n")
        monkeypatch.setenv("PACELINE_KILL_AT", str(step))
        status = in_a_child(user.path, root, user.base, ran)
        if status == 0:
            break
        assert status == -9, f"killed after command {step}: {status}"
        killed += 1
        monkeypatch.setenv("PACELINE_KILL_AT", "0")
        assert in_a_child(user.path, root, user.base, ran) == 0, f"killed after command {step}"
        kept = set(user.files("refs/paceline/preserved/p/1/1"))
        assert {"own.txt", "loose.txt"} <= kept, f"killed after command {step}"
        reachable = user.git("rev-list", "--all").split()
        assert ran.read_text().strip() in reachable, f"killed after command {step}"
        assert not user.git("for-each-ref", "refs/paceline/attempts", "refs/paceline/verify")
        assert user.fingerprint() == before
    assert killed > 20
