"""A proof without a change is recorded once, under the claim's fence, whatever is killed when."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.testing import ActivityEnvironment

from activities.claims import ClaimActivities
from activities.context import ActivityContext
from paceline.contracts import SettleStep
from paceline.domain.states import StoryState
from paceline.errors import StaleFence
from paceline.store import proofs
from tests.landings import Landings
from tests.sample_plans import S
from tests.world import World, make_repository, open_world
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal

STORY = "Story 1.1"


@pytest_asyncio.fixture
async def world(tmp_path: Path, temporal_server: EmbeddedServer) -> AsyncGenerator[World]:
    """Everything but workers."""
    async with open_world(tmp_path / "home", temporal_server.address) as opened:
        yield opened


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A file to which the story's check adds a line."""
    path = tmp_path / "runs"
    path.touch()
    return path


@pytest_asyncio.fixture
async def landings(world: World, tmp_path: Path, runs: Path) -> Landings:
    """A story that holds its claim and changed nothing."""
    repository = make_repository(tmp_path / "repository")
    story = S("1.1", files=("a.txt",), checks=(f"echo ran >> {runs}",), change="none expected")
    found = await Landings.of(world, repository, f"p-{uuid.uuid4().hex[:10]}", [story])
    found.commits[STORY] = ""
    return found


async def proven(landings: Landings) -> list[dict[str, object]]:
    """What the events say of a proof without a change."""
    events = await landings.world.events(landings.run.id)
    return [event.data for event in events if event.name == "no_change.proven"]


async def killed_at(landings: Landings, point: str) -> None:
    """Land in a process that dies there."""
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


async def settle(landings: Landings, state: StoryState) -> StoryState:
    """End the story, and say how it stands then."""
    step = SettleStep(**landings.names(STORY), state=state, attempts=1, code="CANCELLED")
    await ActivityEnvironment().run(ClaimActivities(landings.context).settle_story, step)
    return (await landings.world.status(landings.run.id)).stories[0].state


async def test_repeats_and_other_workers_find_what_was_proven(landings: Landings, runs: Path) -> None:
    head = landings.head()
    reports = await asyncio.gather(*(landings.land(STORY) for _ in range(3)))
    assert {(each.unchanged, each.merged, each.checked, each.code) for each in reports} == {
        (True, False, head, "NO_CHANGE")
    }
    ran = runs.read_text()
    world = landings.world
    again = landings.elsewhere(ActivityContext(world.database, world.settings, world.client))
    assert (await again.land(STORY, "2")) == reports[0]
    assert runs.read_text() == ran, "what is proven is not checked again"
    assert [each["commit"] for each in await proven(landings)] == [head]
    assert landings.head() == head
    assert landings.merged() == []


@pytest.mark.parametrize(
    ("point", "recorded"),
    [("first evidence written", 0), ("no change recorded, not committed", 0), ("no change recorded", 1)],
)
async def test_after_a_kill_it_is_proven_once(landings: Landings, point: str, recorded: int) -> None:
    head = landings.head()
    await killed_at(landings, point)
    assert len(await proven(landings)) == recorded
    report = await landings.land(STORY)
    assert (report.unchanged, report.checked) == (True, head)
    assert [each["commit"] for each in await proven(landings)] == [head]
    found = await landings.world.database.read(proofs.proofs_of, landings.run.id, STORY, head)
    assert {each.kind for each in found} == {"check", "criterion"}
    assert landings.merged() == []


@pytest.mark.parametrize("difference", [-1, 1])
async def test_another_fence_proves_nothing(landings: Landings, difference: int) -> None:
    with pytest.raises(StaleFence):
        await landings.land(STORY, fence=landings.fences[STORY] + difference)
    assert await proven(landings) == []


async def test_a_claim_that_is_given_away_while_the_checks_run_proves_nothing(
    landings: Landings, tmp_path: Path, world: World
) -> None:
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    check = f"touch {begun}; while [ ! -e {gate} ]; do sleep 0.02; done"
    story = S("1.1", files=("b.txt",), checks=(check,), change="none expected")
    slow = await Landings.of(world, landings.repository, f"p-{uuid.uuid4().hex[:10]}", [story])
    slow.commits[STORY] = ""
    landing = asyncio.create_task(slow.land(STORY))

    async def checking() -> bool:
        return begun.exists()

    await world.until(checking, "the check began")
    await slow.release(STORY)
    gate.touch()
    with pytest.raises(StaleFence):
        await landing
    assert await proven(slow) == []


async def test_a_cancellation_after_the_proof_comes_too_late(landings: Landings) -> None:
    await landings.land(STORY)
    assert await settle(landings, StoryState.CANCELLED) is StoryState.SETTLED
    row = (await landings.world.status(landings.run.id)).stories[0]
    assert (row.reason_code, row.merge_commit) == ("NO_CHANGE", None)


async def test_a_cancellation_before_the_proof_holds(landings: Landings) -> None:
    assert await settle(landings, StoryState.CANCELLED) is StoryState.CANCELLED
    with pytest.raises(StaleFence):
        await landings.land(STORY)


async def test_an_earlier_merge_of_the_story_stays_its_end(landings: Landings) -> None:
    landings.work({STORY: {"a.txt": "a\n"}})
    merged = await landings.land(STORY)
    assert merged.merged
    again = await landings.land(STORY, "2", commit="")
    assert (again.merged, again.unchanged, again.merge_commit) == (True, False, merged.merge_commit)
    assert await proven(landings) == []


async def test_only_verifying_records_nothing(landings: Landings) -> None:
    report = await landings.land(STORY, verify_only=True)
    assert (report.verified, report.unchanged, report.checked) == (True, False, landings.head())
    assert await proven(landings) == []
