"""What real runs leave: a bundle without being asked, a summary that reads back, and what goes again."""

from __future__ import annotations

import json
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from activities.bundle import newest_bundle
from activities.context import ActivityContext
from activities.run_summary import read_summary
from paceline.domain.completion_summary import completion_summary, count_summary
from paceline.domain.events import EventType
from paceline.domain.states import RunState
from paceline.domain.status import Run
from paceline.plans.completion_report import KIND
from paceline.plans.reader import read_plan
from paceline.settings import Settings
from paceline.store import artifacts, runs
from tests.sample_plans import E, S, plan
from tests.world import World, scripted
from workers.artifact_watch import ArtifactWatch

pytestmark = pytest.mark.temporal

TWO_EPICS = plan(E("1", [S("1.1", files=("a.txt",)), S("1.2", "Story 1.1", files=("b.txt",))]),
                 E("2", [S("2.1", files=("README.md",))]))  # fmt: skip


async def ran(world: World, name: str, repository: Path | None = None) -> Run:
    agents = scripted() if repository else None
    run = await world.start(TWO_EPICS, agents=agents, repository=repository, project=name)
    async with world.workers():
        await world.result(run.id)
    return run


async def bundle_of(world: World, run: Run) -> dict[str, bytes]:
    found = await world.database.read(newest_bundle, run.id)
    assert found is not None
    with zipfile.ZipFile(world.settings.artifact_root / found.path) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


async def test_a_run_leaves_everything_and_its_summary_reads_back(
    world: World, name: str, repository: Path
) -> None:
    run = await ran(world, name, repository)
    found = await bundle_of(world, run)
    for story in ("story-1.1", "story-1.2", "story-2.1"):
        mine = {path.rsplit("/", 1)[1] for path in found if path.startswith(f"stories/{story}/")}
        assert {"work.diff", "proofs.json"} <= mine
        assert len(mine) > 3
    changes = json.loads(found["code/changes.json"])
    text = found["documentation/completion-summary.md"].decode()
    report = read_plan(text)
    facts = await read_summary(world.database, run.id)
    counts = count_summary(facts)
    files = next(fact.value for fact in report.facts if fact.name == "files")
    assert text == completion_summary(facts)
    assert report.source.kind == KIND
    assert changes["files"]["counts"] == {
        "new": counts.files_new,
        "modified": counts.files_modified,
        "deleted": 0,
    }
    assert counts.files_new + counts.files_modified == len(changes["branches"][0]["changed"]) > 0
    assert (len(report.epics), len(report.stories)) == (counts.epics, counts.stories) == (2, 3)
    assert sum(story.done is True for story in report.stories) == counts.done == 3
    assert sum(each["new"] for each in files) == counts.files_new
    assert counts.percent == 100.0

    kept = await world.database.read(artifacts.list_artifacts, run.id)
    told = [e for e in await world.events(run.id) if e.type is EventType.ARTIFACT_CREATED]
    assert {event.data["artifact"] for event in told} == {artifact.id for artifact in kept}
    assert all(event.data["sha256"] for event in told)


async def test_a_run_that_was_terminated_gets_its_bundle_from_the_sweep(world: World, name: str) -> None:
    run = await world.start(TWO_EPICS, agents=None, project=name)
    await world.client.get_workflow_handle(run.id).terminate()
    await world.database.write(runs.end_run, run.id, RunState.CANCELLED)
    context = ActivityContext(world.database, world.settings, world.client)
    await ArtifactWatch(context).look()
    assert await world.database.read(newest_bundle, run.id) is None
    await ArtifactWatch(context, timedelta()).look()
    assert "README.md" in await bundle_of(world, run)


async def test_old_artifacts_go_and_never_those_of_a_run_that_goes_on(
    world: World, name: str, repository: Path
) -> None:
    first = await ran(world, name)
    second = await ran(world, f"{name}-b")
    going = await world.start(
        TWO_EPICS, agents=scripted("--block"), repository=repository, project=f"{name}-c"
    )
    held = world.settings.artifact_root / going.id / "agent.log"
    held.parent.mkdir(parents=True, exist_ok=True)
    held.write_text("still at work")

    async def kept(settings: Settings) -> list[bool]:
        await ArtifactWatch(ActivityContext(world.database, settings, world.client)).clean_up()
        return [(world.settings.artifact_root / run.id).exists() for run in (first, second, going)]

    assert await kept(world.settings) == [True, True, True]
    assert await kept(world.settings.model_copy(update={"artifact_days": 1.0})) == [True, True, True]
    sizes = {each.project: each.bytes for each in await world.database.read(artifacts.kept_artifacts)}
    room = {"artifact_bytes": sizes[second.id]}
    assert await kept(world.settings.model_copy(update=room)) == [False, True, True]
    assert await kept(world.settings.model_copy(update={"artifact_days": 1e-9})) == [False, False, True]
    assert held.read_text() == "still at work"
    for run, reason in ((first, "together"), (second, "days ago")):
        (told,) = [event for event in await world.events(run.id) if event.name == "artifacts.removed"]
        assert reason in str(told.data["reason"])
    await world.client.get_workflow_handle(going.id).terminate()
