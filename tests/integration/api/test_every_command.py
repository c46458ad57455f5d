"""Every command against what runs: API, worker and Temporal as processes, over a run that people do."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup
from typer.testing import CliRunner

from paceline.cli.main import app
from tests.integration.api.allotment import PLAN
from tests.integration.api.command_line import PATIENCE, CommandLine, ready
from tests.outside import outside
from tests.world import ROOT, make_repository
from workers.temporal_binary import Binary

pytestmark = pytest.mark.temporal

STEPS: list[tuple[str, str]] = [
    # A line as it is typed, and what it says to people; with --json it prints one document.
    ("plan show {plan}", "Tend the Allotment"),
    ("plan schema", "schema_version"),
    ("plan check {plan}", "can run"),
    ("plan explain NO_STORIES", "nothing to run"),
    ("plan preview {plan} --rounds 10", "Story 1.1"),
    ("plan import {csv} -o {folder}/{run}.md", "2 stories"),
    ("run {plan} --agent human --project {run} --detach", "Started {run}"),
    ("status", "{run}"),
    ("status {run}", "Story 1.2"),
    ("questions --project {run}", "Is it done?"),
    ("agents {run}", "WAITING_FOR_HITL"),
    ("claims {run}", "granted"),
    ("claims {run} --decisions", "Story 1.1"),
    ("notifications --project {run}", "No message"),
    ("pause {run} --reason lunch", "stand still"),
    ("status", "paused"),
    ("resume {run}", "go on"),
    ("set-parallel {run} 2", "once"),
    ("reprioritise {run} --story 1.2 --priority Critical", "priority"),
    ("reassign {run} --story 1.2 --agent Digger", "new agent"),
    ("agent away {run} Planter --wait", "away"),
    ("agent back {run} Planter", "there again"),
    ("retry {run} --story 1.1", "attempt"),
    ("plan amend {run} {plan}", "says the same"),
    ("answer {question} approve well dug", "Taken"),
    ("skip {run} --story 1.2 --reason rain", "skipped"),
    ("check-completion {run}", "complete"),
    ("metrics {run}", "criteria"),
    ("standup {run}", "Standup"),
    ("reports {run}", "kind"),
    ("retro {run} --add 'Sharper spades'", "Sharper spades"),
    ("review {run} --feedback 'Straight rows'", "Straight rows"),
    ("export {run} stories", "Story 1.1"),
    ("work list --repo {repository}", "No work is preserved"),
    ("run {plan} --agent human --project {run} --rerun --detach", "Started {run}-run-2"),
    ("force-complete {run}-run-2 --reason done", "counts as done"),
    ("run {plan} --agent human --project {run}-more --detach", "Started {run}-more"),
    ("cancel {run}-more", ""),
    ("run {plan} --agent-command '{agent}' --criteria record --repo {repository} --project {run}-tree", ""),
    ("rollback {run}-tree --list", "Story 1.2"),
    ("rollback {run}-tree --story 1.2 --yes", "took away Story 1.2"),
    ("rollback {run}-tree --undo 1 --yes", "brought back Story 1.2"),
    ("webhook add {run} {outside} --project {run} --after 0", "whsec_"),
    ("webhook list", "{run}"),
    ("webhook test {run}", "ping"),
    ("webhook pause {run} --reason frost", "is paused"),
    ("webhook resume {run}", "goes on"),
    ("webhook deliveries {run} --project {run} --limit 1000", "story.settled"),
    ("webhook reconcile {run} --project {run}", "0 missing"),
    ("webhook redeliver {run} --since 1 --project {run}", "will be sent again"),
    ("webhook rotate {run}", "signed with the old one too"),
    ("webhook remove {run}", "is removed"),
    ("session list", "Nobody is signed in"),
    ("token create {run} --role viewer", "PACELINE_API_TOKEN"),
    ("token list", "{run}"),
    ("token rotate {run}", "PACELINE_API_TOKEN"),
    ("token revoke {run}", "revoked"),
    ("audit list", "/steer"),
    ("audit verify", "whole"),
    ("doctor", "temporal"),
    ("completion bash", "complete -o default"),
]
LONG = {"bench recovery", "bench scale"}
"""Commands that only measure, for minutes, and have no short form that a test could call."""
ELSEWHERE = {
    "up": "tests/integration/api/test_command_line.py",
    "api": "tests/integration/api/test_command_line.py",
    "migrate": "tests/integration/api/test_command_line.py",
    "worker": "tests/integration/test_parts_alone.py",
    "claim": "tests/wishing_agent.py",
    "bench overhead": "tests/integration/test_bench.py",
    "bench events": "tests/integration/api/test_bench_events.py",
    "session end": "tests/integration/test_access_by_cli.py",
    "init": "tests/integration/test_init.py",
    "measure": "tests/integration/api/test_metric_routes.py",
    "plan propose": "tests/integration/plans/test_propose.py",
    "plan accept": "tests/integration/plans/test_propose.py",
    "work show": "tests/integration/vcs/test_work_commands.py",
    "work restore": "tests/integration/vcs/test_work_commands.py",
    "work expire": "tests/integration/vcs/test_work_commands.py",
}
"""Commands that run for long, or need another stage, with the test that calls them."""


@dataclass
class Stage:
    """What runs, and the files that commands are given."""

    command_line: CommandLine
    names: dict[str, str]

    def call(self, *words: str) -> tuple[int, str, str]:
        """Call a command in this process: its exit status, and what it printed and said."""
        done = CliRunner().invoke(app, words, env=self.command_line.variables)
        refused = "" if isinstance(done.exception, SystemExit) else repr(done.exception)
        return done.exit_code, done.stdout, done.stderr + refused

    def listed(self, *words: str) -> list[dict[str, Any]]:
        """What a command lists for programs."""
        code, said, refused = self.call(*words)
        assert code == 0, refused
        return json.loads(said)

    def question(self, run: str) -> str:
        """The id of the run's open question, once there is one."""
        limit = time.monotonic() + PATIENCE
        words = ("questions", "--project", run, "--json")
        while not (found := self.listed(*words)):
            assert time.monotonic() < limit, "nothing is asked"
        return found[0]["id"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, temporal_binary: Binary) -> Iterator[Stage]:
    """`paceline up`, ready, and a repository."""
    folder = tmp_path_factory.mktemp("stage")
    (folder / "plan.md").write_text(PLAN)
    (folder / "stories.csv").write_text("id,title,agent\nStory 1,Dig,Digger\nStory 2,Sow,Digger\n")
    names = {
        "plan": str(folder / "plan.md"),
        "csv": str(folder / "stories.csv"),
        "folder": str(folder),
        "agent": shlex.join([sys.executable, str(ROOT / "tests" / "wishing_agent.py"), str(folder)]),
        "repository": str(make_repository(folder / "repository")),
    }
    with (
        outside() as receiver,
        ready(folder / "home", temporal_binary.path, WEBHOOK_NETWORKS="127.0.0.0/8") as line,
    ):
        yield Stage(line, {**names, "outside": receiver.url})


