from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paceline.agents import supervisor
from paceline.agents.supervised import RunSpec, look, run_supervised

Alive = Callable[[int], bool]

WORKER = """
import asyncio, json, sys
from pathlib import Path
from paceline.agents.command import run_command_agent
from paceline.domain.work import AgentDeclaration, WorkOrder

class Timings:
    agent_grace = 0.3
    adoption_grace = float(sys.argv[4])

order = WorkOrder(project="p", story="1.1", title="A story", agent="A", agents=["A"], attempt=1)
run = run_command_agent(
    AgentDeclaration.model_validate_json(sys.argv[1]), order, Path(sys.argv[2]), Path(sys.argv[3]),
    lambda facts: None, Timings(),
)
print(asyncio.run(run).result)
"""

SLOW = """
note('ran', 'x')
note('pid', os.getpid())
wait_for('go')
result(outcome='done', summary='by the first')
"""

STUBBORN = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        note('daemon', os.getpid())
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        time.sleep(600)
    os._exit(0)
os.wait()
note('child', child.pid)
note('pid', os.getpid())
time.sleep(600)
"""


def worker(stage: Any, agent: Any, adoption_grace: float = 60.0) -> subprocess.Popen[str]:
    facts = [agent.model_dump_json(), str(stage.run_dir), str(stage.worktree), str(adoption_grace)]
    return subprocess.Popen([sys.executable, "-c", WORKER, *facts], stdout=subprocess.PIPE, text=True)


async def test_an_agent_survives_kill_9_of_its_worker_and_is_adopted(stage: Any, is_alive: Alive) -> None:
    agent = stage.agent(SLOW)
    dead = worker(stage, agent)
    pid = await stage.written("pid")
    os.kill(dead.pid, signal.SIGKILL)
    dead.communicate()
    assert is_alive(pid)
    adopted = asyncio.create_task(stage.run(agent))
    await stage.until(lambda: bool(stage.beats))
    stage.path("go").touch()
    run = await adopted
    assert run.result is not None
    assert run.result.summary == "by the first"
    assert stage.lines("ran") == ["x"]


async def test_an_agent_that_ended_while_nobody_watched_is_not_paid_twice(
    stage: Any, is_alive: Alive
) -> None:
    agent = stage.agent(SLOW)
    dead = worker(stage, agent)
    pid = await stage.written("pid")
    os.kill(dead.pid, signal.SIGKILL)
    dead.communicate()
    stage.path("go").touch()
    await stage.until(lambda: not is_alive(pid) and (stage.run_dir / "exit.json").exists())
    run = await stage.run(agent)
    assert run.result is not None
    assert stage.lines("ran") == ["x"]


async def test_an_agent_that_nobody_adopts_is_stopped(stage: Any, is_alive: Alive) -> None:
    agent = stage.agent(SLOW)
    dead = worker(stage, agent, adoption_grace=1.0)
    pid = await stage.written("pid")
    os.kill(dead.pid, signal.SIGKILL)
    dead.communicate()
    await stage.until(lambda: (stage.run_dir / "exit.json").exists())
    assert not is_alive(pid)
    run = await stage.run(agent)
    assert (run.code, run.ended.reason) == ("AGENT", "orphaned")
    assert stage.lines("ran") == ["x"]


async def test_waiting_keeps_the_lease_however_short(stage: Any) -> None:
    agent = stage.agent("time.sleep(1.6)\nresult(outcome='done')")
    run = await stage.run(agent, adoption_grace=0.8)
    assert run.ended.reason == "exited"
    assert len(stage.beats) >= 4


async def test_two_calls_at_once_are_one_run(stage: Any) -> None:
    agent = stage.agent("note('ran', 'x')\ntime.sleep(0.3)\nresult(outcome='done')")
    runs = await asyncio.gather(*(stage.run(agent) for _ in range(5)))
    assert all(run == runs[0] for run in runs)
    assert stage.lines("ran") == ["x"]


async def test_two_workers_at_once_are_one_run(stage: Any) -> None:
    agent = stage.agent("note('ran', 'x')\ntime.sleep(0.5)\nresult(outcome='done', summary='same')")
    workers = [worker(stage, agent) for _ in range(3)]
    said = [await asyncio.to_thread(each.communicate) for each in workers]
    assert len({out for out, _ in said}) == 1
    assert "same" in said[0][0]
    assert stage.lines("ran") == ["x"]


async def test_cancellation_ends_child_and_daemon_before_it_is_raised(stage: Any, is_alive: Alive) -> None:
    task = asyncio.create_task(stage.run(stage.agent(STUBBORN)))
    pids = [await stage.written(name) for name in ("pid", "child", "daemon")]
    assert all(map(is_alive, pids))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [pid for pid in pids if is_alive(pid)] == []
    assert json.loads((stage.run_dir / "exit.json").read_text())["reason"] == "cancelled"


async def test_a_polite_agent_can_say_goodbye(stage: Any) -> None:
    body = """
    def bye(*_):
        note('bye', 'x')
        sys.exit(0)
    signal.signal(signal.SIGTERM, bye)
    note('pid', os.getpid())
    time.sleep(600)
    """
    task = asyncio.create_task(stage.run(stage.agent(body), agent_grace=20.0))
    await stage.written("pid")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stage.lines("bye") == ["x"]


async def test_a_call_that_leaves_its_run_does_not_stop_it(stage: Any, is_alive: Alive) -> None:
    agent = stage.agent(SLOW)
    task = asyncio.create_task(stage.run(agent, leave_running=lambda: True))
    pid = await stage.written("pid")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_alive(pid)
    stage.path("go").touch()
    assert (await stage.run(agent)).result is not None
    assert stage.lines("ran") == ["x"]


async def test_cancellation_before_the_start_runs_nothing(stage: Any) -> None:
    stage.run_dir.mkdir()
    (stage.run_dir / "cancel").touch()
    run = await stage.run(stage.agent("note('ran', 'x')"))
    assert run.ended.reason == "cancelled"
    assert stage.lines("ran") == []


async def test_too_long_is_a_timeout_and_everything_is_stopped(stage: Any, is_alive: Alive) -> None:
    run = await stage.run(stage.agent(STUBBORN, timeout=2.0))
    assert (run.code, run.ended.reason) == ("AGENT_TIMEOUT", "timeout")
    assert "longer than its limit" in run.reason
    assert [name for name in ("pid", "child", "daemon") if is_alive(await stage.written(name))] == []


async def test_silence_is_a_timeout_and_output_is_none(stage: Any) -> None:
    body = "for _ in range(8):\n    print('x', flush=True)\n    time.sleep(0.2)\ntime.sleep(600)"
    run = await stage.run(stage.agent(body, idle_timeout=1.0))
    assert (run.code, run.ended.reason) == ("AGENT_TIMEOUT", "idle")
    assert run.ended.seconds > 2.0
    assert run.files.stdout.read_text().count("x") == 8


async def test_what_an_agent_leaves_behind_ends_with_it(stage: Any, is_alive: Alive) -> None:
    run = await stage.run(stage.agent(STUBBORN.rpartition("time.sleep")[0] + "result(outcome='done')\n"))
    assert run.result is not None
    assert [name for name in ("child", "daemon") if is_alive(await stage.written(name))] == []


async def test_a_killed_supervisor_is_a_lost_run_and_leaves_no_process(stage: Any, is_alive: Alive) -> None:
    agent = stage.agent(STUBBORN)
    task = asyncio.create_task(stage.run(agent))
    pids = [await stage.written(name) for name in ("pid", "child", "daemon")]
    os.kill(json.loads((stage.run_dir / "supervisor.json").read_text())["pid"], signal.SIGKILL)
    run = await task
    assert (run.code, run.ended.reason) == ("AGENT", "lost")
    assert [pid for pid in pids if is_alive(pid)] == []


HIDDEN = """
hide = "trap '' TERM HUP INT; echo $$ > {0}/hidden; while :; do sleep 0.05; done"
subprocess.Popen(["env", "-i", "PATH=" + os.environ["PATH"], "setsid", "/bin/sh", "-c", hide.format(ROOT)])
while not os.path.exists(ROOT + "/hidden") or not open(ROOT + "/hidden").read().endswith("\\n"):
    time.sleep(0.01)
