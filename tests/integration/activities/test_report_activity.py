"""Making the reports of a sprint twice, at once, and after a death in the middle is making them once."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.testing import ActivityEnvironment

from activities.context import ActivityContext
from activities.reports import ReportActivities
from paceline.domain.clock_steps import ClockStep
from paceline.store import artifacts
from tests.sample_plans import E, S, plan
from tests.world import World, open_world
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal


@pytest_asyncio.fixture
async def world(tmp_path: Path, temporal_server: EmbeddedServer) -> AsyncGenerator[World]:
    """Everything but workers, so that only the test makes reports."""
    async with open_world(tmp_path / "home", temporal_server.address) as opened:
        yield opened


async def a_step(world: World, days: float, *, over: bool = True) -> ClockStep:
    """A moment of a run that nobody works on."""
    project = f"p-{uuid.uuid4().hex[:10]}"
    run = await world.start(plan(E("1", [S("1.1", points=3)])), project=project, calendar={"reports": True})
    now = run.started_at + timedelta(days=days)
    return ClockStep(project=project, sprint="Sprint", started_at=run.started_at, now=now, over=over)


def activities(world: World) -> ReportActivities:
    """As a worker has them."""
    return ReportActivities(ActivityContext(world.database, world.settings, world.client))


async def made(world: World, project: str) -> Counter[tuple[str, int]]:
    """Kinds and numbers of the events that tell of reports."""
    events = await world.events(project)
    return Counter((each.data["kind"], each.data["number"]) for each in events if each.name == "report.made")


async def test_many_at_once_make_each_report_once(world: World) -> None:
    step = await a_step(world, 7.5)
    own = activities(world)
    ticks = await asyncio.gather(*(ActivityEnvironment().run(own.report_sprint, step) for _ in range(8)))
    assert {(each.day, each.over) for each in ticks} == {(8, True)}
    found = await made(world, step.project)
    assert set(found.values()) == {1}
    assert set(found) == {
        *(("planning", 1), ("review", 1), ("retrospective", 1)),
        *(("standup", 7), ("standup", 8), ("daily", 7), ("daily", 8)),
        *(("velocity", 1), ("velocity", 2)),
    }
    kept = await world.database.read(artifacts.list_artifacts, step.project, kind="report")
    assert len(kept) == 2 * len(found)
    assert all((world.settings.artifact_root / each.path).is_file() for each in kept)


async def test_a_death_before_the_files_leaves_them_to_the_next_try(world: World) -> None:
    step = await a_step(world, 1.5)
    folder = world.settings.artifact_root / step.project
    folder.mkdir(parents=True)
    (folder / "reports").write_text("a file is where the folder should be")
    with pytest.raises(OSError, match="reports"):
        await ActivityEnvironment().run(activities(world).report_sprint, step)
    before = await made(world, step.project)
    assert before["review", 1] == 1
    (folder / "reports").unlink()
    later = step.model_copy(update={"now": step.now + timedelta(days=20)})
    await ActivityEnvironment().run(activities(world).report_sprint, later)
    assert await made(world, step.project) == before
    names = {path.name for path in (folder / "reports" / "sprint").iterdir()}
    assert {"planning-01.md", "standup-01.json", "daily-02.md", "review-01.md"} <= names
    assert len(names) == 2 * len(before)
