from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from paceline.agents.presets import preset
from paceline.domain.work import AgentDeclaration, WorkOrder, WorkOutcome, WorkResult


async def test_an_order_goes_in_and_a_result_comes_out(stage: Any) -> None:
    agent = stage.agent(
        """
        order = json.load(open(sys.argv[1]))
        assert sys.argv[1:] == [os.environ["PACELINE_WORK_ORDER"], "to=" + os.environ["PACELINE_WORK_RESULT"]]
        assert order["worktree"] == os.getcwd() == os.environ["PACELINE_WORKTREE"]
        open("made.txt", "w").write(order["title"])
        result(outcome="done", summary=order["title"], tokens=12, cost_usd=0.5)
        """
    )
    agent.command += ["{order}", "to={result}"]
    run = await stage.run(agent)
    assert run.result == WorkResult(outcome=WorkOutcome.DONE, summary="A story", tokens=12, cost_usd=0.5)
    assert (run.code, run.reason, run.ended.reason, run.ended.exit_code) == ("", "", "exited", 0)
    assert (stage.worktree / "made.txt").read_text() == "A story"
    assert "# Story 1.1: A story" in run.files.prompt.read_text()


async def test_a_finished_run_is_not_run_again(stage: Any) -> None:
    agent = stage.agent("note('ran', 'x')\nresult(outcome='done', summary='once')")
    first = await stage.run(agent)
    assert await stage.run(agent) == first
    assert stage.lines("ran") == ["x"]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("print('hello')", "AGENT_NONSENSE", "no work result"),
        ("open(os.environ['PACELINE_WORK_RESULT'], 'w').write('{')", "AGENT_NONSENSE", "contract"),
        ("result(outcome='marvellous')", "AGENT_NONSENSE", "outcome"),
        ("result(outcome='done', extra=1)", "AGENT_NONSENSE", "extra"),
        ("result(outcome='done', summary='x' * 2_000_000)", "AGENT_NONSENSE", "limit"),
        ("os.symlink('/dev/zero', os.environ['PACELINE_WORK_RESULT'])", "AGENT_NONSENSE", "regular"),
        ("os.mkfifo(os.environ['PACELINE_WORK_RESULT'])", "AGENT_NONSENSE", "regular"),
        ("os.mkdir(os.environ['PACELINE_WORK_RESULT'])", "AGENT_NONSENSE", "regular"),
        ("sys.exit('the disk is on fire')", "AGENT_EXIT", "status 1: the disk is on fire"),
        ("result(outcome='done')\nsys.exit(3)", "AGENT_EXIT", "status 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "AGENT_EXIT", "signal 9"),
    ],
)
async def test_bad_endings_are_typed(stage: Any, body: str, code: str, words: str) -> None:
    run = await stage.run(stage.agent(body))
    assert run.result is None
    assert run.code == code
    assert words in run.reason
    assert len(run.reason) <= 2000


@pytest.mark.parametrize("outcome", ["needs_person", "blocked", "failed"])
async def test_a_result_that_is_not_done_counts_with_any_exit_status(stage: Any, outcome: str) -> None:
    run = await stage.run(stage.agent(f"result(outcome={outcome!r}, question='Which?')\nsys.exit(2)"))
    assert run.result is not None
    assert (run.result.outcome, run.result.question) == (WorkOutcome(outcome), "Which?")


async def test_a_command_that_does_not_start_says_so(stage: Any) -> None:
    run = await stage.run(AgentDeclaration(command=["/no/such/agent"]))
    assert (run.code, run.ended.reason, run.ended.exit_code) == ("CONFIGURATION", "start_failed", None)
    assert "/no/such/agent is not found; install it" in run.reason
    assert "/no/such/agent" in run.reason
    assert (await stage.run(AgentDeclaration(command=["/bin/true"]))).code == "CONFIGURATION"


