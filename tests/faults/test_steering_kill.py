"""SIGKILL to the worker: what was paused stays paused, and what was asked of it is done once."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from paceline.domain.states import StoryState
from paceline.store import claims
from tests.faults.test_kill import worker_process
from tests.held import Gate
from tests.sample_plans import E, S, plan
from tests.steering import events_named, rows, steer, until_state
from tests.world import World

pytestmark = pytest.mark.temporal


async def test_a_pause_outlives_the_kill_of_the_worker(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    """Killed once while its agent works on although it is to pause, and once while it stands still."""
    gate = Gate(tmp_path / "gate")
    stories = [
        S("1.1", files=("a.txt",)),
        S("1.2", "Story 1.1", files=("b.txt",)),
        S("1.3", files=("c.txt",)),
    ]
    run = await world.start(plan(E("1", stories)), project=name, repository=repository, agents=gate.agents())
    async with worker_process(world) as worker:
        await gate.until_reached(world, "1.1")
        await gate.until_reached(world, "1.3")
        await steer(world, run.id, "pause", "1.1")
        await steer(world, run.id, "skip", "1.3", reason="not now")
        await steer(world, run.id, "pause", "1.2")
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
    gate.open()
    async with worker_process(world) as worker:
        await until_state(world, run.id, "Story 1.1", StoryState.PAUSED)
        await until_state(world, run.id, "Story 1.3", StoryState.SKIPPED)
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
    async with worker_process(world):
        assert (await rows(world, run.id))["Story 1.1"].state is StoryState.PAUSED
        await steer(world, run.id, "resume", "1.1")
        await until_state(world, run.id, "Story 1.1", StoryState.MERGED)
        row = (await rows(world, run.id))["Story 1.2"]
        assert (row.state, row.reason) == (StoryState.PENDING, "it is paused")
        await steer(world, run.id, "resume", "1.2")
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 2, StoryState.SKIPPED: 1}
    assert not gate.reached("1.1", 2)
    assert await world.database.read(claims.list_claims) == []
    told = [event.data["action"] for event in await events_named(world, run.id, "steered")]
    assert told == ["pause", "skip", "pause", "resume", "resume"]
