"""Confined agents are started, told to stop, killed and found like any other."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paceline.agents.checks import run_checks
from paceline.agents.confinement import Confinement
from paceline.domain.work import AgentDeclaration

Alive = Callable[[int], bool]

POLITE = """
def bye(*_):
    note('bye', 'x')
    sys.exit(7)
signal.signal(signal.SIGTERM, bye)
note('pid', os.getpid())
while True:
    time.sleep(0.05)
"""
STUBBORN = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
hide = f"trap '' TERM HUP INT; echo $$ > {ROOT}/hidden; while :; do sleep 0.05; done"
subprocess.Popen(["env", "-i", "PATH=" + os.environ["PATH"], "setsid", "/bin/sh", "-c", hide])
wait_for('hidden')
note('pid', os.getpid())
"""


@pytest.fixture
def wall(bubblewrap: str, stage: Any) -> Confinement:
    """The agent may write where the stage's notes are; a folder beside them can only be read."""
    (stage.root / "shut").mkdir()
    return Confinement(bubblewrap, (stage.root / "shut",), (stage.worktree,))


async def test_what_it_needs_is_there_and_what_is_shut_is_shut(stage: Any, wall: Confinement) -> None:
    stage.run_dir.mkdir()
    body = """
    blocked = sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))
    try:
        open(ROOT + '/shut/file', 'w')
    except OSError as error:
        said = error.strerror
    facts = dict(line.split(':', 1) for line in open('/proc/self/status'))
    own = [facts[name].strip() for name in ('CapEff', 'CapBnd', 'NoNewPrivs')]
    open('own', 'w').close()
    open('/dev/null', 'w').close()
    leads = str(os.getpgrp() == os.getpid())
    result(outcome='done', summary=' '.join([said, os.getcwd(), str(len(blocked)), *own, leads]))
    """
    run = await stage.run(stage.agent(body), confinement=wall)
    assert run.result is not None, run.reason
    nothing = "0" * 16
    expected = f"Read-only file system {stage.worktree} 0 {nothing} {nothing} 1 True"
    assert run.result.summary == expected
    assert (stage.worktree / "own").exists()


async def test_it_is_asked_to_stop_before_it_is_made_to(stage: Any, wall: Confinement) -> None:
    task = asyncio.create_task(stage.run(stage.agent(POLITE), agent_grace=20.0, confinement=wall))
    await stage.written("pid")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stage.lines("bye") == ["x"]
    ended = json.loads((stage.run_dir / "exit.json").read_text())
    assert (ended["reason"], ended["exit_code"]) == ("cancelled", 7)


async def test_all_of_it_ends_at_its_limit(stage: Any, is_alive: Alive, wall: Confinement) -> None:
    agent = stage.agent(STUBBORN + "time.sleep(600)\n", timeout=2.0)
    run = await stage.run(agent, confinement=wall)
    assert (run.code, run.ended.reason) == ("AGENT_TIMEOUT", "timeout")
    assert [name for name in ("pid", "hidden") if is_alive(await stage.written(name))] == []


@pytest.mark.parametrize("victim", ["command", "pid"])
async def test_a_killed_supervisor_or_sandbox_leaves_no_process(
    stage: Any, is_alive: Alive, wall: Confinement, victim: str
) -> None:
    task = asyncio.create_task(stage.run(stage.agent(STUBBORN + "time.sleep(600)\n"), confinement=wall))
    pids = [await stage.written(name) for name in ("pid", "hidden")]
    os.kill(json.loads((stage.run_dir / "supervisor.json").read_text())[victim], signal.SIGKILL)
    run = await task
    assert (run.code, run.ended.reason) == (
        ("AGENT", "lost") if victim == "pid" else ("AGENT_EXIT", "exited")
    )
    assert [pid for pid in pids if is_alive(pid)] == []


async def test_it_is_adopted_by_another_call(stage: Any, is_alive: Alive, wall: Confinement) -> None:
    agent = stage.agent("note('ran', 'x')\nnote('pid', os.getpid())\nwait_for('go')\nresult(outcome='done')")
    first = asyncio.create_task(stage.run(agent, leave_running=lambda: True, confinement=wall))
    pid = await stage.written("pid")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert is_alive(pid)
    stage.path("go").touch()
    run = await stage.run(agent, confinement=wall)
    assert run.result is not None
    assert stage.lines("ran") == ["x"]


@pytest.mark.parametrize("program", ["no-such-agent", "./no-such-agent", "/no/such/agent"])
async def test_a_command_that_is_missing_is_said_so(stage: Any, wall: Confinement, program: str) -> None:
    run = await stage.run(AgentDeclaration(command=[program]), confinement=wall)
    assert (run.code, run.ended.reason) == ("CONFIGURATION", "start_failed")
    assert program in run.reason


async def test_a_check_is_confined_and_its_status_is_its_own(stage: Any, wall: Confinement) -> None:
    commands = [f"echo x > {stage.root}/shut/x", "echo x > own; exit 5"]
    runs = await run_checks(stage.worktree, commands, 20.0, [], stage.root / "logs", confinement=wall)
    assert [run.exit_code for run in runs] == [2, 5]
    assert "Read-only file system" in runs[0].tail
    assert (stage.worktree / "own").exists()


def test_places_behind_links_are_found_where_they_are(tmp_path: Path) -> None:
    """In what stands around the command a link may lead elsewhere, so none is left on the way."""
    (tmp_path / "real/repository").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    linked = tmp_path / "link/repository"
    line = Confinement("bwrap", (linked,), (linked / "own",)).around(["true"], linked)
    assert str(linked) not in line
    real = str((tmp_path / "real/repository").resolve())
    assert line[line.index("--ro-bind-try") + 1] == real
    assert line[-4:] == ["--chdir", real, "--", "true"]
