# ruff: noqa: ASYNC220 - a test may block its own loop

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paceline.vcs.repository import Repository
from paceline.vcs.verification import verification_checkout

HOLDER = """
import asyncio, sys
from pathlib import Path
from paceline.vcs.repository import Repository
from paceline.vcs.verification import verification_checkout

async def main():
    repository = await Repository.open(sys.argv[1])
    async with verification_checkout(repository, Path(sys.argv[2]), "HEAD") as path:
        print(path, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_a_checkout_is_clean_detached_and_removed(
    user: Any, repository: Repository, root: Path, hook_ran: Path
) -> None:
    hook_ran.unlink(missing_ok=True)
    (user.path / "src/app.py").write_text("dirty\n")
    before = user.fingerprint()
    async with verification_checkout(repository, root, user.base) as path:
        assert (path / "src/app.py").read_text() == "one\ntwo\nthree\n"
        assert user.git("rev-parse", "HEAD", cwd=path).strip() == user.base
        assert user.git("branch", "--show-current", cwd=path) == ""
        (path / "made-by-a-check").write_text("x")
    assert not path.exists()
    assert user.git("worktree", "list", "--porcelain").count("worktree ") == 1
    assert user.fingerprint() == before
    assert not hook_ran.exists()


async def test_it_is_removed_after_a_failure_and_after_cancellation(
    user: Any, repository: Repository, root: Path
) -> None:
    seen: list[Path] = []

    async def fail() -> None:
        async with verification_checkout(repository, root, user.base) as path:
            seen.append(path)
            raise ValueError("check")

    with pytest.raises(ValueError, match="check"):
        await fail()
    entered = asyncio.Event()

    async def hold() -> None:
        async with verification_checkout(repository, root, user.base) as path:
            seen.append(path)
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(seen) == 2
    assert not any(path.exists() for path in seen)
    assert not list((user.path / ".git/worktrees").glob("*"))


async def test_a_dead_processs_checkout_goes_and_a_living_ones_stays(
    user: Any, repository: Repository, root: Path
) -> None:
    command = [sys.executable, "-c", HOLDER, str(user.path), str(root)]
    holders = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        paths = [Path((holder.stdout or sys.stdin).readline().strip()) for holder in holders]
        assert all(path.is_dir() for path in paths)
        os.kill(holders[0].pid, signal.SIGKILL)
        holders[0].wait()
        async with verification_checkout(repository, root, user.base):
            assert [path.is_dir() for path in paths] == [False, True]
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()
