"""A claim is taken away while its agent works: the agent ends, its work is kept, the story goes on later."""

from __future__ import annotations

import fcntl
import json
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from paceline.domain.states import StoryState
from paceline.domain.work import AgentDeclaration
from paceline.store import claims
from tests.databases import any_database_url, database_template, postgres_cluster, postgres_url, sqlite_url
from tests.sample_plans import E, S, plan
from tests.workflows.test_story_claims import Script, decisions, rows, script
from tests.world import World, git_lines, open_world
from workers.api_server import bind, serving, url_of
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal

__all__ = [
    "any_database_url",
    "database_template",
    "postgres_cluster",
    "postgres_url",
    "script",
    "sqlite_url",
]

TWO = plan(E("1", [S(at, files=(f"{at}.txt", f"own-{at}.txt")) for at in ("1.1", "1.2")]))
OTHER = {"1.1": "1.2", "1.2": "1.1"}


@pytest_asyncio.fixture
async def asked(
    tmp_path: Path, temporal_server: EmbeddedServer, any_database_url: str
) -> AsyncGenerator[World]:
    """A world with an API that agents can ask, on each kind of database."""
    home, address = tmp_path / "home", temporal_server.address
    async with open_world(home, address, api_port=0, database_url=any_database_url) as world:
        with bind(world.settings) as listener:
            world.settings = world.settings.model_copy(update={"api_url": url_of(listener)})
            async with serving(listener, world.database, world.client, world.settings):
                yield world


class Pair:
    """Two agents at work that will want each other's file; each asks, and ends, when the test says so."""

    def __init__(self, folder: Path, script: Script) -> None:
        self._folder = folder
        for story, other in OTHER.items():
            script.at(
                story,
                1,
                hold=str(folder / f"{story}.lock"),
                first=[f"own-{story}.txt"],
                touch=str(folder / f"{story}.begun"),
                wait_for=str(folder / f"{story}.ask"),
                ask=[f"{other}.txt"],
                then_wait_for=str(folder / f"{story}.end"),
                write=[f"{other}.txt"],
            )

    def agents(self, script: Script) -> dict[str, AgentDeclaration]:
        """One attempt may fail, and none of these does."""
        return script.agents(max_attempts=1)

    def say(self, story: str, what: str) -> None:
        """Let an agent go on: to `ask`, or to `end`."""
        (self._folder / f"{story}.{what}").touch()

    async def begun(self) -> bool:
        """Whether both are at work."""
        return all((self._folder / f"{story}.begun").exists() for story in OTHER)

    def lives(self, story: str) -> bool:
        """Whether the agent of a story or what it started holds its lock."""
        with (self._folder / f"{story}.lock").open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False


async def by_age(world: World) -> tuple[str, str]:
    """The older and the younger story, by their places in the order of asking."""
    found = await world.database.read(claims.list_claims, None, ["granted"])
    old, young = (each.story or "" for each in sorted(found, key=lambda each: each.sequence))
    return old.removeprefix("Story "), young.removeprefix("Story ")


async def test_the_younger_of_two_at_work_is_stopped_and_goes_on_from_what_it_did(
    asked: World, name: str, repository: Path, script: Script, tmp_path: Path
) -> None:
    pair = Pair(tmp_path, script)
    run = await asked.start(TWO, project=name, repository=repository, agents=pair.agents(script))
    async with asked.workers():
        await asked.until(pair.begun, "both agents at work")
        old, young = await by_age(asked)
        pair.say(young, "ask")
        await asked.until(lambda: _answered(script, young), "the younger one's answer")
        assert _told(script, young) == "waiting"
        assert pair.lives(young)
        # The older one closes the circle: the younger one loses its claim while its agent is at work.
        pair.say(old, "ask")
        await asked.until(lambda: _answered(script, old), "the older one's answer")
        assert _told(script, old) == "granted"
        await asked.until(lambda: _is_so(not pair.lives(young)), "the end of the younger one's processes")
        assert pair.lives(old)
        kept = f"refs/paceline/preserved/{name}/story-{young}/1"
        await asked.until(lambda: _kept(repository, kept), "the preserved work")
        assert git_lines(repository, "show", f"{kept}:own-{young}.txt") == [f"Story {young}-1"]
        pair.say(old, "end")
        assert (await asked.result(run.id)).counts == {StoryState.MERGED: 2}
    await _check(asked, name, repository, script, old, young)


async def _check(world: World, name: str, repository: Path, script: Script, old: str, young: str) -> None:
    sprint = f"paceline/{name}/sprint"
    own = git_lines(repository, "show", f"{sprint}:own-{young}.txt")
    assert own == [f"Story {young}-1", f"Story {young}-2"], "it went on from where it was"
    shared = git_lines(repository, "show", f"{sprint}:{young}.txt")
    assert shared == [f"Story {old}-1", f"Story {young}-2"], "the older one had the file meanwhile"
    order = script.order(young, 2)
    assert [each["reason_code"] for each in order["earlier_attempts"]] == ["CLAIM_LOST"]
    trailer = "--format=%(trailers:key=Paceline-Story,valueonly,separator=%x2C)"
    lines = git_lines(repository, "log", "--merges", trailer, sprint)
    assert Counter(line.rpartition("-")[2] for line in lines if line) == {"1.1": 1, "1.2": 1}
    found = await rows(world, name)
    assert (found[old].attempt, found[young].attempt) == (1, 2)
    retreated = [each.story for each in await decisions(world, name) if each.kind == "retreated"]
    assert retreated == [f"Story {young}"]
    assert await world.database.read(claims.list_claims) == []


async def _answered(script: Script, story: str) -> bool:
    path = script.folder / f"Story {story}-1.answer"
    return path.exists() and path.read_text().endswith("}")


def _told(script: Script, story: str) -> str:
    answer = script.answer(story, 1)
    return str(json.loads(answer["out"])["state"])


async def _is_so(fact: bool) -> bool:
    return fact


async def _kept(repository: Path, ref: str) -> bool:
    return bool(git_lines(repository, "for-each-ref", ref))
