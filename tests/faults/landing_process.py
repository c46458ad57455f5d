"""Lands stories in a process that kills itself at a named point; its argument is JSON with what and when."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from temporalio.client import Client

import activities.candidates
import activities.merge_round
import activities.no_change_proof
from activities.context import ActivityContext
from activities.landing import LandingActivities
from activities.merge_line import LineWatch, Turn
from activities.proof import CandidateProof
from paceline.settings import Settings
from paceline.store.database import Database
from tests.landings import Landings
from tests.world import World
from workers.temporal_client import connect


def die() -> None:
    """As the kernel or a power cut would end it: no clean-up runs."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(function: Callable[..., Any], times: int = 1) -> Callable[..., Any]:
    """The function, and then death at its so many-th return."""
    left = [times]

    def called(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        left[0] -= 1
        if left[0] == 0:
            die()
        return result

    async def awaited(*args: Any, **kwargs: Any) -> Any:
        result = await function(*args, **kwargs)
        left[0] -= 1
        if left[0] == 0:
            die()
        return result

    return awaited if inspect.iscoroutinefunction(function) else called


async def nothing(*_: object) -> None:
    """What never happens: the process dies instead."""


def start_together(count: int) -> None:
    """See that nobody takes a turn before all stand in line."""
    wait, met = asyncio.Barrier(count), set[str]()
    turn = LineWatch.turn

    async def together(self: LineWatch, claim: str, landing: str, holder: str) -> Turn:
        if claim not in met:
            met.add(claim)
            await wait.wait()
        return await turn(self, claim, landing, holder)

    LineWatch.turn = together


def arm(point: str) -> None:
    """See that the process dies at a point."""
    if point == "first evidence written":
        CandidateProof.record = after(CandidateProof.record)
    elif point == "all evidence written":
        CandidateProof.record = after(CandidateProof.record, 3)
    elif point == "ref moved, nothing recorded":
        activities.merge_round.advance = after(activities.merge_round.advance)
    elif point == "first merge recorded, not committed":
        activities.candidates.record_merge = after(activities.candidates.record_merge)
    elif point == "last merge recorded, not committed":
        activities.candidates.record_merge = after(activities.candidates.record_merge, 3)
    elif point == "committed, nobody told":
        move = activities.merge_round.MergeRound._move  # pyright: ignore[reportPrivateUsage] - dies after it
        activities.merge_round.MergeRound._move = after(move)  # pyright: ignore[reportPrivateUsage]
    elif point == "no change recorded, not committed":
        record = activities.no_change_proof._record  # pyright: ignore[reportPrivateUsage] - dies in its transaction
        activities.no_change_proof._record = after(record)  # pyright: ignore[reportPrivateUsage]
    elif point == "no change recorded":
        LandingActivities._clear = after(nothing)  # pyright: ignore[reportPrivateUsage] - what comes after the commit
    else:
        raise ValueError(point)


POINTS = (
    "first evidence written",
    "all evidence written",
    "ref moved, nothing recorded",
    "first merge recorded, not committed",
    "last merge recorded, not committed",
    "committed, nobody told",
)


async def land(facts: dict[str, Any]) -> None:
    """Land every story at once, as several activities of one worker do."""
    settings = Settings.model_validate({"home": facts["home"], "temporal_address": facts["address"]})
    database = Database(settings.resolved_database_url)
    client: Client = await connect(facts["address"], "default")
    world = World(settings, database, client)
    run = (await world.status(facts["project"])).run
    landings = Landings(world, Path(facts["repository"]), run, ActivityContext(database, settings, client))
    landings.fences, landings.commits = facts["fences"], facts["commits"]
    start_together(len(facts["commits"]))
    await asyncio.gather(*(landings.land(story) for story in facts["commits"]))


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    arm(given["point"])
    asyncio.run(land(given))
