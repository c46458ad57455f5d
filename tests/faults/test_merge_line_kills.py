"""Whoever leads the merge line may be killed at any point: each story has one merge and one record of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from pathlib import Path

import pytest

from activities.context import ActivityContext
from tests.faults.landing_process import POINTS
from tests.landings import Landings
from tests.sample_plans import S
from tests.world import World

pytestmark = pytest.mark.temporal


async def three_at_once(world: World, repository: Path) -> Landings:
    """Three stories, of which the first leads a batch of all: they stand in line before anyone looks."""
    stories = [S(f"1.{at}", files=(f"{at}.txt",), checks=(f"test -e {at}.txt",)) for at in (1, 2, 3)]
    landings = await Landings.of(world, repository, f"p-{uuid.uuid4().hex[:10]}", stories)
    landings.work({f"Story 1.{at}": {f"{at}.txt": f"{at}\n"} for at in (1, 2, 3)})
    await landings.stand_in_line()
    return landings


async def killed_at(landings: Landings, point: str) -> None:
    """Land all of them in a process that dies there."""
    facts = {
        "point": point,
        "home": str(landings.world.settings.home),
        "address": landings.world.settings.temporal_address,
        "project": landings.run.id,
        "repository": str(landings.repository),
        "fences": landings.fences,
        "commits": landings.commits,
    }
    command = ["-m", "tests.faults.landing_process", json.dumps(facts)]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, env=dict(os.environ))
    assert await process.wait() == -signal.SIGKILL


MOVED = POINTS[2:]
"""After these the branch is at the top of the batch."""


@pytest.mark.parametrize(
    ("point", "order"), [*((point, (1, 2, 3)) for point in POINTS), (POINTS[2], (3, 2, 1))]
)
async def test_a_killed_leader_leaves_one_merge_a_story(
    world: World, repository: Path, point: str, order: tuple[int, ...]
) -> None:
    landings = await three_at_once(world, repository)
    await killed_at(landings, point)
    assert len(landings.merged()) == (3 if point in MOVED else 0)
    assert len(await landings.recorded()) == (3 if point == POINTS[-1] else 0)
    again = landings.elsewhere(ActivityContext(world.database, world.settings, world.client))
    reports = [asyncio.create_task(again.land(f"Story 1.{at}")) for at in order]
    assert all(report.merged for report in await asyncio.gather(*reports))
    assert sorted(landings.merged()) == ["1.1", "1.2", "1.3"]
    assert sorted(await landings.recorded()) == ["1.1", "1.2", "1.3"]
    for at in order:
        repeated = await again.land(f"Story 1.{at}")
        assert repeated.merged
    assert len(landings.merged()) == 3
