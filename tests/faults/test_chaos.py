"""SIGKILL to the worker again and again, at seeded moments: nothing is lost and nothing happens twice."""

from __future__ import annotations

import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from paceline.domain.events import Event
from paceline.domain.states import FINAL_STATES, RunState, StoryState
from paceline.store import claims
from tests.faults.test_kill import counted_agent, worker_process
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines

pytestmark = pytest.mark.temporal

PLAN = plan(
    E("1", [S("1.1", files=("shared.txt", "a.txt")), S("1.2", files=("b.txt",)), S("1.3", "Story 1.1")]),
    E(
        "2",
        [S("2.1", files=("shared.txt",)), S("2.2", "Story 1.2", files=("c/",)), S("2.3", files=("b.txt",))],
    ),
    E("3", [S("3.1", "Story 2.1", files=("d.txt",)), S("3.2", files=("shared.txt", "e.txt")), S("3.3")]),
    E("4", [S(f"4.{n}", files=(f"f{n}.txt", "shared.txt")) for n in range(1, 4)], depends="Epic 1"),
)
STORIES = 12


@pytest.mark.parametrize(
    ("seed", "kills"), [(1, 3), *(pytest.param(seed, 20, marks=pytest.mark.long) for seed in range(2, 7))]
)
async def test_no_moment_to_die_loses_or_doubles_anything(
    world: World, name: str, repository: Path, tmp_path: Path, seed: int, kills: int
) -> None:
    tally, gate = tmp_path / "runs", tmp_path / "gate"
    tally.touch()
    gate.touch()
    run = await world.start(PLAN, project=name, repository=repository, agents=counted_agent(tally, gate))
    # A moment is a number of events; the worker dies as soon as so many are there.
    moments = sorted(random.Random(seed).sample(range(3, STORIES * 8), kills))  # noqa: S311 - a seed, no secret
    for moment in moments:
        async with worker_process(world) as worker:
            await world.until(lambda moment=moment: _reached(world, run.id, moment), f"event {moment}")
            worker.send_signal(signal.SIGKILL)
            await worker.wait()
        if await _ended(world, run.id):
            break
    async with worker_process(world):
        await world.result(run.id)
    await _check(world, repository, run.id, tally)


async def _ended(world: World, project: str) -> bool:
    return (await world.status(project)).run.state is not RunState.RUNNING


async def _reached(world: World, project: str, number: int) -> bool:
    return len(await world.events(project)) >= number or await _ended(world, project)


async def _check(world: World, repository: Path, project: str, tally: Path) -> None:
    status = await world.status(project)
    assert status.run.state is RunState.COMPLETED
    assert status.counts == {StoryState.MERGED: STORIES}
    events = await world.events(project)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    made = {str(event.story): event.data["commit"] for event in events if event.name == "merge.made"}
    in_git = git_lines(repository, "log", "--merges", "--format=%H", f"paceline/{project}/sprint")
    assert sorted(made.values()) == sorted(in_git)
    assert made == {row.id: row.merge_commit for row in status.stories}
    runs = Counter(tally.read_text().splitlines())
    assert len(runs) == STORIES
    assert set(runs.values()) == {1}, "an agent's run was paid for twice"
    assert await world.database.read(claims.list_claims) == []
    _check_turns(events)


def _check_turns(events: list[Event]) -> None:
    """Between a grant and its story's end nobody else holds the shared file; fences only rise."""
    shared = {"Story 1.1", "Story 2.1", "Story 3.2", "Story 4.1", "Story 4.2", "Story 4.3"}
    holder: str | None = None
    fences: dict[str, int] = {}
    last = 0
    for event in events:
        story = str(event.story)
        if event.name == "claim.granted":
            fence = int(event.data["fence"])
            assert fences.setdefault(story, fence) == fence
            if story in shared and story != holder:
                assert holder is None, f"{story} was granted what {holder} holds"
                assert fence > last
                holder, last = story, fence
        elif event.name in {f"story.{state.value}" for state in FINAL_STATES} and story == holder:
            holder = None
    assert len(set(fences.values())) == len(fences)
