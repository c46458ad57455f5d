"""`paceline work ...` over real preserved work, with and without a database that knows the run."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from paceline.cli.main import app
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Plan
from paceline.domain.states import RunState
from paceline.domain.status import Run, RunOptions, StoryStatus
from paceline.errors import Conflict, NotFound, PacelineError, Refused
from paceline.store import events, runs, status
from paceline.store.database import Database
from paceline.store.migrate import upgrade
from paceline.vcs.repository import Repository
from paceline.vcs.work import preserve
from paceline.vcs.worktrees import prepare_worktree, remove_worktree


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PACELINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
async def preserved(user: Any, repository: Repository, root: Path) -> Any:
    """Two attempts of a story, and one of another."""
    for story, attempt in (("Story 1.1", 1), ("Story 1.1", 2), ("Story 2.1", 1)):
        tree = await prepare_worktree(repository, root, "p", story, attempt, user.base)
        (tree / "new.txt").write_text(f"{story} {attempt}\n")
        user.git("add", "new.txt", cwd=tree)
        user.git("commit", "-q", "-m", "own", cwd=tree)
        (tree / "README.md").write_text("changed\n")
        await preserve(repository, tree, "p", story, attempt)
        await remove_worktree(repository, tree)
    return user


async def work(user: Any, *arguments: str) -> str:
    command = ["work", *arguments, "--repo", str(user.path)]
    done = await asyncio.to_thread(CliRunner().invoke, app, command)
    if isinstance(done.exception, PacelineError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


async def know(user: Any, home: Path, state: RunState) -> None:
    """A database that knows the run."""
    home.mkdir(exist_ok=True)
    url = f"sqlite:///{home / 'paceline.db'}"
    upgrade(url)
    database = Database(url)
    plan = Plan.model_validate(
        {"schema_version": 1, "title": "P", "source": {"kind": "test", "lines": 1, "digest": "0"}}
    )
    digest = await database.write(runs.save_plan, plan, "# P\n")
    run = Run(
        id="p",
        run_number=1,
        title="P",
        plan_digest=digest,
        repository=str(user.path),
        base_commit=user.base,
        options=RunOptions(),
        state=RunState.RUNNING,
        started_at=datetime.now(UTC),
        ended_at=None,
    )
    await database.write(runs.create_run, run)
    stories = [StoryStatus(id=name, title=name, sprint="s") for name in ("Story 1.1", "Story 2.1")]
    await database.write(status.plan_stories, "p", stories)
    ended = EventDraft(
        key="e1",
        type=EventType.WORKFLOW_EVENT,
        name="attempt.ended",
        story="Story 1.1",
        data={"attempt": 2, "code": "CHECK_FAILED", "reason": "", "preserved": None},
    )
    await database.write(events.append_events, "p", [ended])
    if state is not RunState.RUNNING:
        await database.write(runs.end_run, "p", state)
    database.close()


async def test_it_is_listed_with_what_is_known(preserved: Any, home: Path) -> None:
    listed = json.loads(await work(preserved, "list", "--json"))
    assert {(row["story"], row["attempt"]) for row in listed} == {
        ("story-1.1", 1),
        ("story-1.1", 2),
        ("story-2.1", 1),
    }
    assert {(row["files"], row["insertions"], row["deletions"]) for row in listed} == {(2, 2, 1)}
    assert {row["reason_code"] for row in listed} == {None}
    await know(preserved, home, RunState.RUNNING)
    rows = {
        (row["story"], row["attempt"]): row for row in json.loads(await work(preserved, "list", "--json"))
    }
    assert rows["Story 1.1", 2]["reason_code"] == "CHECK_FAILED"
    assert "Story 1.1  attempt 2" in await work(preserved, "list")
    assert "No work is preserved" in await work(preserved, "list", "--project", "other")


async def test_it_is_shown(preserved: Any) -> None:
    shown = await work(preserved, "show", "1.1")
    assert "attempt 2" in shown
    assert "+Story 1.1 2" in shown
    assert "+Story 1.1 1" in await work(preserved, "show", "story-1.1", "--attempt", "1")
    assert "+Story" not in await work(preserved, "show", "1.1", "--stat")
    assert "diff" in json.loads(await work(preserved, "show", "1.1", "--json"))
    preserved.git(
        "-c",
        "core.hooksPath=/dev/null",
        "update-ref",
        "refs/paceline/preserved/q/story-1.1/1",
        "refs/paceline/preserved/p/story-1.1/1",
    )
    with pytest.raises(NotFound, match="may be one of"):
        await work(preserved, "show", "1.1")
    assert "attempt 1" in await work(preserved, "show", "1.1", "--project", "q")
    with pytest.raises(NotFound, match="No work of attempt 9"):
        await work(preserved, "show", "1.1", "--attempt", "9")


async def test_it_is_restored_elsewhere_and_never_over_something(preserved: Any, tmp_path: Path) -> None:
    before = preserved.fingerprint()
    folder = tmp_path / "a folder"
    await work(preserved, "restore", "1.1", "--to", str(folder))
    assert (folder / "new.txt").read_text() == "Story 1.1 2\n"
    assert preserved.git("branch", "--show-current", cwd=folder) == ""
    assert preserved.fingerprint() == before
    await work(preserved, "restore", "1.1", "--attempt", "1", "--branch", "rescue")
    assert preserved.show("rescue", "new.txt") == "Story 1.1 1\n"
    await work(preserved, "restore", "2.1", "--branch", "both", "--to", str(tmp_path / "both"))
    assert preserved.git("branch", "--show-current", cwd=tmp_path / "both") == "both\n"
    for arguments, error in (
        (("--to", str(folder)), Conflict),
        (("--to", str(preserved.path / "inside")), Refused),
        (("--to", str(preserved.path)), Refused),
        (("--to", str(tmp_path)), Refused),
        (("--branch", "rescue"), Conflict),
        (("--branch", "a..b"), Refused),
        (("--branch", "-x"), Refused),
        ((), PacelineError),
    ):
        with pytest.raises(error):
            await work(preserved, "restore", "1.1", *arguments)


async def test_only_old_work_of_a_run_that_is_over_expires(preserved: Any, home: Path) -> None:
    def refs() -> int:
        return preserved.git("for-each-ref", "refs/paceline").count("\n")

    assert refs() == 6
    assert "--unknown" in await work(preserved, "expire", "--older-than", "0d")
    assert refs() == 6
    await know(preserved, home, RunState.RUNNING)
    assert "3 of a run that goes on" in await work(preserved, "expire", "--older-than", "0d", "--unknown")
    assert refs() == 6
    database = Database(f"sqlite:///{home / 'paceline.db'}")
    await database.write(runs.end_run, "p", RunState.INCOMPLETE)
    database.close()
    assert "0 attempts" in await work(preserved, "expire", "--older-than", "30d")
    said = json.loads(await work(preserved, "expire", "--older-than", "0d", "--dry-run", "--json"))
    assert (len(said["removed"]), said["dry_run"], refs()) == (3, True, 6)
    assert "3 attempts removed" in await work(preserved, "expire", "--older-than", "0h")
    assert refs() == 0
    with pytest.raises(PacelineError, match="no age"):
        await work(preserved, "expire", "--older-than", "soon")
