"""Steering a run as the API does it, and waiting for what comes of it."""

from __future__ import annotations

from api.steering import SteerReply, SteerRequest, give_steer
from paceline.domain.events import Event
from paceline.domain.states import StoryState
from paceline.domain.status import StoryStatus
from tests.world import World

ACTOR = "ada"


async def steer(world: World, project: str, action: str, story: str = "", **more: object) -> SteerReply:
    """Ask as the API does."""
    named = {"story": story} if story else {}
    request = SteerRequest.model_validate({"action": action, "actor": ACTOR, **named, **more})
    return await give_steer(world.database, world.client, project, request)


async def rows(world: World, project: str) -> dict[str, StoryStatus]:
    """Where the stories of a run stand."""
    return {row.id: row for row in (await world.status(project)).stories}


async def until_state(world: World, project: str, story: str, *states: StoryState) -> StoryStatus:
    """Wait until a story is in one of these states."""

    async def there() -> bool:
        return (await rows(world, project))[story].state in states

    await world.until(there, f"{story} {' or '.join(states)}")
    return (await rows(world, project))[story]


async def events_named(world: World, project: str, name: str) -> list[Event]:
    """Events of one name, in order."""
    return [event for event in await world.events(project) if event.name == name]
