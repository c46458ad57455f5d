"""Stories that are ready together are checked together; one that breaks a check fails, the rest lands."""

from __future__ import annotations

import asyncio
import json
import uuid
import zipfile
from pathlib import Path

import pytest

from activities.bundle import build_bundle
from activities.context import ActivityContext
from paceline.contracts import LandReport
from paceline.store import merge_line, proofs
from tests.landings import Landings
from tests.sample_plans import S
from tests.world import World, git_lines, make_repository

pytestmark = pytest.mark.temporal


class Gate:
    """Checks that count their runs and wait for a file."""

    def __init__(self, folder: Path) -> None:
        self.runs, self._open = folder / "runs", folder / "open"
        self.runs.touch()

    def check(self, command: str = "true") -> str:
        """A check that writes down the files it saw."""
        return f"ls | tr '\\n' ' ' >> {self.runs}; echo >> {self.runs}; {command}"

    def closed(self) -> str:
        """A check that waits until the gate is opened."""
        return f"while [ ! -e {self._open} ]; do sleep 0.02; done"

    def open(self) -> None:
        """Let every check go on."""
        self._open.touch()

    def seen(self) -> list[str]:
        """The files that each run of a counting check saw."""
        return self.runs.read_text().splitlines()


def numbered(count: int, *checks: str) -> list[S]:
    """Stories 1.1 to 1.count, each with a file of its own and the same checks."""
    return [S(f"1.{at}", files=(f"{at}.txt",), checks=checks) for at in range(1, count + 1)]


def plain_work(count: int) -> dict[str, dict[str, str]]:
    """Each story adds its file."""
    return {f"Story 1.{at}": {f"{at}.txt": f"{at}\n"} for at in range(1, count + 1)}


async def begin(
    world: World, repository: Path, stories: list[S], work: dict[str, dict[str, str]], **options: object
) -> Landings:
    """A run with claims and commits."""
    found = await Landings.of(world, repository, f"p-{uuid.uuid4().hex[:10]}", stories, **options)
    found.work(work)
    return found


async def land_in_order(landings: Landings, count: int, gate: Gate) -> list[LandReport]:
    """Story 1.1 leads and its check waits until all the others stand behind it in their order."""
    tasks: list[asyncio.Task[LandReport]] = []
    for at in range(1, count + 1):
        tasks.append(asyncio.create_task(landings.land(f"Story 1.{at}")))
        await landings.waiting(at)
    gate.open()
    return await asyncio.gather(*tasks)


