"""SIGKILL to the worker mid-story and to the Temporal server mid-sprint: every story merges exactly once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.settings import Settings
from paceline.store import claims
from tests.sample_plans import E, S, plan
from tests.world import SCRIPTED_AGENT, World, git_lines, make_repository, open_world
from workers.temporal_binary import Binary
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal

PLAN = plan(
    E("1", [S("1.1", files=("shared.txt", "a.txt")), S("1.2", "Story 1.1", files=("b.txt",))]),
    E("2", [S("2.1", files=("shared.txt",)), S("2.2", "Story 2.1, Story 1.1", files=("c.txt",))]),
    E("3", [S("3.1", files=("d.txt",)), S("3.2", files=("shared.txt", "e.txt"))], depends="Epics 1-2"),
)


def counted_agent(tally: Path, gate: Path) -> dict[str, AgentDeclaration]:
    """The scripted agent; each run leaves a line in `tally`, and waits until `gate` exists."""
    script = (
        'printf "%s\\n" "$PACELINE_WORK_ORDER" >> "$0"; '
        'while [ ! -e "$1" ]; do sleep 0.05; done; shift; exec "$@"'
    )
    command = ["/bin/sh", "-c", script, str(tally), str(gate)]
    agent = [sys.executable, str(SCRIPTED_AGENT), "--pace", "0.3"]
    return {"*": AgentDeclaration(kind="command", command=[*command, *agent], concurrency=10)}


@asynccontextmanager
async def worker_process(world: World) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A worker in a process of its own, as `paceline worker` starts it."""
    environment = os.environ | {
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


async def _finished(world: World, project: str) -> bool:
    return (await world.status(project)).run.state is not RunState.RUNNING


async def _merged(world: World, project: str, least: int) -> bool:
    return (await world.status(project)).counts.get(StoryState.MERGED, 0) >= least


async def test_every_story_merges_exactly_once(tmp_path: Path, temporal_binary: Binary) -> None:
    repository = make_repository(tmp_path / "repository")
    tally, gate = tmp_path / "runs", tmp_path / "gate"
    tally.touch()
    server_settings = Settings(
        home=tmp_path / "temporal", temporal_address=None, temporal_port=0, temporal_ui_port=0
    )
    server = await EmbeddedServer.start(server_settings, lambda sentence: None, temporal_binary)
    try:
        async with open_world(tmp_path / "home", server.address) as world:
            project = f"p-{uuid.uuid4().hex[:8]}"
            run = await world.start(
                PLAN, project=project, repository=repository, agents=counted_agent(tally, gate)
            )
            await _run_through_kills(world, server, run.id, tally, gate)
            await _check_everything(world, repository, run.id, tally)
    finally:
        await server.stop()


async def _run_through_kills(
    world: World, server: EmbeddedServer, project: str, tally: Path, gate: Path
) -> None:
    async with worker_process(world) as worker:

        async def agents_run() -> bool:
            return len(tally.read_text().splitlines()) >= 1

        await world.until(agents_run, "the first agent's start")
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
    gate.touch()
    async with worker_process(world):
        await world.until(lambda: _merged(world, project, 1), "the first merge after the worker's kill")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await server.wait()
        await server.restart()
        await world.until(lambda: _finished(world, project), "the end of the run")


async def _check_everything(world: World, repository: Path, project: str, tally: Path) -> None:
    status = await world.status(project)
    assert status.run.state is RunState.COMPLETED
    assert status.counts[StoryState.MERGED] == len(status.stories) == 6
    trailer = "--format=%(trailers:key=Paceline-Story,valueonly,separator=%x2C)"
    lines = git_lines(repository, "log", "--merges", trailer, f"paceline/{project}/sprint")
    merges = Counter(line for line in lines if line)
    assert set(merges.values()) == {1}
    assert len(merges) == 6
    runs = Counter(tally.read_text().splitlines())
    assert len(runs) == 6
    assert set(runs.values()) == {1}, "a finished or adopted agent run was paid for twice"
    events = await world.events(project)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    made = Counter(event.story for event in events if event.name == "merge.made")
    assert set(made.values()) == {1}
    fences = [event.data["fence"] for event in events if event.name == "claim.granted"]
    assert len(set(fences)) == len(fences) == 6
    assert await world.database.read(claims.list_claims) == []
