"""SIGKILL to the worker during a review, and during each part of a story: nobody works twice."""

from __future__ import annotations

import asyncio
import signal
import uuid
from pathlib import Path

import pytest

from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from tests.faults.test_kill import worker_process
from tests.sample_plans import E, S, plan
from tests.workflows.test_split_stories import BAKERY
from tests.world import World, git_lines, make_repository, open_world
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal

WORK = """
echo "$1 $2" >> "$0/runs"
if [ -e "$0/shut-$1" ] && [ "$(grep -c "^$1 " "$0/runs")" -ge "$(cat "$0/shut-$1")" ]; then
  while [ ! -e "$0/open-$1" ]; do sleep 0.05; done
fi
[ "$2" = review ] && echo idea > stray.txt
[ "$2" = work ] && echo "$1" >> "$1.txt"
[ "$(grep -c review "$0/runs")" -ge 2 ] && yes=true || yes=false
printf '{"outcome": "done", "approved": %s, "summary": "more"}' $yes > "$PACELINE_WORK_RESULT"
"""


def _agent(folder: Path, name: str, what: str = "work") -> AgentDeclaration:
    command = ["sh", "-c", WORK, str(folder), name, what]
    return AgentDeclaration(command=command, sandbox="off", max_attempts=1, concurrency=9, timeout=120)


async def _killed_at(world: World, folder: Path, project: str, runs: int, name: str) -> None:
    """Kill the worker while an agent's run of that number works, then open its gate."""
    (folder / f"shut-{name}").write_text(str(runs))

    async def begun() -> bool:
        file = folder / "runs"
        return file.exists() and file.read_text().count(f"{name} ") >= runs

    async with worker_process(world) as worker:
        await world.until(begun, f"run {runs} of {name}")
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
    await asyncio.to_thread((folder / f"open-{name}").touch)
    async with worker_process(world):
        assert (await world.result(project)).state is RunState.COMPLETED


async def test_a_review_is_made_once_and_what_it_changed_is_put_back(
    tmp_path: Path, temporal_server: EmbeddedServer
) -> None:
    repository, project = make_repository(tmp_path / "repository"), f"p-{uuid.uuid4().hex[:8]}"
    text = plan(E("1", [S("1.1", agent="Ann + Bob", files=("Ann.txt",))]), agents=("Ann", "Bob"))
    async with open_world(tmp_path / "home", temporal_server.address) as world:
        agents = {"Ann": _agent(tmp_path, "Ann"), "Bob": _agent(tmp_path, "Bob", "review")}
        await world.start(text, project=project, repository=repository, agents=agents, collaboration="review")
        await _killed_at(world, tmp_path, project, 1, "Bob")
        events = await world.events(project)
    assert (tmp_path / "runs").read_text().splitlines() == ["Ann work", "Bob review"] * 2
    made = [event.data for event in events if event.name == "review.made"]
    assert [(each["round"], each["approved"], each["dropped"]) for each in made] == [
        (1, False, ["stray.txt"]),
        (2, True, ["stray.txt"]),
    ]
    assert git_lines(repository, "show", f"paceline/{project}/sprint:Ann.txt") == ["Ann", "Ann"]
    assert sum(event.name == "merge.made" for event in events) == 1


@pytest.mark.parametrize("runs", [1, 2], ids=["first sprint", "second sprint"])
async def test_each_part_is_done_once(tmp_path: Path, temporal_server: EmbeddedServer, runs: int) -> None:
    repository, project = make_repository(tmp_path / "repository"), f"p-{uuid.uuid4().hex[:8]}"
    async with open_world(tmp_path / "home", temporal_server.address) as world:
        agents = {name: _agent(tmp_path, name) for name in ("Ada", "Bob")}
        await world.start(BAKERY, project=project, repository=repository, agents=agents, max_parallel=1)
        await _killed_at(world, tmp_path, project, runs, "Ada")
        events = await world.events(project)
        rows = {story.id: story for story in (await world.status(project)).stories}
    assert sorted((tmp_path / "runs").read_text().split("\n")[:-1]) == ["Ada work"] * 2 + ["Bob work"] * 2
    named = [event.name for event in events if event.story == "US-1" and event.name.startswith("story.")]
    assert named == ["story.part_done", "story.next_part", "story.merged"]
    assert rows["US-1"].state is StoryState.MERGED
    assert git_lines(repository, "show", f"paceline/{project}/sprint-2:Ada.txt") == ["Ada", "Ada"]
