from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paceline.agents.checks import run_checks


async def test_each_command_runs_in_the_checkout_and_is_kept(stage: Any) -> None:
    commands = ["pwd; echo to-stderr >&2", "exit 3", "test -e made || touch made"]
    done = await run_checks(stage.worktree, commands, 20.0, [], stage.path("logs"))
    assert [(check.exit_code, check.passed) for check in done] == [(0, True), (3, False), (0, True)]
    assert done[0].output_path.read_text() == f"{stage.worktree}\nto-stderr\n"
    assert done[0].tail == f"{stage.worktree}\nto-stderr"
    digest = hashlib.sha256(done[0].output_path.read_bytes()).hexdigest()
    assert done[0].output_sha256 == digest
    assert (stage.worktree / "made").exists()
    assert sorted(file.name for file in stage.path("logs").iterdir()) == [f"check-{n}.log" for n in (1, 2, 3)]


async def test_the_rest_can_be_left_out_after_a_failure(stage: Any) -> None:
    done = await run_checks(
        stage.worktree, ["false", "touch made"], 20.0, [], stage.path("logs"), stop_at_first_failure=True
    )
    assert len(done) == 1
    assert not (stage.worktree / "made").exists()


async def test_a_command_that_hangs_is_stopped_with_its_children(
    stage: Any, is_alive: Callable[[int], bool]
) -> None:
    hang = f"sleep 600 & echo $! > {stage.path('child')}; echo before; wait"
    done = await run_checks(stage.worktree, [hang], 1.0, [], stage.path("logs"), grace=0.2)
    assert (done[0].timed_out, done[0].passed, done[0].tail) == (True, False, "before")
    assert not is_alive(await stage.written("child"))


async def test_a_server_that_a_check_leaves_does_not_hold_up_the_next(
    stage: Any, is_alive: Callable[[int], bool]
) -> None:
    leave = f"(trap '' TERM; sleep 600) & echo $! > {stage.path('child')}"
    done = await run_checks(stage.worktree, [leave, "true"], 60.0, [], stage.path("logs"), grace=0.2)
    assert all(check.passed for check in done)
    assert not is_alive(await stage.written("child"))


async def test_cancellation_stops_the_running_check(stage: Any, is_alive: Callable[[int], bool]) -> None:
    command = f"echo $$ > {stage.path('pid')}; exec sleep 600"
    task = asyncio.create_task(run_checks(stage.worktree, [command], 60.0, [], stage.path("logs")))
    pid = await stage.written("pid")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_alive(pid)


async def test_output_is_bounded_and_the_environment_is_an_allow_list(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.setenv("WANTED", "yes")
    commands = ["head -c 20000000 /dev/zero | tr '\\0' x; echo; echo end", 'echo "$WANTED$SECRET_KEY"']
    done = await run_checks(stage.worktree, commands, 60.0, ["WANTED"], stage.path("logs"))
    assert done[0].output_path.stat().st_size < 4_100_000
    assert done[0].tail.endswith("end")
    assert done[1].tail == "yes"


async def test_a_checkout_that_is_gone_is_a_failed_check_and_not_a_crash(stage: Any, tmp_path: Path) -> None:
    done = await run_checks(tmp_path / "gone", ["true"], 20.0, [], stage.path("logs"))
    assert (done[0].exit_code, done[0].passed) == (None, False)
    assert "did not run" in done[0].output_path.read_text()


async def test_a_check_whose_supervisor_is_killed_is_run_again(stage: Any) -> None:
    kill = f"echo x >> {stage.path('ran')}; test -e {stage.path('second')} && exit 0; "
    kill += f"touch {stage.path('second')}; kill -9 $PPID; sleep 600"
    done = await run_checks(stage.worktree, [kill], 60.0, [], stage.path("logs"))
    assert done[0].passed
    assert stage.lines("ran") == ["x", "x"]
