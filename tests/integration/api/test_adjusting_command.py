"""What a person says with `paceline run`, and a repository in its `paceline.toml`, of what goes otherwise."""

from __future__ import annotations

import json
import subprocess

from tests.integration.api.command_line import CommandLine
from tests.integration.api.test_command_line import up

__all__ = ["up"]


def test_the_options_are_in_the_run(paceline: CommandLine, plan: str, up: subprocess.Popen[str]) -> None:
    chosen = ("--late-sprints", "never", "--ahead-sprints", "ask", "--lost-agents", "wait")
    more = ("--lost-after-failures", "2")
    ran = paceline("run", plan, "--agent", "simulated", *chosen, *more, "--detach", "--no-input")
    assert ran.returncode == 0, ran.stderr
    project = next(word for word in ran.stdout.split() if word.startswith("tend-the-allotment")).strip(":")
    options = json.loads(paceline("status", project, "--json").stdout)["run"]["options"]
    assert (options["late_sprints"], options["ahead_sprints"]) == ("never", "ask")
    assert (options["lost_agents"], options["lost_after_failures"]) == ("wait", 2)
    refused = paceline("run", plan, "--late-sprints", "perhaps")
    assert refused.returncode == 2
    assert "--late-sprints" in refused.stderr
