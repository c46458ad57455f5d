"""The agent sprint plan among the shared documents runs to its end, simulated and with the scripted agent."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from paceline.domain.events import Event
from paceline.domain.states import RunState, StoryState
from tests.shared_plans import plan_text, truth
from tests.world import World, git_lines, make_repository, open_world, scripted
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal

PLAN = "webrtc-sprint"


@pytest_asyncio.fixture
async def world(tmp_path: Path, temporal_server: EmbeddedServer) -> AsyncGenerator[World]:
    """Everything but workers."""
    async with open_world(tmp_path / "home", temporal_server.address) as opened:
        yield opened


def expected_dependencies() -> dict[str, set[str]]:
    """What the hand-made truth says each story waits for."""
    return {
        story["id"]: set(story["dependencies"]["recommended_effective_stories"])
        for story in truth(PLAN)["stories"]
    }


def order(events: list[Event], name: str) -> dict[str, int]:
    """Story to the number of its first event of a name."""
    found: dict[str, int] = {}
    for event in events:
        if event.name == name and event.story is not None:
            found.setdefault(event.story, event.number)
    return found


async def test_simulated_agents_keep_every_dependency(world: World) -> None:
    run = await world.start(plan_text(PLAN), project=f"p-{uuid.uuid4().hex[:8]}")
    async with world.workers():
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert result.counts == {StoryState.SETTLED: 8}
    events = await world.events(run.id)
    started, ended = order(events, "claim.granted"), order(events, "story.settled")
    for story, dependencies in expected_dependencies().items():
        assert all(ended[before] < started[story] for before in dependencies)


async def test_the_scripted_agent_merges_in_an_order_that_keeps_every_dependency(
    world: World, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "repository")
    project = f"p-{uuid.uuid4().hex[:8]}"
    run = await world.start(plan_text(PLAN), project=project, repository=repository, agents=scripted())
    async with world.workers():
        result = await world.result(run.id)
    assert result.counts == {StoryState.MERGED: 8}
    events = await world.events(run.id)
    merged = order(events, "merge.made")
    for story, dependencies in expected_dependencies().items():
        assert all(merged[before] < merged[story] for before in dependencies)
    trailer = "--format=%(trailers:key=Paceline-Story,valueonly,separator=%x2C)"
    in_git = git_lines(repository, "log", "--merges", "--reverse", trailer, f"paceline/{project}/sprint")
    by_number = sorted(merged, key=lambda story: merged[story])
    assert [line.rsplit("/story-", 1)[1] for line in in_git if line] == [
        story.removeprefix("Story ") for story in by_number
    ]
