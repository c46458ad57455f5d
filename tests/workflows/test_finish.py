"""At the end of a sprint its branch is pushed and a pull request opened, if that was asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.context import ActivityContext
from activities.finish import FinishActivities
from paceline.contracts import SprintStep
from paceline.domain.events import Event
from paceline.domain.states import RunState
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, scripted

pytestmark = pytest.mark.temporal

ONE = plan(E("1", [S("1.1", files=("a.txt",))]))


@pytest.fixture
def remote(tmp_path: Path, repository: Path) -> Path:
    """A bare repository that the user's calls `origin`."""
    path = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(path)], check=True)
    git_lines(repository, "remote", "add", "origin", str(path))
    return path


async def run_to_its_end(
    world: World, name: str, repository: Path, finish: dict[str, object] | None
) -> dict[str, list[Event]]:
    """The events of a run of one story, by name."""
    run = await world.start(ONE, project=name, repository=repository, agents=scripted(), finish=finish)
    async with world.workers():
        assert (await world.result(run.id)).state is RunState.COMPLETED
    found: dict[str, list[Event]] = {}
    for event in await world.events(run.id):
        found.setdefault(event.name, []).append(event)
    return found


async def test_nothing_is_pushed_unless_it_is_asked_for(
    world: World, name: str, repository: Path, remote: Path
) -> None:
    told = await run_to_its_end(world, name, repository, None)
    assert git_lines(remote, "for-each-ref") == []
    assert not told.keys() & {"sprint.pushed", "pull_request.opened", "sprint.finish_failed"}


async def test_the_repository_says_where_to_push_and_how_to_ask_for_a_pull(
    world: World, name: str, repository: Path, remote: Path, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    script = f'printf "%s\\n" "$@" >> {asked}; cat "$4" >> {asked}; echo PR 7'
    (repository / "paceline.toml").write_text(
        '[finish]\npush = "origin"\nbranch = "team/{project}-{sprint}"\nbase = "main"\n'
        f"pull_request = ['sh', '-c', '{script}', "
        "'sh', '{branch}', '{base}', '{title}', '{body_file}']\n"
    )
    told = await run_to_its_end(world, name, repository, None)
    pushed, head = f"team/{name}-sprint", git_lines(repository, "rev-parse", f"paceline/{name}/sprint")[0]
    assert git_lines(remote, "rev-parse", f"refs/heads/{pushed}") == [head]
    branch, base, title, body, *text = asked.read_text().splitlines()
    assert (branch, base, title) == (pushed, "main", "Sprint Plan: Sample Work: Sprint")
    assert body.endswith("pull-request.md")
    assert any(line.startswith("- Story 1.1: Piece 1.1 (") for line in text)
    (opened,) = told["pull_request.opened"]
    assert opened.data["said"] == "PR 7"
    assert told["sprint.pushed"][0].data["commit"] == head
    before = asked.read_text()
    context = ActivityContext(world.database, world.settings, world.client)
    step = SprintStep(project=name, sprint="Sprint")
    await ActivityEnvironment().run(FinishActivities(context).finish_sprint, step)
    assert asked.read_text() == before, "a repeat opens no second one"


async def test_a_remote_that_refuses_is_told_and_does_not_cost_the_run(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    finish: dict[str, object] = {"push": f"https://ada:secret@localhost:1{tmp_path}/nowhere.git"}
    told = await run_to_its_end(world, name, repository, finish)
    (failed,) = told["sprint.finish_failed"]
    assert "push" in failed.data["reason"]
    assert "secret" not in failed.data["reason"]


async def test_what_others_pushed_is_not_overwritten(
    world: World, name: str, repository: Path, remote: Path
) -> None:
    tree = git_lines(repository, "rev-parse", "HEAD^{tree}")[0]
    author = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
    theirs = git_lines(repository, *author, "commit-tree", tree, "-m", "theirs")[0]
    git_lines(repository, "push", "--quiet", "origin", f"{theirs}:refs/heads/shared")
    told = await run_to_its_end(world, name, repository, {"push": "origin", "branch": "shared"})
    assert git_lines(remote, "rev-parse", "refs/heads/shared") == [theirs]
    assert len(told["sprint.finish_failed"]) == 1
