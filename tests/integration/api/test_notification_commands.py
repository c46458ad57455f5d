"""`paceline notifications` as a person types it, over a run whose receivers do not take their messages."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.integration.api.command_line import PATIENCE, CommandLine
from tests.integration.api.test_command_line import up

__all__ = ["up"]

COMMAND = "import pathlib, sys; sys.exit(0 if pathlib.Path(sys.argv[1]).exists() else 3)"


def listed(paceline: CommandLine, *arguments: str) -> list[dict[str, Any]]:
    """What the command says to programs."""
    found = paceline("notifications", *arguments, "--json")
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def until(paceline: CommandLine, state: str, *arguments: str) -> list[dict[str, Any]]:
    """Wait until messages stand there."""
    limit = time.monotonic() + PATIENCE
    while not (found := listed(paceline, "--state", state, *arguments)):
        assert time.monotonic() < limit, f"none was {state}"
    return found


def test_messages_that_were_given_up_are_seen_and_sent_again(
    paceline: CommandLine, plan: str, repository: Path, up: subprocess.Popen[str]
) -> None:
    nothing = paceline("notifications")
    assert "`[notify]` in paceline.toml says who is told" in nothing.stderr
    there = repository / "there"
    command = json.dumps([sys.executable, "-c", COMMAND, str(there)])
    (repository / "paceline.toml").write_text(f"[notify]\ncommand = {command}\ntries = 1\n")
    arguments = ("--agent", "human", "--repo", str(repository), "--allow-dirty", "--project", "Plot")
    started = paceline("run", plan, *arguments, "--detach")
    assert started.returncode == 0, started.stderr
    dead = until(paceline, "dead")
    assert {(each["receiver"], each["tries"], each["code"]) for each in dead} == {
        ("command", 1, "NOTIFY_COMMAND")
    }
    shown = paceline("notifications", "--project", "plot", "--state", "dead").stdout
    assert f"{dead[0]['id']}  dead  20" in shown
    assert f"question.asked {dead[0]['question']} to command, 1 try" in shown
    assert "NOTIFY_COMMAND" in shown
    assert paceline("notifications", "--project", "other").stderr == "No message of run other.\n"
    assert paceline("notifications", "--state", "sent").stderr == "No message is sent.\n"
    there.touch()
    again = paceline("notifications", "--redeliver", "dead", "--project", "plot")
    assert again.stdout.startswith(f"{len(dead)} message")
    assert {each["id"] for each in until(paceline, "sent")} <= {each["id"] for each in dead}
    one = paceline("notifications", "--redeliver", dead[0]["id"], "--json")
    assert [each["id"] for each in json.loads(one.stdout)] == [dead[0]["id"]]
    unknown = paceline("notifications", "--redeliver", "n-none")
    assert (unknown.returncode, "n-none" in unknown.stderr) == (1, True)
    none = paceline("notifications", "--redeliver", "dead", "--project", "other")
    assert none.stdout == "0 messages will be sent again.\n"
