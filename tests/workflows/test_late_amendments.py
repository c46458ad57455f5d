"""What an amendment adds to a sprint that has just counted its stories is done all the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import temporalio.client
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from api.amendments import amend_run
from paceline.domain.exchange import AmendRequest
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from tests.sample_plans import E, S, plan
from tests.world import World

pytestmark = pytest.mark.temporal


class Counted(ActivityInboundInterceptor):
    """Keeps the end of a sprint from its workflow, once its stories were counted."""

    reached: asyncio.Event
    opened: asyncio.Event

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Run the activity; what a sprint counted waits to be told."""
        result = await super().execute_activity(input)
        if activity.info().activity_type == "count-stories":
            Counted.reached.set()
            await Counted.opened.wait()
        return result


class Holding(temporalio.client.Interceptor, Interceptor):
    """Every activity goes through it."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Put it in between."""
        return Counted(next)


async def test_a_story_added_to_an_epic_that_ended_with_its_sprint_is_done(world: World, name: str) -> None:
    Counted.reached, Counted.opened = asyncio.Event(), asyncio.Event()
    world = replace(world, client=Client(**{**world.client.config(), "interceptors": [Holding()]}))  # type: ignore[typeddict-item]
    agents = {"*": AgentDeclaration(kind="simulated")}
    run = await world.start(plan(E("1", [S("1.1")])), project=name, agents=agents)
    async with world.workers():
        async with asyncio.timeout(60):
            await Counted.reached.wait()
        more = plan(E("1", [S("1.1"), S("1.2")]), E("2", [S("2.1")]))
        request = AmendRequest.model_validate({"plan": more, "apply": True, "actor": "ada"})
        assert (await amend_run(run.id, request, world.database, world.client)).applied
        Counted.opened.set()
        result = await world.result(run.id)
    assert result.state is RunState.COMPLETED
    assert result.counts == {StoryState.SETTLED: 3}
    ended = [event.story for event in await world.events(run.id) if event.name == "story.settled"]
    assert sorted(filter(None, ended)) == ["Story 1.1", "Story 1.2", "Story 2.1"]
