"""Makes a rollback in a process that kills itself at a named point; JSON says what and when."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import activities.rollback_landing
import activities.rollback_rows
from activities.context import ActivityContext
from paceline.domain.rollback_steps import RollbackMake
from paceline.settings import Settings
from paceline.store.database import Database
from tests.faults.landing_process import after
from tests.landings import Landings
from tests.rollings import RollingBack
from tests.world import World
from workers.temporal_client import connect

POINTS = (
    "evidence kept",
    "ref moved, nothing recorded",
    "recorded, not committed",
    "committed, nobody told",
)


def arm(point: str) -> None:
    """See that the process dies at a point."""
    landing = activities.rollback_landing
    if point == POINTS[0]:
        landing.note_evidence = after(landing.note_evidence)
    elif point == POINTS[1]:
        landing.advance = after(landing.advance)
    elif point == POINTS[2]:
        activities.rollback_rows.record = after(activities.rollback_rows.record)
    else:
        move = landing.RollbackLanding._move  # pyright: ignore[reportPrivateUsage] - dies after it
        landing.RollbackLanding._move = after(move)  # pyright: ignore[reportPrivateUsage]


async def make(facts: dict[str, Any]) -> None:
    """Make it, as a worker does."""
    settings = Settings.model_validate({"home": facts["home"], "temporal_address": facts["address"]})
    database = Database(settings.resolved_database_url)
    client = await connect(facts["address"], "default")
    world = World(settings, database, client)
    run = (await world.status(facts["step"]["project"])).run
    landings = Landings(world, Path(facts["repository"]), run, ActivityContext(database, settings, client))
    await RollingBack(landings, RollbackMake.model_validate(facts["step"])).make()


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    arm(given["point"])
    asyncio.run(make(given))
