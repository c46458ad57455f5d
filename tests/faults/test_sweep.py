"""Holders that die, databases that forget: nobody keeps a file from others, nobody loses its place."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TypedDict

import pytest
from temporalio.testing import ActivityEnvironment

from activities.attempts import AttemptActivities
from activities.claims import ClaimActivities
from activities.context import ActivityContext
from activities.landing import LandingActivities
from activities.outlines import OutlineActivities
from activities.work import WorkActivities
from paceline.contracts import (
    ClaimStep,
    EndAttemptStep,
    LandStep,
    SettleStep,
    SprintStep,
    StoryInput,
    WorkStep,
)
from paceline.domain import ids
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.errors import StaleFence
from paceline.store import claims
from paceline.store.database import Database
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, scripted
from workers.sweep import sweep

pytestmark = pytest.mark.temporal

SHARED = plan(E("1", [S("1.1", files=("a.txt",)), S("1.2", files=("a.txt",)), S("1.3", files=("a.txt",))]))


def gated(begun: Path, gate: Path) -> dict[str, AgentDeclaration]:
    """The agent notes each of its runs, waits for a file, and leaves a line in every claimed path."""
    script = (
        'printf "%s\\n" "$PACELINE_WORK_ORDER" >> "$0"; '
        'while [ ! -e "$1" ]; do sleep 0.05; done; shift; exec "$@"'
    )
    command = ["/bin/sh", "-c", script, str(begun), str(gate), *scripted()["*"].command]
    return {"*": AgentDeclaration(kind="command", command=command, concurrency=10)}


async def one_works(world: World, begun: Path, number: int = 1) -> None:
    """Wait until so many agents have begun."""

    async def look() -> bool:
        return begun.exists() and len(begun.read_text().splitlines()) >= number

    await world.until(look, f"run {number} of an agent")


async def holder_of(world: World) -> str:
    """The only workflow with a granted claim."""
    granted = await world.database.read(claims.list_claims, None, ["granted"])
    assert len(granted) == 1
    return granted[0].holder


def merges(repository: Path, project: str) -> Counter[str]:
    """How often each story was merged, by the end of its workflow's id."""
    trailer = "--format=%(trailers:key=Paceline-Story,valueonly,separator=%x2C)"
    lines = git_lines(repository, "log", "--merges", trailer, f"paceline/{project}/sprint")
    return Counter(line.rsplit("/", 1)[-1] for line in lines if line)


async def ended(world: World, project: str) -> None:
    """Wait until the run's end is recorded."""

    async def look() -> bool:
        return (await world.status(project)).run.state is not RunState.RUNNING

    await world.until(look, "the end of the run")


async def test_others_get_the_file_of_a_terminated_story(world: World, name: str, repository: Path) -> None:
    begun, gate = world.settings.home.parent / "begun", world.settings.home.parent / "gate"
    run = await world.start(SHARED, project=name, repository=repository, agents=gated(begun, gate))
    async with world.workers():
        await one_works(world, begun)
        dead = await holder_of(world)
        await world.client.get_workflow_handle(dead).terminate("by hand")
        await one_works(world, begun, 2)
        gate.touch()
        result = await world.result(run.id)
    assert result.counts == {StoryState.FAILED: 1, StoryState.MERGED: 2}
    assert set(merges(repository, name).values()) == {1}
    assert await world.database.read(claims.list_claims) == []


async def test_others_get_the_file_of_a_story_that_timed_out(
    world: World, name: str, repository: Path
) -> None:
    """The story's workflow has an execution timeout, so that Temporal closes it without a word."""
    run = await world.start(SHARED, project=name, repository=repository, agents=scripted())
    context = ActivityContext(world.database, world.settings, world.client)
    known = await context.run(run.id)
    late, waiting = (known.story(f"Story 1.{number}") for number in (1, 2))
    start = _input(run.id, late.id)
    # No worker runs, so the workflow only waits for its timeout.
    await world.client.start_workflow(
        "story", start, id=known.workflow_id(late), task_queue=f"nobody-{name}",
        execution_timeout=timedelta(seconds=1),
    )  # fmt: skip
    activities = ClaimActivities(context)
    for story in (late, waiting):
        await ActivityEnvironment().run(activities.claim_story, _claim(run.id, story.id))
    other = _input(run.id, waiting.id)
    await world.client.start_workflow(
        "story", other, id=known.workflow_id(waiting), task_queue=f"nobody-{name}"
    )

    async def freed() -> bool:
        return await sweep(context, thorough=False) == [known.workflow_id(late)]

    await world.until(freed, "the claim of the story that timed out freed")
    assert await holder_of(world) == known.workflow_id(waiting)
    for left in (known.workflow_id(waiting), run.id):
        await world.client.get_workflow_handle(left).terminate("over")


def _input(project: str, story: str) -> StoryInput:
    return StoryInput(
        project=project, sprint="Sprint", epic="Epic 1", story=story, title="", agent="", parent=project
    )


def _claim(project: str, story: str) -> ClaimStep:
    return ClaimStep(project=project, sprint="Sprint", epic="Epic 1", story=story, attempt=1)


async def test_a_sweep_leaves_alone_who_runs(world: World, name: str, repository: Path) -> None:
    begun, gate = world.settings.home.parent / "begun", world.settings.home.parent / "gate"
    run = await world.start(SHARED, project=name, repository=repository, agents=gated(begun, gate))
    context = ActivityContext(world.database, world.settings, world.client)
    async with world.workers():
        await one_works(world, begun)
        before = await world.database.read(claims.list_claims)
        for thorough in (True, False, True):
            assert await sweep(context, thorough=thorough) == []
        assert [(each.holder, each.fence) for each in await world.database.read(claims.list_claims)] == [
            (each.holder, each.fence) for each in before
        ]
        gate.touch()
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 3}
    assert len(begun.read_text().splitlines()) == 3, "nobody's agent was stopped and started again"