async def test_those_who_wait_are_checked_once_and_merged_one_by_one(world: World, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    stories = numbered(6, gate.check())
    stories[0].checks = (gate.closed(),)
    landings = await begin(world, make_repository(tmp_path / "r"), stories, plain_work(6), merge_batch=4)
    reports = await land_in_order(landings, 6, gate)
    assert all(report.merged for report in reports)
    order = [f"1.{at}" for at in range(1, 7)]
    assert landings.merged() == order
    assert await landings.recorded() == order
    assert gate.seen() == [
        "1.txt 2.txt 3.txt 4.txt 5.txt README.md ",
        "1.txt 2.txt 3.txt 4.txt 5.txt 6.txt README.md ",
    ], "four were checked together, then the one that was left"
    commits = git_lines(landings.repository, "log", "--reverse", "--first-parent", "--merges", "--format=%H")
    assert commits == []
    assert [report.merge_commit for report in reports] == git_lines(
        landings.repository, "log", "--reverse", "--first-parent", "--merges", "--format=%H", landings.branch
    )


async def test_a_proof_says_on_which_commit_its_command_ran(world: World, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    stories = numbered(3, "echo checked")
    stories[0].checks = (gate.closed(),)
    landings = await begin(world, make_repository(tmp_path / "r"), stories, plain_work(3))
    reports = await land_in_order(landings, 3, gate)
    second, third = reports[1].merge_commit, reports[2].merge_commit
    found = await world.database.read(proofs.proofs_of, landings.run.id, "Story 1.2")
    commands = [each for each in found if each.prover == "command"]
    assert {(each.commit, each.tested_on) for each in commands} == {(second, third)}
    evidence = next(world.settings.artifact_root.rglob(f"evidence-{str(second)[:12]}.json"))
    kept = json.loads(evidence.read_text())
    assert kept["candidate"] == second
    (proof,) = [each for each in kept["proofs"] if each["command"]]
    assert proof["tested_on"] == third
    for at, report in enumerate(reports, 1):
        await landings.settle(f"Story 1.{at}", report.merge_commit)
    bundle = await build_bundle(world.database, world.settings, landings.run.id)
    with zipfile.ZipFile(world.settings.artifact_root / bundle.path) as archive:
        told = archive.read("documentation/project-summary.md").decode()
    assert told.count(f"- passed: echo checked, tested with others on `{str(third)[:12]}`\n") == 1
    assert told.count("- passed: echo checked\n") == 1, "the last one was tested by itself"
    assert (evidence.parent / f"checks-{str(third)[:12]}" / proof["output"]).read_text() == "checked\n"
    alone = await world.database.read(proofs.proofs_of, landings.run.id, "Story 1.3")
    assert {(each.commit, each.tested_on) for each in alone} == {(third, None)}


@pytest.mark.parametrize("bad", [2, 4, 6])
async def test_the_story_that_breaks_a_check_fails_and_the_rest_lands(
    world: World, tmp_path: Path, bad: int
) -> None:
    gate = Gate(tmp_path)
    stories = numbered(6, "! grep -q broken *.txt")
    stories[0].checks = (gate.closed(),)
    work = plain_work(6)
    work[f"Story 1.{bad}"] = {f"{bad}.txt": "broken\n"}
    landings = await begin(world, make_repository(tmp_path / "r"), stories, work)
    reports = await land_in_order(landings, 6, gate)
    failed = reports[bad - 1]
    assert (failed.merged, failed.code) == (False, "CHECK_FAILED")
    good = [f"1.{at}" for at in range(1, 7) if at != bad]
    assert landings.merged() == good
    assert await landings.recorded() == good
    for at in range(2, bad):
        assert f"Story 1.{at}" in failed.reason
    broken = await world.database.read(proofs.proofs_of, landings.run.id, f"Story 1.{bad}")
    assert "failed" in {each.verdict.value for each in broken}


async def test_a_story_that_breaks_anothers_check_is_told_whose_it_is(world: World, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    stories = numbered(3)
    stories[0].checks = (gate.closed(),)
    stories[1].checks = ("test ! -e 3.txt",)
    landings = await begin(world, make_repository(tmp_path / "r"), stories, plain_work(3))
    reports = await land_in_order(landings, 3, gate)
    assert landings.merged() == ["1.1", "1.2"]
    assert reports[2].code == "CHECK_FAILED"
    assert "It is a check of Story 1.2." in reports[2].reason


async def test_one_that_conflicts_with_those_before_it_is_judged_by_itself(
    world: World, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    stories = [S(f"1.{at}", files=(f"{at}.txt",)) for at in range(1, 5)]
    stories[0].checks = (gate.closed(),)
    work = plain_work(4)
    landings = await begin(world, make_repository(tmp_path / "r"), stories, work)
    # The claims are disjoint; the commits are made as if one of them had lied about it.
    landings.work({**work, "Story 1.3": {"2.txt": "other\n"}})
    reports = await land_in_order(landings, 4, gate)
    assert [report.code for report in reports] == ["", "", "MERGE_CONFLICT", ""]
    assert landings.merged() == ["1.1", "1.2", "1.4"]


async def test_a_cancelled_leader_keeps_nobody_waiting(world: World, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    stories = numbered(3)
    stories[0].checks = (gate.closed(),)
    landings = await begin(world, make_repository(tmp_path / "r"), stories, plain_work(3))
    leader = asyncio.create_task(landings.land("Story 1.1"))
    await landings.waiting(1)
    others = [asyncio.create_task(landings.land(f"Story 1.{at}")) for at in (2, 3)]
    await landings.waiting(3)
    leader.cancel()
    await asyncio.gather(leader, return_exceptions=True)
    assert [report.merged for report in await asyncio.gather(*others)] == [True, True]
    gate.open()
    assert (await landings.land("Story 1.1")).merged
    assert sorted(landings.merged()) == ["1.1", "1.2", "1.3"]


async def test_a_replaced_story_is_left_out_of_the_batch(world: World, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    stories = numbered(3)
    stories[0].checks = (gate.closed(),)
    landings = await begin(world, make_repository(tmp_path / "r"), stories, plain_work(3))
    tasks: list[asyncio.Task[LandReport]] = []
    for at in (1, 2, 3):
        tasks.append(asyncio.create_task(landings.land(f"Story 1.{at}")))
        await landings.waiting(at)
    await landings.release("Story 1.2")
    gate.open()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[1], BaseException)
    assert landings.merged() == ["1.1", "1.3"]


async def test_two_workers_share_one_line(world: World, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    stories = numbered(4, gate.check())
    stories[0].checks = (gate.closed(),)
    here = await begin(world, make_repository(tmp_path / "r"), stories, plain_work(4))
    there = here.elsewhere(ActivityContext(world.database, world.settings, world.client))
    tasks: list[asyncio.Task[LandReport]] = []
    for at in range(1, 5):
        tasks.append(asyncio.create_task((here, there)[at % 2].land(f"Story 1.{at}")))
        await here.waiting(at)
    gate.open()
    assert all(report.merged for report in await asyncio.gather(*tasks))
    assert here.merged() == ["1.1", "1.2", "1.3", "1.4"]
    assert len(gate.seen()) == 1


async def test_a_dead_process_keeps_nobody_waiting_and_its_story_keeps_its_place(
    world: World, tmp_path: Path
) -> None:
    landings = await begin(world, make_repository(tmp_path / "r"), numbered(2), plain_work(2))
    run = await landings.context.run(landings.run.id)
    claim = run.workflow_id(run.story("Story 1.1"))
    step = landings.step("Story 1.1").model_dump(mode="json")
    # Its holder raises no beat, as a process that was killed.
    join = (run.line(landings.branch), claim, "test-run#1", step, "killed")
    await world.database.write(merge_line.join_line, *join)
    assert (await landings.land("Story 1.2")).merged
    assert landings.merged() == ["1.2"]
    assert (await landings.land("Story 1.1")).merged
    assert [each.place.number for each in await landings.entries() if each.place.claim == claim] == [1]


async def test_a_place_in_the_line_is_visible(world: World, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    stories = numbered(3)
    stories[0].checks = (gate.closed(),)
    landings = await begin(world, make_repository(tmp_path / "r"), stories, plain_work(3))
    tasks: list[asyncio.Task[LandReport]] = []
    for at in (1, 2, 3):
        tasks.append(asyncio.create_task(landings.land(f"Story 1.{at}")))
        await landings.waiting(at)

    async def told() -> bool:
        rows = {row.id: row for row in (await world.status(landings.run.id)).stories}
        return rows["Story 1.3"].reason == "waits in the merge line at place 3"

    await world.until(told, "the third place")
    waiting = [each for each in await world.events(landings.run.id) if each.name == "merge.waiting"]
    assert {each.story: each.data["place"] for each in waiting} == {"Story 1.2": 2, "Story 1.3": 3}
    gate.open()
    await asyncio.gather(*tasks)
