"""A rollback's worker dies around the move of the branch, and a story lands first: nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from activities.context import ActivityContext
from paceline.domain.rollback import RollbackState
from paceline.domain.states import StoryState
from paceline.store import rollbacks
from paceline.store.database import Database
from tests.faults.rollback_process import POINTS
from tests.landings import Landings
from tests.rollings import RollingBack, settle
from tests.sample_plans import S
from tests.world import World, git_lines

pytestmark = pytest.mark.temporal


@pytest_asyncio.fixture
async def older(world: World) -> AsyncGenerator[Callable[[], World]]:
    """Takes a copy of the database now, and gives a world on it."""
    opened: list[Database] = []

    def copy() -> World:
        path = world.settings.home / "older.db"
        connect = sqlite3.connect
        with closing(connect(world.settings.home / "paceline.db")) as now, closing(connect(path)) as then:
            now.backup(then)
        opened.append(Database(f"sqlite:///{path}"))
        return World(world.settings, opened[-1], world.client)

    yield copy
    for each in opened:
        each.close()


async def three(world: World, repository: Path) -> tuple[Landings, RollingBack]:
    """1.1 has merged and is to be rolled back, 1.2 and 1.3 can land."""
    stories = [S(f"1.{at}", files=(f"{at}.txt",), checks=("test -e README.md",)) for at in (1, 2, 3)]
    landings = await Landings.of(world, repository, f"p-{uuid.uuid4().hex[:10]}", stories)
    landings.work({f"Story 1.{at}": {f"{at}.txt": f"{at}\n"} for at in (1, 2, 3)})
    assert (await landings.land("Story 1.1")).merged
    await settle(landings, "Story 1.1")
    return landings, await RollingBack.of(landings, "Story 1.1")


async def killed_at(landings: Landings, rolling: RollingBack, point: str) -> None:
    """Make the rollback in a process that dies there."""
    facts = {
        "point": point,
        "home": str(landings.world.settings.home),
        "address": landings.world.settings.temporal_address,
        "repository": str(landings.repository),
        "step": rolling.step.model_dump(mode="json"),
    }
    command = ["-m", "tests.faults.rollback_process", json.dumps(facts)]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, env=dict(os.environ))
    assert await process.wait() == -signal.SIGKILL


def rollbacks_on(landings: Landings) -> list[str]:
    """The commits of rollbacks on the branch itself."""
    trailer = "--format=%(trailers:key=Paceline-Rollback,valueonly,separator=%x2C)"
    log = git_lines(landings.repository, "log", "--first-parent", trailer, landings.branch)
    return [each for each in log if each]


@pytest.mark.parametrize("point", POINTS)
async def test_a_landing_that_looks_first_leaves_one_rollback_and_loses_nothing(
    world: World, repository: Path, point: str
) -> None:
    landings, rolling = await three(world, repository)
    await killed_at(landings, rolling, point)
    moved = point != POINTS[0]
    assert len(rollbacks_on(landings)) == (1 if moved else 0)
    recorded = (await rolling.row()).state is RollbackState.MADE
    assert recorded is (point == POINTS[-1])
    tip = landings.head()
    there = landings.elsewhere(ActivityContext(world.database, world.settings, world.client))
    # The landing looks at the branch before anybody tries the rollback again.
    assert (await there.land("Story 1.2")).merged
    row = await rolling.row()
    assert (row.state is RollbackState.MADE) is moved
    if moved:
        git_lines(repository, "merge-base", "--is-ancestor", tip, landings.branch)
        assert (row.commits[-1].commit, row.decided_by) == (tip, "ada")
    again = rolling.elsewhere(there.context)
    reports = [await again.make() for _ in range(2)]
    row = await rolling.row()
    assert [(each.made, each.commit) for each in reports] == [(True, row.commits[-1].commit)] * 2
    assert (await there.land("Story 1.3")).merged
    await _check(world, landings)


async def _check(world: World, landings: Landings) -> None:
    assert rollbacks_on(landings) == [f"{landings.run.id}/rollback/1"]
    assert landings.merged() == ["1.1", "1.2", "1.3"]
    assert await landings.recorded() == ["1.1", "1.2", "1.3"]
    files = git_lines(landings.repository, "ls-tree", "-r", "--name-only", landings.branch)
    assert files == ["2.txt", "3.txt", "README.md"]
    names = Counter(event.name for event in await world.events(landings.run.id))
    assert (names["rollback.made"], names["story.reverted"], names["branch.restored"]) == (1, 1, 0)
    assert (await world.status(landings.run.id)).stories[0].state is StoryState.REVERTED


async def test_two_workers_may_look_before_it_is_recorded(world: World, repository: Path) -> None:
    landings, rolling = await three(world, repository)
    await killed_at(landings, rolling, POINTS[1])
    contexts = [ActivityContext(world.database, world.settings, world.client) for _ in range(3)]
    reports = await asyncio.gather(
        landings.elsewhere(contexts[0]).land("Story 1.2"),
        landings.elsewhere(contexts[1]).land("Story 1.3"),
        rolling.elsewhere(contexts[2]).make(),
    )
    assert (reports[0].merged, reports[1].merged, reports[2].made) == (True, True, True)
    assert sorted(landings.merged()) == ["1.1", "1.2", "1.3"]
    assert len(rollbacks_on(landings)) == 1
    names = Counter(event.name for event in await world.events(landings.run.id))
    assert (names["rollback.made"], names["merge.made"], names["branch.restored"]) == (1, 3, 0)


async def test_a_commit_that_only_says_so_goes_back(world: World, repository: Path) -> None:
    landings, rolling = await three(world, repository)
    head = landings.head()
    tree = git_lines(repository, "rev-parse", "main^{tree}")[0]
    message = f"Roll back Story 1.1\n\nPaceline-Rollback: {landings.run.id}/rollback/1"
    author = ("-c", "user.name=T", "-c", "user.email=t@localhost")
    forged = git_lines(repository, *author, "commit-tree", tree, "-p", head, "-m", message)[0]
    git_lines(repository, "update-ref", f"refs/heads/{landings.branch}", forged)
    assert (await landings.land("Story 1.2")).merged
    assert (await rolling.row()).state is RollbackState.OPEN
    assert forged not in git_lines(repository, "rev-list", landings.branch)
    names = Counter(event.name for event in await world.events(landings.run.id))
    assert (names["rollback.made"], names["branch.restored"]) == (0, 1)


async def test_an_older_copy_of_the_database_takes_nothing_back(
    world: World, repository: Path, older: Callable[[], World]
) -> None:
    stories = [S(f"1.{at}", files=(f"{at}.txt",), checks=("test -e README.md",)) for at in (1, 2, 3)]
    landings = await Landings.of(world, repository, f"p-{uuid.uuid4().hex[:10]}", stories)
    landings.work({f"Story 1.{at}": {f"{at}.txt": f"{at}\n"} for at in (1, 2, 3)})
    assert (await landings.land("Story 1.1")).merged
    await settle(landings, "Story 1.1")
    restored = older()
    rolling = await RollingBack.of(landings, "Story 1.1")
    assert (await rolling.make()).made
    assert (await landings.land("Story 1.2")).merged
    # Neither the rollback nor the merge on top of it is in the copy that is brought back.
    there = Landings(restored, repository, landings.run)
    there.fences, there.commits = landings.fences, landings.commits
    assert (await there.land("Story 1.3")).merged
    await _check(restored, there)
    (found,) = await restored.database.read(rollbacks.rollbacks_of, landings.run.id)
    assert (found.state, found.decided_by, found.reverted) == (RollbackState.MADE, "ada", ["Story 1.1"])