def commands() -> dict[str, Any]:
    """Every command by the words that call it."""
    found: dict[str, Any] = {}
    left: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    while left:
        words, command = left.pop()
        if isinstance(command, TyperGroup):
            left += [((*words, name), inner) for name, inner in command.commands.items()]
        else:
            found[" ".join(words)] = command
    return found


def command_of(line: str) -> str:
    """The command that a line calls."""
    words = line.split()
    known = commands()
    return next(name for name in (" ".join(words[:2]), words[0]) if name in known)


def speaks_json(name: str) -> bool:
    """Whether a command prints documents for programs."""
    return any("--json" in each.opts for each in commands()[name].params)


def is_document(text: str) -> bool:
    """Whether it is one document, and nothing else."""
    try:
        return isinstance(json.loads(text), (dict, list))
    except ValueError:
        return False


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_every_command_says_what_it_did(stage: Stage, as_json: bool) -> None:
    names = {**stage.names, "run": "seed" if as_json else "plot"}
    wrong: list[str] = []
    for line, expected in STEPS:
        if "{question}" in line or "questions" in line or line.startswith("agents"):
            names["question"] = stage.question(names["run"])
        # What is not complete is no failure of the command.
        accept = (0, 1) if line.startswith(("check-completion", "doctor")) else (0,)
        spoken = as_json and speaks_json(command_of(line))
        typed = [*shlex.split(line.format(**names)), *(["--json"] if spoken else [])]
        code, said, refused = stage.call(*typed)
        fits = is_document(said) if spoken else expected.format(**names) in said + refused
        if code not in accept or not fits:
            wrong.append(f"{shlex.join(typed)}: {code} {said[:300]} {refused[:300]}")
    assert not wrong, "\n".join(wrong)


def test_every_command_is_called_by_a_test() -> None:
    called = {command_of(line) for line, _ in STEPS}
    missing = {name for name in commands() if name not in called | LONG | ELSEWHERE.keys()}
    assert not missing, f"Add a line to STEPS, or where else it is tested: {sorted(missing)}"
    for name, place in ELSEWHERE.items():
        assert f'"{name.split()[-1]}"' in (ROOT / place).read_text(), f"{place} does not call {name}"
        assert name in commands(), f"there is no {name} any more"


def test_who_reads_may_go(stage: Stage) -> None:
    paceline = shlex.join(stage.command_line.command())
    for line in ("status", "status --json", "audit list", "plan schema", "doctor"):
        done = subprocess.run(
            ["bash", "-c", f"{paceline} {line} | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}"],
            env=stage.command_line.variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.stdout.strip() == "0", line
        assert not re.search("Error|Broken|Traceback", done.stderr), done.stderr