async def test_the_environment_is_an_allow_list_and_no_value_is_stored(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DECLARED_KEY", "SECRET_KEY", "GIT_DIR", "PYTHONPATH"):
        monkeypatch.setenv(name, f"value-of-{name}")
    body = (
        "result(outcome='done', summary=' '.join(sorted(os.environ)))\nprint(os.environ['DECLARED_KEY'][:8])"
    )
    run = await stage.run(stage.agent(body, environment=["DECLARED_KEY", "NOT_SET"]))
    assert run.result is not None
    seen = run.result.summary.split()
    assert {"PATH", "HOME", "DECLARED_KEY"} <= set(seen)
    assert not {"SECRET_KEY", "GIT_DIR", "PYTHONPATH", "NOT_SET"} & set(seen)
    stored = [file for file in stage.run_dir.iterdir() if file.is_file()]
    assert len(stored) >= 6
    assert not any(b"value-of-DECLARED_KEY" in file.read_bytes() for file in stored)


async def test_the_runs_folder_is_its_owners_only(stage: Any) -> None:
    run = await stage.run(stage.agent("result(outcome='done')"))
    assert stat.S_IMODE(stage.run_dir.stat().st_mode) == 0o700
    for name in ("run.json", "exit.json", "stdout", "stderr"):
        assert stat.S_IMODE((run.files.folder / name).stat().st_mode) == 0o600


async def test_endless_output_is_bounded_and_its_end_is_kept(stage: Any) -> None:
    body = """
    sys.stdout.write("first line\\n")
    for _ in range(600):
        sys.stdout.write("x" * 100_000 + "\\n")
    print("last line")
    result(outcome="done")
    """
    run = await stage.run(stage.agent(body))
    size = run.files.stdout.stat().st_size
    assert 30_000_000 < size < 32_100_000
    text = run.files.stdout.read_bytes()
    assert text.startswith(b"first line\n")
    assert text.endswith(b"x\nlast line\n")
    assert b"bytes left out here]" in text


async def test_hostile_words_stay_words(stage: Any) -> None:
    """No shell, no format string: what is in a title or a path is never interpreted."""
    agent = stage.agent("note('args', repr(sys.argv[1:]))\nresult(outcome='done')")
    agent.command += ["{0}", "{order.__class__}", "$(touch x)", "{files}", "{worktree}/{unknown}"]
    order = WorkOrder(
        project="p",
        story="1",
        title="$(reboot) {result}",
        agent="A",
        agents=["A"],
        attempt=1,
        claimed=["-rf", "src/*.py", "a b.txt"],
    )
    await stage.run(agent, order=order)
    told = eval(stage.path("args").read_text())  # noqa: S307 - the repr of a list that this test wrote
    fixed = ["{0}", "{order.__class__}", "$(touch x)", "./-rf", "./a b.txt"]
    assert told == [*fixed, f"{stage.worktree}/{{unknown}}"]


async def test_a_known_cli_gets_the_prompt_and_its_stream_is_read(stage: Any, monkeypatch: Any) -> None:
    """The `claude` preset, with a program of that name that answers as recorded from the real one."""
    stage.agent(
        """
        prompt = sys.stdin.read()
        print(json.dumps({"type": "system", "subtype": "init", "session_id": "s"}))
        print("not json")
        print(json.dumps({"type": "result", "subtype": "success", "is_error": False, "result": prompt[:11],
                          "total_cost_usd": 0.25, "usage": {"input_tokens": 10, "output_tokens": 5}}))
        """
    )
    import sys

    program = stage.path("bin") / "claude"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {stage.path("agent.py")} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    run = await stage.run(preset("claude"))
    assert run.result == WorkResult(outcome=WorkOutcome.DONE, summary="# Story 1.1", tokens=15, cost_usd=0.25)


async def test_heartbeats_say_where_the_run_is(stage: Any) -> None:
    await stage.run(stage.agent("print('x')\nresult(outcome='done')"))
    assert stage.beats[0]["run_dir"] == str(stage.run_dir)
    assert json.dumps(stage.beats)


def test_the_stage_is_real(tmp_path: Path) -> None:
    assert Path("/proc/self/environ").exists(), "these tests look for left processes in /proc"
