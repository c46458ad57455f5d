"""Preserved work goes when its time has come, and not a day before; with real git and a real database."""

from __future__ import annotations

import sqlite3
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.context import ActivityContext
from paceline.domain.questions import Decision
from paceline.domain.states import RunState
from paceline.domain.work import AgentDeclaration
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, make_repository
from workers.expiry import expire_preserved
from workers.sweep import sweep

pytestmark = pytest.mark.temporal

ONE = plan(E("1", [S("1.1", agent="Builder", files=("a.txt",))]), agents=("Builder",))
COMMIT = "git -c user.name=a -c user.email=a@b commit"
FAILS = AgentDeclaration(
    kind="command",
    command=[
        "/bin/sh",
        "-c",
        "echo half > a.txt; git add .; git -c user.name=a -c user.email=a@b commit -qm x; exit 3",
    ],
    max_attempts=1,
)
_LATE = timedelta(days=31)


def _context(world: World) -> ActivityContext:
    return ActivityContext(world.database, world.settings, world.client)


def _refs(repository: Path) -> list[str]:
    return git_lines(repository, "for-each-ref", "--format=%(refname)", "refs/paceline")


def _keep(repository: Path, days: int | None) -> None:
    text = "" if days is None else f"[worktrees]\nkeep_preserved_days = {days}\n"
    (repository / "paceline.toml").write_text(text)


async def _told(world: World, project: str) -> list[dict[str, object]]:
    return [each.data for each in await world.events(project) if each.name == "work.expired"]


async def _failed_run(world: World, project: str, repository: Path) -> None:
    """A run that ended with nothing but preserved work."""
    run = await world.start(
        ONE, project=project, repository=repository, agents={"*": FAILS}, allow_dirty=True
    )
    async with world.workers():
        await world.answer(await world.question(run.id), Decision.REJECT)
        await world.result(run.id)


async def test_work_expires_so_many_days_after_the_end_of_its_run(
    world: World, name: str, repository: Path
) -> None:
    await _failed_run(world, name, repository)
    kept = _refs(repository)
    assert [ref for ref in kept if "/preserved/" in ref]
    assert [ref for ref in kept if "/history/" in ref]
    context, now = _context(world), datetime.now(UTC)
    assert await expire_preserved(context, now + timedelta(days=5000)) == 0, "nothing is said, nothing goes"
    _keep(repository, 30)
    assert await expire_preserved(context, now + timedelta(days=29)) == 0
    assert _refs(repository) == kept
    assert await _told(world, name) == []
    assert await expire_preserved(context, now + _LATE) == 1
    assert [ref for ref in _refs(repository) if "/preserved/" in ref or "/history/" in ref] == []
    (told,) = await _told(world, name)
    assert (told["attempts"], told["count"], told["days"]) == (["story-1.1 attempt 1"], 1, 30)
    assert await expire_preserved(context, now + _LATE) == 0
    assert len(await _told(world, name)) == 1


async def test_whoever_died_after_telling_tells_it_once(world: World, name: str, repository: Path) -> None:
    await _failed_run(world, name, repository)
    _keep(repository, 30)
    context, now = _context(world), datetime.now(UTC)
    saved = git_lines(repository, "for-each-ref", "--format=%(objectname) %(refname)", "refs/paceline")
    await expire_preserved(context, now + _LATE)
    for line in saved:
        commit, ref = line.split()
        git_lines(repository, "update-ref", ref, commit)
    assert await expire_preserved(context, now + _LATE) == 1
    assert len(await _told(world, name)) == 1


async def test_work_of_runs_that_go_on_or_are_not_known_stays(
    world: World, name: str, repository: Path
) -> None:
    run = await world.start(ONE, project=name, repository=repository, agents={"*": FAILS})
    async with world.workers():
        question = await world.question(run.id)
        commit = git_lines(repository, "rev-parse", f"refs/paceline/preserved/{name}/story-1.1/1")[0]
        git_lines(repository, "update-ref", "refs/paceline/preserved/unknown/story-1.1/1", commit)
        _keep(repository, 1)
        kept = _refs(repository)
        assert (await world.status(name)).run.state is RunState.RUNNING
        assert await expire_preserved(_context(world), datetime.now(UTC) + timedelta(days=5000)) == 0
        assert _refs(repository) == kept
        await world.answer(question, Decision.REJECT)
        await world.result(run.id)


def _end_long_ago(world: World, project: str, repository: Path) -> None:
    """The same run and work, as they would look a year later."""
    ref = f"refs/paceline/preserved/{project}/story-1.1/1"
    dated = [
        "env",
        "GIT_COMMITTER_DATE=2020-01-01T00:00:00Z",
        "git",
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
    ]
    made = subprocess.run(
        [*dated, "commit-tree", f"{ref}^{{tree}}", "-p", f"{ref}^1", "-m", "old"],
        cwd=repository,
        check=True,
        capture_output=True,
        text=True,
    )
    git_lines(repository, "update-ref", ref, made.stdout.strip())
    with sqlite3.connect(world.settings.home / "paceline.db") as database:
        changed = database.execute("UPDATE runs SET ended_at = '2020-01-02 00:00:00' WHERE id = ?", [project])
        assert changed.rowcount == 1
    database.close()


async def test_the_sweep_does_it_and_another_repository_in_trouble_stops_it_not(
    world: World, name: str, repository: Path, tmp_path: Path
) -> None:
    await _failed_run(world, name, repository)
    other = make_repository(tmp_path / "another")
    run = await world.start(ONE, project=f"{name}-other", repository=other)
    async with world.workers():
        await world.result(run.id)
    (other / "paceline.toml").write_text("no table [")
    _keep(repository, 30)
    await sweep(_context(world))
    assert [ref for ref in _refs(repository) if "/preserved/" in ref], "it is of today"
    _end_long_ago(world, name, repository)
    await sweep(_context(world), thorough=False)
    assert await _told(world, name) == [], "only a thorough sweep looks"
    await sweep(_context(world))
    assert [ref for ref in _refs(repository) if "/preserved/" in ref] == []
    assert len(await _told(world, name)) == 1
