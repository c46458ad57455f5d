"""The command line as people use it: in its own process, with a real server behind it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import zipfile
from collections.abc import Iterator

import pytest

from tests.integration.api.command_line import PATIENCE, CommandLine

pytestmark = pytest.mark.temporal


@pytest.fixture
def up(paceline: CommandLine) -> Iterator[subprocess.Popen[str]]:
    """`paceline up`, ready."""
    with subprocess.Popen(
        paceline.command("up"), env=paceline.variables, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            lines: list[str] = []
            while not any("Ctrl-C" in line for line in lines):
                line = process.stdout.readline()
                assert line, f"it ended early: {lines}"
                lines.append(line)
            assert any(line.startswith("API: http://127.0.0.1:") for line in lines)
            assert any(line.startswith("Temporal's UI: http://127.0.0.1:") for line in lines)
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def test_run_needs_nothing_that_runs(paceline: CommandLine, plan: str) -> None:
    done = paceline("run", plan, "--agent", "simulated")
    assert done.returncode == 0, done.stderr
    assert "Started " in done.stdout
    assert "Story 1.2 story.settled" in done.stdout
    assert "completed, 2 of 2 stories" in done.stdout
    (bundle,) = [
        line.removeprefix("Bundle: ") for line in done.stdout.splitlines() if line.startswith("Bundle: ")
    ]
    with zipfile.ZipFile(bundle) as found:
        assert found.testzip() is None
    again = paceline("run", plan, "--agent", "simulated")
    assert again.returncode == 0
    assert "has run already" in again.stdout


def test_a_day_with_a_server(paceline: CommandLine, plan: str, up: subprocess.Popen[str]) -> None:
    started = paceline("run", plan, "--agent", "human", "--project", "Plot", "--detach")
    assert started.returncode == 0, started.stderr
    following = subprocess.Popen(
        paceline.command("run", plan, "--agent", "human", "--project", "Plot", "--no-input"),
        env=paceline.variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with following:
        assert following.stdout is not None
        asked: list[str] = []
        for line in following.stdout:
            if line.startswith("Answer it with: paceline answer "):
                question = line.split()[5]
                asked.append(question)
                if len(asked) == 1:
                    listed = json.loads(paceline("questions", "--json").stdout)
                    assert [entry["id"] for entry in listed] == [question]
                answered = paceline("answer", question, "approve", "looks good", "--actor", "ada")
                assert answered.returncode == 0, answered.stderr
                late = paceline("answer", question, "reject", "--actor", "bob")
                assert late.returncode == 1
                assert "ada" in late.stderr
                assert "Traceback" not in late.stderr
        assert following.wait(PATIENCE) == 0
    assert len(asked) == 2
    status = json.loads(paceline("status", "plot", "--json").stdout)
    assert status["run"]["state"] == "completed"
    assert "plot  completed" in paceline("status").stdout

    flags = ("--conflict-attempts", "0", "--push", "fork", "--push-branch", "mine", "--pull-request")
    paceline("run", plan, "--agent", "human", "--project", "Other", "--detach", *flags)
    options = json.loads(paceline("status", "other", "--json").stdout)["run"]["options"]
    assert options["conflict_attempts"] == 0
    assert (options["finish"]["push"], options["finish"]["branch"]) == ("fork", "mine")
    assert options["finish"]["pull_request"][:3] == ["gh", "pr", "create"]
    paused = json.loads(paceline("pause", "other", "--reason", "lunch", "--json").stdout)
    assert (paused["state"], paused["scope"], paused["target"]) == ("taken", "project", "Run other")
    twice = paceline("pause", "other")
    assert (twice.returncode, twice.stderr) == (1, "Run other is paused already.\n")
    assert paceline("skip", "other", "--story", "1.1").returncode == 2
    cancelled = paceline("cancel", "other")
    assert cancelled.returncode == 0, cancelled.stderr
    followed = paceline("run", plan, "--agent", "human", "--project", "Other", "--no-input")
    assert followed.returncode == 1
    assert "cancelled" in followed.stdout

    second = paceline("up")
    assert second.returncode == 1
    assert "Paceline is up already at http://127.0.0.1:" in second.stderr

    up.send_signal(signal.SIGTERM)
    output, _ = up.communicate(timeout=PATIENCE)
    assert up.returncode == 0
    assert "Stopping" in output


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["status"], 1, "paceline up"),
        (["run", "nowhere.md"], 2, "nowhere.md cannot be read"),
        (["run", "PLAN", "--agent", "simulated", "--detach"], 1, "paceline up"),
        (["run", "PLAN", "--agent", "nobody"], 1, "no agent preset"),
        (["api"], 1, "paceline migrate"),
    ],
)
def test_a_refusal_is_one_sentence(
    paceline: CommandLine, plan: str, arguments: list[str], status: int, sentence: str
) -> None:
    done = paceline(*[plan if argument == "PLAN" else argument for argument in arguments])
    assert done.returncode == status
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_busy_port_is_one_sentence(paceline: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", int(paceline.variables["PACELINE_API_PORT"]))):
        done = paceline("up")
    assert done.returncode == 1
    assert "PACELINE_API_PORT" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_migrate_up_and_down(paceline: CommandLine) -> None:
    assert "newest schema" in paceline("migrate").stdout
    assert "newest schema" in paceline("migrate").stdout
    told = json.loads(paceline("migrate", "--json").stdout)
    assert told["schema"] in paceline("migrate").stdout
    assert paceline("migrate", "--down").returncode == 0
