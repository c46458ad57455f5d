"""Claims that grow between attempts, by the activity that stories call, on both databases."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.claims import ClaimActivities
from activities.context import ActivityContext
from paceline.contracts import ClaimReply, GrowStep, StoryStep
from paceline.domain.claims import ClaimRecord
from paceline.store import claim_decisions, claims
from tests.landings import Landings
from tests.sample_plans import S
from tests.world import World, make_repository

pytestmark = pytest.mark.temporal


async def three(world: World, tmp_path: Path) -> Landings:
    """Three stories that hold a file each; the first asked first."""
    stories = [S(f"1.{at}", files=(f"{at}.txt",)) for at in (1, 2, 3)]
    return await Landings.of(world, make_repository(tmp_path / "r"), f"p-{uuid.uuid4().hex[:10]}", stories)


async def grow(
    landings: Landings, at: int, *files: str, context: ActivityContext | None = None
) -> ClaimReply:
    """Ask for more, as the workflow of a story does after an attempt."""
    story = f"Story 1.{at}"
    step = GrowStep(**landings.names(story), fence=landings.fences[story], files=list(files))
    return await ActivityEnvironment().run(ClaimActivities(context or landings.context).grow_claim, step)


async def claim_of(landings: Landings, at: int) -> ClaimRecord:
    """What is stored of a story's claim."""
    run = await landings.context.run(landings.run.id)
    name = run.workflow_id(run.story(f"Story 1.{at}"))
    found = await landings.world.database.read(claims.find_claim, name)
    assert found is not None
    return found


def files_of(record: ClaimRecord) -> list[str]:
    """The files that it holds."""
    return sorted(need.resource for need in record.held if need.resource.startswith("file:"))


async def kinds(landings: Landings, at: int) -> list[str]:
    """What was decided about a story's claim."""
    found = await landings.world.database.read(claim_decisions.decisions_of, landings.run.id, f"Story 1.{at}")
    return [each.kind for each in found]


async def test_what_is_free_is_granted_under_the_same_fence_and_twice_is_once(
    world: World, tmp_path: Path
) -> None:
    landings = await three(world, tmp_path)
    replies = [await grow(landings, 1, "free.txt") for _ in range(2)]
    assert [(each.granted, each.fence) for each in replies] == [(True, landings.fences["Story 1.1"])] * 2
    assert files_of(await claim_of(landings, 1)) == ["file:1.txt", "file:free.txt"]
    assert (await kinds(landings, 1)).count("grown") == 1


async def test_who_wants_what_is_held_waits_and_gets_it_with_the_release(
    world: World, tmp_path: Path
) -> None:
    landings = await three(world, tmp_path)
    reply = await grow(landings, 2, "1.txt")
    assert not reply.granted
    assert (await claim_of(landings, 2)).state == "waiting"
    await landings.release("Story 1.1")
    record = await claim_of(landings, 2)
    assert (record.state, files_of(record)) == ("granted", ["file:1.txt", "file:2.txt"])


async def test_of_a_circle_of_three_the_youngest_goes_back_and_the_others_go_on(
    world: World, tmp_path: Path
) -> None:
    landings = await three(world, tmp_path)
    assert not (await grow(landings, 1, "2.txt")).granted
    assert not (await grow(landings, 2, "3.txt")).granted
    # This closes the circle; the asker is the youngest, and its work is preserved by now.
    assert not (await grow(landings, 3, "1.txt")).granted
    young, second = await claim_of(landings, 3), await claim_of(landings, 2)
    assert (young.state, files_of(young)) == ("waiting", [])
    assert (second.state, files_of(second)) == ("granted", ["file:2.txt", "file:3.txt"])
    assert "retreated" in await kinds(landings, 3)
    await landings.release("Story 1.2")
    await landings.release("Story 1.1")
    step = StoryStep(**landings.names("Story 1.3"))
    again = await ActivityEnvironment().run(ClaimActivities(landings.context).resume_claim, step)
    assert again.granted
    assert (again.fence or 0) > landings.fences["Story 1.3"]
    assert files_of(await claim_of(landings, 3)) == ["file:1.txt", "file:3.txt"]


async def test_two_workers_that_close_a_circle_at_once_leave_one_holder_at_work(
    world: World, tmp_path: Path
) -> None:
    landings = await three(world, tmp_path)
    elsewhere = ActivityContext(world.database, world.settings, world.client)
    await asyncio.gather(grow(landings, 1, "2.txt"), grow(landings, 2, "1.txt", context=elsewhere))
    old, young = await claim_of(landings, 1), await claim_of(landings, 2)
    assert (old.state, files_of(old)) == ("granted", ["file:1.txt", "file:2.txt"])
    assert (young.state, files_of(young)) == ("waiting", [])
    assert "retreated" in await kinds(landings, 2)
    assert "retreated" not in await kinds(landings, 1)
