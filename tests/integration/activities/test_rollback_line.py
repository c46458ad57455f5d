"""A rollback has a place in the merge line as a story has: nobody overtakes it, it keeps nobody waiting."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

from activities.context import ActivityContext
from paceline.contracts import LandReport
from paceline.domain.rollback import RollbackState
from paceline.domain.rollback_steps import RollbackReport
from paceline.store import merge_line
from tests.landings import Landings
from tests.rollings import RollingBack, settle
from tests.sample_plans import S
from tests.world import World, git_lines, make_repository

pytestmark = pytest.mark.temporal


class Line:
    """A first story that has merged and is rolled back, and a busy line of others.

    The check of `1.2` waits until the test opens it, so that the others stand behind it in a known order.
    """

    def __init__(self, landings: Landings, rolling: RollingBack, opened: Path) -> None:
        self.landings, self.rolling, self._opened = landings, rolling, opened

    @staticmethod
    async def of(world: World, tmp_path: Path, others: int, **options: object) -> Line:
        """Story 1.1 has merged; 1.2 and so on can land."""
        opened = tmp_path / "open"
        stories = [S(f"1.{at}", files=(f"{at}.txt",)) for at in range(1, others + 2)]
        stories[1].checks = (f"while ! test -e {opened}; do sleep 0.02; done",)
        project = f"p-{uuid.uuid4().hex[:10]}"
        landings = await Landings.of(world, make_repository(tmp_path / "r"), project, stories, **options)
        landings.work({f"Story {each.id}": {f"{each.id[2:]}.txt": "x\n"} for each in stories})
        assert (await landings.land("Story 1.1")).merged
        await settle(landings, "Story 1.1")
        return Line(landings, await RollingBack.of(landings, "Story 1.1"), opened)

    def open(self) -> None:
        """Let the check of the leader end."""
        self._opened.touch()

    async def lands(self, at: int, behind: int) -> asyncio.Task[LandReport]:
        """A story that joins the line behind so many."""
        task = asyncio.create_task(self.landings.land(f"Story 1.{at}"))
        await self.landings.waiting(behind + 1)
        return task

    async def rolls_back(self, behind: int) -> asyncio.Task[RollbackReport]:
        """The rollback joins the line behind so many."""
        task = asyncio.create_task(self.rolling.make())
        await self.landings.waiting(behind + 1)
        return task

    def log(self) -> list[str]:
        """What is on the branch, oldest first: ends of story ids, and `back`."""
        trailers = (
            "%(trailers:key=Paceline-Story,valueonly,separator=)|%(trailers:key=Paceline-Rollback,valueonly)"
        )
        lines = git_lines(
            self.landings.repository,
            "log",
            "--reverse",
            "--first-parent",
            "--merges",
            f"--format={trailers}",
            self.landings.branch,
        )
        return ["back" if "rollback" in each else each.rstrip("|")[-3:] for each in lines if each]


async def test_it_is_made_at_its_place_and_in_no_batch(world: World, tmp_path: Path) -> None:
    line = await Line.of(world, tmp_path, 5)
    tasks = [await line.lands(2, 0), await line.lands(3, 1)]
    back = await line.rolls_back(2)
    tasks += [await line.lands(4, 3), await line.lands(5, 4), await line.lands(6, 5)]

    async def told() -> bool:
        events = await world.events(line.landings.run.id)
        return any(each.name == "merge.waiting" and "rollback" in each.data for each in events)

    await world.until(told, "the rollback's place in the events")
    line.open()
    assert all(report.merged for report in await asyncio.gather(*tasks))
    assert (await back).made
    assert line.log() == ["1.1", "1.2", "1.3", "back", "1.4", "1.5", "1.6"]
    assert git_lines(line.landings.repository, "ls-tree", "-r", "--name-only", line.landings.branch) == [
        "2.txt",
        "3.txt",
        "4.txt",
        "5.txt",
        "6.txt",
        "README.md",
    ]


async def test_it_does_not_starve_under_a_line_that_never_ends(world: World, tmp_path: Path) -> None:
    line = await Line.of(world, tmp_path, 8, merge_batch=1)
    tasks = [await line.lands(2, 0)]
    back = await line.rolls_back(1)
    # There is always somebody behind it who is ready, and none of them may go before it.
    for at in range(3, 10):
        tasks.append(await line.lands(at, at - 1))
    line.open()
    assert (await back).made
    assert all(report.merged for report in await asyncio.gather(*tasks))
    assert line.log()[:3] == ["1.1", "1.2", "back"]
    assert len(line.log()) == 10


async def test_a_rollback_that_is_dead_is_passed_over_and_keeps_its_place(
    world: World, tmp_path: Path
) -> None:
    line = await Line.of(world, tmp_path, 2)
    run = await line.landings.context.run(line.landings.run.id)
    row, step = await line.rolling.row(), line.rolling.step.model_dump(mode="json")
    # Its holder raises no beat, as a process that was killed.
    join = (run.line(line.landings.branch), f"{row.id}#1", "test-run#rollback", step, "killed")
    await world.database.write(merge_line.join_line, *join)
    line.open()
    assert (await line.landings.land("Story 1.2")).merged
    assert line.log() == ["1.1", "1.2"]
    elsewhere = ActivityContext(world.database, world.settings, world.client)
    assert (await line.rolling.elsewhere(elsewhere).make()).made
    assert (await line.landings.land("Story 1.3")).merged
    assert line.log() == ["1.1", "1.2", "back", "1.3"]
    again = await line.rolling.make()
    found = await line.rolling.row()
    assert (again.made, again.commit) == (True, found.commits[-1].commit)
    assert found.state is RollbackState.MADE
