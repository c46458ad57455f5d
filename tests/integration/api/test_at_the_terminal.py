"""What terminals, shells and pipes get: completion, `--watch`, Ctrl-C, colours and a word while one waits."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.api.allotment import PLAN
from tests.integration.api.command_line import PATIENCE, CommandLine, ready
from tests.integration.api.terminals import Terminal
from workers.temporal_binary import Binary

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal"),
]

RUN = "plot"
COLOURED = re.compile(r"\x1b\[[0-9;]*\b3[0-7][0-9;]*m")
BY_EVENTS_ONLY = """\
import sys
from paceline.cli import main, watching
watching.LOOK_SECONDS = 1e6
sys.argv = ["paceline", *sys.argv[1:]]
main.main()
"""
"""The command line, whose `--watch` looks at nothing without an event."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, temporal_binary: Binary) -> Iterator[CommandLine]:
    """`paceline up` with a run that waits for a person."""
    folder = tmp_path_factory.mktemp("terminal")
    (folder / "plan.md").write_text(PLAN)
    with ready(folder / "home", temporal_binary.path) as line:
        ran = line("run", str(folder / "plan.md"), "--agent", "human", "--project", RUN, "--detach")
        assert ran.returncode == 0, ran.stderr
        yield CommandLine({**line.variables, "PLAN": str(folder / "plan.md")})


def shell(line: CommandLine, **variables: str) -> dict[str, str]:
    """Variables of a shell that finds `paceline`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{line.variables['PATH']}"
    return {**line.variables, "PATH": path, "PS1": "> ", "TERM": "xterm-256color", **variables}


def test_bash_completes_commands_options_and_runs(up: CommandLine, tmp_path: Path) -> None:
    with Terminal(["bash", "--norc", "--noprofile", "-i"], shell(up, HOME=str(tmp_path))) as bash:
        bash.type('eval "$(paceline completion bash)"; echo rea""dy\n')
        bash.read_until("ready")
        bash.type("paceline stat\t")
        bash.read_until("status ")
        bash.type("pl\t")
        bash.read_until("plot ")
        bash.type("--wat\t")
        bash.read_until("--watch ")


@pytest.mark.parametrize(("port", "offered"), [(None, RUN), ("1", "")], ids=["api", "no api"])
def test_without_an_api_a_shell_is_offered_nothing_and_told_nothing(
    up: CommandLine, tmp_path: Path, port: str | None, offered: str
) -> None:
    variables = shell(up, **({"PACELINE_API_PORT": port} if port else {}))
    script = """\
eval "$(paceline completion bash)"
COMP_WORDS=(paceline status ""); COMP_CWORD=2
_paceline_completion paceline; echo "${COMPREPLY[*]}"
"""
    done = subprocess.run(
        ["bash", "-c", script],
        env=variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (offered, "")


def test_watching_draws_at_an_event_until_ctrl_c(up: CommandLine) -> None:
    command = [sys.executable, "-c", BY_EVENTS_ONLY, "status", RUN, "--watch"]
    with Terminal(command, {**up.variables, "TERM": "xterm-256color"}) as terminal:
        terminal.read_until(f"{RUN}: running")
        assert "Story 1.2" in terminal.screen
        assert up("pause", RUN, "--reason", "lunch").returncode == 0
        terminal.read_until(f"{RUN}: paused")
        assert up("resume", RUN).returncode == 0
        terminal.read_until(f"{RUN}: running")
        assert terminal.interrupt() == 130, terminal.screen
    assert "Traceback" not in terminal.screen


def test_ctrl_c_leaves_a_run_of_an_api_that_stays(up: CommandLine) -> None:
    words = ("run", up.variables["PLAN"], "--agent", "human", "--project", RUN, "--no-input")
    with Terminal.of(up, *words) as terminal:
        terminal.read_until("attached to plot")
        terminal.read_until("Answer it with: ")
        assert terminal.interrupt() == 130, terminal.screen
    assert f"The run goes on without you: `paceline status {RUN} --watch` shows it" in terminal.screen
    assert "Traceback" not in terminal.screen
    assert json.loads(up("status", RUN, "--json").stdout)["run"]["state"] == "running"


@pytest.mark.parametrize(
    ("variables", "coloured", "steered"),
    [
        ({"TERM": "xterm-256color"}, True, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False, True),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_colours_are_those_that_the_terminal_wants(
    up: CommandLine, variables: dict[str, str], coloured: bool, steered: bool
) -> None:
    with Terminal.of(up, "status", RUN, **variables) as terminal:
        assert terminal.read_to_the_end() == 0
    assert "Story 1.1" in terminal.screen
    assert (COLOURED.search(terminal.screen) is not None) is coloured
    assert ("\x1b[" in terminal.screen) is steered


@pytest.mark.parametrize("forced", [False, True])
def test_a_pipe_has_colours_only_where_they_are_forced(up: CommandLine, forced: bool) -> None:
    said = CommandLine({**up.variables, **({"FORCE_COLOR": "1"} if forced else {})})("status", RUN)
    assert said.returncode == 0, said.stderr
    assert ("\x1b[" in said.stdout) is forced


def test_who_waits_is_told_so_after_a_while_beside_the_data(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PACELINE_")}
    with socket.create_server(("127.0.0.1", 0)) as mute, (tmp_path / "out").open("wb") as output:
        port = mute.getsockname()[1]
        variables = {**kept, "PACELINE_API_URL": f"http://127.0.0.1:{port}", "TERM": "xterm-256color"}
        command = CommandLine(variables).command("status", "--json")
        with Terminal(command, variables, output.fileno()) as terminal:
            terminal.read_until("Waiting for the API (2 s)")
            terminal.read_until("Waiting for the API (3 s)")
            assert terminal.interrupt() == 130, terminal.screen
    assert "Traceback" not in terminal.screen
    assert (tmp_path / "out").read_bytes() == b""
