"""SIGKILL to the worker at each step of a rollback, around the git command that does it: it is made once."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import uuid
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from api.rollbacks import Wanted, ask
from paceline.contracts import ProjectResult
from paceline.domain.rollback import RollbackKind, RollbackState
from paceline.domain.rollback_steps import RollbackResult
from paceline.domain.states import StoryState
from paceline.store import claims, rollbacks
from tests.sample_plans import E, S, plan
from tests.world import PATIENCE, World, git_lines, make_repository, open_world, scripted
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal

PLAN = plan(E("1", [S("1.1", files=("1.txt",)), S("1.2", files=("2.txt",), checks=("test -f 2.txt",))]))
POINTS = {
    "the opposite is written": ("commit-tree ", "after"),
    "the result is checked out": ("read-tree --reset", "before"),
    "before the ref moves": ("update-ref --no-deref refs/heads/paceline/", "before"),
    "after the ref moved": ("update-ref --no-deref refs/heads/paceline/", "after"),
}
WRAPPER = """#!/bin/sh
case "$*" in *"{point}"*)
  if [ ! -e "{flag}" ]; then
    touch "{flag}"
    if [ {when} = after ]; then "{git}" "$@"; fi
    kill -9 $PPID
    exit 1
  fi;;
esac
exec "{git}" "$@"
"""


@asynccontextmanager
async def worker_process(world: World, path: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A worker in a process of its own, with its own way to git."""
    environment = os.environ | {
        "PATH": path,
        "PACELINE_HOME": str(world.settings.home),
        "PACELINE_TEMPORAL_ADDRESS": str(world.settings.temporal_address),
        "PACELINE_SWEEP_INTERVAL": "1",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "paceline.cli.main", "worker", env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def deadly_git(folder: Path, point: str, when: str) -> str:
    """A PATH whose git kills who called it, once, at a command that has these words."""
    folder.mkdir()
    git = shutil.which("git")
    script = folder / "git"
    script.write_text(WRAPPER.format(point=point, when=when, git=git, flag=folder / "killed"))
    script.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("point", POINTS)
async def test_a_rollback_is_made_once(tmp_path: Path, temporal_server: EmbeddedServer, point: str) -> None:
    repository = make_repository(tmp_path / "repository")
    project = f"p-{uuid.uuid4().hex[:10]}"
    async with open_world(tmp_path / "home", temporal_server.address) as world:
        await world.start(PLAN, project=project, repository=repository, agents=scripted())
        async with world.workers():
            result: ProjectResult = await world.result(project)
        assert result.counts == {StoryState.MERGED: 2}
        wanted = Wanted(RollbackKind.STORY, "1.1", "ada", "ada")
        asked, _ = await ask(project, wanted, world.database, world.client)
        async with worker_process(world, deadly_git(tmp_path / "bin", *POINTS[point])) as worker:
            async with asyncio.timeout(PATIENCE):
                assert await worker.wait() == -9
        async with world.workers(), asyncio.timeout(PATIENCE):
            handle = world.client.get_workflow_handle(asked.id, result_type=RollbackResult)
            assert (await handle.result()).made
        await _check_once(world, repository, project)


async def _check_once(world: World, repository: Path, project: str) -> None:
    branch = f"paceline/{project}/sprint"
    trailer = "--format=%(trailers:key=Paceline-Rollback,valueonly,separator=%x2C)"
    lines = [each for each in git_lines(repository, "log", "--first-parent", trailer, branch) if each]
    assert lines == [f"{project}/rollback/1"]
    assert git_lines(repository, "ls-tree", "-r", "--name-only", branch) == ["2.txt", "README.md"]
    (found,) = await world.database.read(rollbacks.rollbacks_of, project)
    assert (found.state, found.reverted) == (RollbackState.MADE, ["Story 1.1"])
    assert found.commits[-1].commit == git_lines(repository, "rev-parse", branch)[0]
    names = Counter(event.name for event in await world.events(project))
    assert (names["rollback.made"], names["story.reverted"], names["branch.restored"]) == (1, 1, 0)
    states = [row.state for row in (await world.status(project)).stories]
    assert states == [StoryState.REVERTED, StoryState.MERGED]
    assert await world.database.read(claims.list_claims) == []