supervisor = os.getppid()
guard = int(open(f"/proc/{supervisor}/stat").read().rpartition(")")[2].split()[1])
os.kill({victim}, signal.SIGKILL)
time.sleep(600)
"""
"""A daemon that has nothing of the run in its environment, session or group; then its watchers are killed."""


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are held together by a subreaper")
@pytest.mark.parametrize(("victim", "reason"), [("supervisor", "lost"), ("guard", "cancelled")])
async def test_an_agent_that_kills_its_supervisor_does_not_get_away(
    stage: Any, is_alive: Alive, victim: str, reason: str
) -> None:
    agent = stage.agent(HIDDEN.replace("{victim}", victim))
    run = await stage.run(agent)
    assert (run.code, run.ended.reason) == ("AGENT", reason)
    assert not is_alive(await stage.written("hidden"))


async def test_a_reused_process_id_is_not_mistaken(stage: Any) -> None:
    stage.run_dir.mkdir()
    (stage.run_dir / "run.json").write_text("{}")
    facts: dict[str, int | str | None] = {"pid": os.getpid(), "start": "ticks 1"}
    (stage.run_dir / "supervisor.json").write_text(json.dumps(facts))
    assert look(stage.run_dir) == "lost"
    facts["start"] = supervisor.start_time(os.getpid())
    (stage.run_dir / "supervisor.json").write_text(json.dumps(facts))
    assert look(stage.run_dir) == "running"


async def test_signals_that_the_supervisor_handles_are_not_ignored_in_the_agent(stage: Any) -> None:
    names = ("SIGINT", "SIGHUP", "SIGTERM", "SIGCHLD", "SIGPIPE")
    body = f"""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    kept = [name for name in {names!r} if signal.getsignal(getattr(signal, name)) == signal.SIG_IGN]
    result(outcome='done', summary=repr((sorted(blocked), kept)))
    """
    run = await stage.run(stage.agent(body))
    assert run.result is not None
    assert run.result.summary in ("([], [])", "([], ['SIGPIPE'])")  # Python itself ignores SIGPIPE


async def test_a_terminals_ctrl_c_does_not_reach_the_run(stage: Any, is_alive: Alive) -> None:
    agent = stage.agent(SLOW)
    task = asyncio.create_task(stage.run(agent))
    pid = await stage.written("pid")
    facts = json.loads((stage.run_dir / "supervisor.json").read_text())
    assert len({os.getsid(pid), os.getsid(facts["pid"]), os.getsid(0)}) == 3
    os.kill(facts["pid"], signal.SIGINT)
    os.kill(facts["pid"], signal.SIGHUP)
    stage.path("go").touch()
    assert (await task).ended.reason == "exited"


async def test_the_environment_may_be_empty_and_the_folder_odd(tmp_path: Path) -> None:
    spec = RunSpec(
        argv=["/bin/sh", "-c", "echo out; echo err >&2"], cwd=tmp_path, timeout=20.0, one_stream=True
    )
    run_dir = tmp_path / "a b\n'c' ünï"
    ended = await run_supervised(run_dir, spec, lambda _facts: None)
    assert (ended.reason, ended.exit_code) == ("exited", 0)
    assert (run_dir / "stdout").read_text() == "out\nerr\n"