async def test_all_workers_die_and_the_claims_stay_with_those_who_hold_them(
    world: World, name: str, repository: Path
) -> None:
    begun, gate = world.settings.home.parent / "begun", world.settings.home.parent / "gate"
    run = await world.start(SHARED, project=name, repository=repository, agents=gated(begun, gate))
    async with world.workers():
        await one_works(world, begun)
    holder = await holder_of(world)
    async with world.workers():
        assert await holder_of(world) == holder
        gate.touch()
        assert (await world.result(run.id)).counts == {StoryState.MERGED: 3}
    assert merges(repository, name) == Counter({f"story-1.{number}": 1 for number in (1, 2, 3)})


def copy_database(world: World, target: Path) -> None:
    """A consistent copy of the database, while it is in use."""
    with (
        sqlite3.connect(world.settings.home / "paceline.db") as source,
        sqlite3.connect(target) as copy,
    ):
        source.backup(copy)


def put_back(world: World, copy: Path) -> None:
    """Put the old copy in the place of the database, which nobody has open."""
    world.database.close()
    for suffix in ("", "-wal", "-shm"):
        (world.settings.home / f"paceline.db{suffix}").unlink(missing_ok=True)
    shutil.copyfile(copy, world.settings.home / "paceline.db")
    world.database = Database(world.settings.resolved_database_url)


@pytest.mark.parametrize("merged", [0, 1])
async def test_an_old_copy_of_the_database_is_put_back_while_a_run_is_on(
    world: World, name: str, repository: Path, tmp_path: Path, merged: int
) -> None:
    """The copy is older than the first grant; since then one story has its claim, or has merged."""
    begun, gate, copy = (
        world.settings.home.parent / "begun",
        world.settings.home.parent / "gate",
        tmp_path / "copy.db",
    )
    run = await world.start(SHARED, project=name, repository=repository, agents=gated(begun, gate))
    copy_database(world, copy)
    async with world.workers():
        await one_works(world, begun)
        if merged:
            gate.touch()

            async def done() -> bool:
                return (await world.status(run.id)).counts.get(StoryState.MERGED, 0) >= 1

            await world.until(done, "the first merge")
    put_back(world, copy)
    async with world.workers():
        gate.touch()
        await world.result(run.id)
        await sweep(ActivityContext(world.database, world.settings, world.client))
        await ended(world, run.id)
    assert merges(repository, name) == Counter({f"story-1.{number}": 1 for number in (1, 2, 3)})
    status = await world.status(run.id)
    assert {row.id: row.state for row in status.stories} == {
        f"Story 1.{number}": StoryState.MERGED for number in (1, 2, 3)
    }
    assert await world.database.read(claims.list_claims) == []


class Names(TypedDict):
    """What every step of a story has in common."""

    project: str
    sprint: str
    epic: str
    story: str
    attempt: int


async def test_an_agent_that_ends_after_its_claim_was_given_away_changes_nothing(
    world: World, name: str, repository: Path
) -> None:
    """The steps are driven by hand: the first story's workflow is closed while its agent is at work."""
    begun, gate = world.settings.home.parent / "begun", world.settings.home.parent / "gate"
    run = await world.start(SHARED, project=name, repository=repository, agents=gated(begun, gate))
    context = ActivityContext(world.database, world.settings, world.client)
    await ActivityEnvironment().run(
        OutlineActivities(context).load_sprint, SprintStep(project=name, sprint="Sprint")
    )
    late = Names(project=name, sprint="Sprint", epic="Epic 1", story="Story 1.1", attempt=1)
    quick = Names(project=name, sprint="Sprint", epic="Epic 1", story="Story 1.2", attempt=1)
    activities, work, land = ClaimActivities(context), WorkActivities(context), LandingActivities(context)
    old = await ActivityEnvironment().run(activities.claim_story, ClaimStep(**late))
    assert old.fence is not None
    slow = asyncio.create_task(ActivityEnvironment().run(work.do_work, WorkStep(**late, fence=old.fence)))
    await one_works(world, begun)
    assert await sweep(context) == [ids.story_workflow_id(name, "Sprint", "Epic 1", "Story 1.1")]
    new = await ActivityEnvironment().run(activities.claim_story, ClaimStep(**quick))
    assert new.fence is not None
    assert new.fence > old.fence
    gate.touch()
    done = await ActivityEnvironment().run(work.do_work, WorkStep(**quick, fence=new.fence))
    merged = await ActivityEnvironment().run(
        land.land_story, LandStep(**quick, fence=new.fence, commit=done.commit or "")
    )
    assert merged.merged
    report = await slow
    assert report.claim_lost
    head = git_lines(repository, "rev-parse", f"paceline/{name}/sprint")
    before = (await world.status(run.id)).model_dump()["stories"]
    with pytest.raises(StaleFence):
        await ActivityEnvironment().run(
            land.land_story, LandStep(**late, fence=old.fence, commit=report.commit or "")
        )
    end = EndAttemptStep(**late, code="AGENT", reason="late words")
    await ActivityEnvironment().run(AttemptActivities(context).end_attempt, end)
    settle = SettleStep(**late, state=StoryState.MERGED, attempts=1)
    await ActivityEnvironment().run(activities.settle_story, settle)
    assert git_lines(repository, "rev-parse", f"paceline/{name}/sprint") == head
    after = (await world.status(run.id)).model_dump()["stories"]
    assert after[0] == before[0]
    await world.client.get_workflow_handle(run.id).terminate("over")
