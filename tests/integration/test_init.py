"""`paceline init`: what it sees, what it writes, and that this passes every check and runs."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paceline.agents.presets import PRESETS
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan

PROGRAMS = ("git", "sh")


class Here:
    """A repository, and a machine with nothing but git on its PATH."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.top = folder / "Seed Shop"
        self.top.mkdir()
        git = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
        (self.bin / "git").symlink_to(git)
        self.git("init", "--quiet", "--initial-branch=trunk")

    def git(self, *words: str) -> None:
        """Run git here as somebody."""
        names = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        subprocess.run(["git", *names, *words], cwd=self.top, check=True)

    def write(self, **texts: str) -> None:
        """Put files at the top, whose names have __ for a dot."""
        for name, text in texts.items():
            file = self.top / name.replace("__", ".")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)

    def install(self, program: str) -> None:
        """Put a program on PATH that does nothing."""
        (self.bin / program).write_text("#!/bin/sh\n")
        (self.bin / program).chmod(0o755)

    def __call__(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PACELINE_")}
        own = {
            "PATH": str(self.bin),
            "PACELINE_HOME": str(self.top.parent / "home"),
            "PACELINE_API_PORT": "1",
        }
        return subprocess.run(
            [sys.executable, "-m", "paceline.cli.main", *words],
            cwd=cwd or self.top,
            env={**kept, **own},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def told(self, *words: str) -> dict[str, Any]:
        """What `paceline init --json` says."""
        done = self("init", "--json", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def here(tmp_path: Path) -> Here:
    """A repository without anything in it."""
    return Here(tmp_path)


def test_what_it_writes_passes_every_check(here: Here) -> None:
    done = here("init")
    assert (done.returncode, done.stderr) == (0, "")
    assert "as no coding agent is on PATH" in done.stdout
    assert "git commit" in done.stdout
    assert here("plan", "check", "plan.md", "--strict").returncode == 0
    text = (here.top / "plan.md").read_text()
    assert check_plan(read_plan(text, "plan.md")) == []
    before = json.loads(here("doctor", "--json").stdout)
    assert {each["name"]: each["verdict"] for each in before}["paceline.toml"] == "ok"
    here.git("add", "--all")
    here.git("commit", "--quiet", "--message", "Begin")
    after = here("doctor", "--json")
    assert after.returncode == 0, after.stdout


def test_it_sees_languages_tests_branch_and_agents(here: Here) -> None:
    here.write(a__py="", b__py="", c__ts="", pyproject__toml="[tool.pytest.ini_options]\n", uv__lock="")
    here.install("codex")
    found = here.told()
    seen = found["seen"]
    assert [(each["name"], each["files"]) for each in seen["languages"]] == [("Python", 2), ("TypeScript", 1)]
    assert (seen["test_command"], seen["setup_command"]) == ("uv run python3 -m pytest -q", "uv sync")
    assert (seen["branch"], seen["commits"], seen["name"]) == ("trunk", False, "Seed Shop")
    assert (found["agent"], found["written"]) == ("codex", ["paceline.toml", "plan.md"])
    written = (here.top / "paceline.toml").read_text()
    assert 'preset = "codex"' in written
    assert '# checks = ["uv run python3 -m pytest -q"]' in written


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"Makefile": "all:\n\ntest: all\n\ttrue\n", "go__mod": ""}, "make test"),
        ({"Makefile": "test := 3\n", "go__mod": ""}, "go test ./..."),
        ({"package__json": '{"scripts": {"test": "vitest"}}', "pnpm-lock__yaml": ""}, "pnpm test"),
        ({"package__json": '{"scripts": {"test": "echo \\"Error: no test specified\\""}}'}, None),
        ({"package__json": "{not json"}, None),
        ({"package__json": '["a"]', "Cargo__toml": ""}, "cargo test"),
        ({"pytest__ini": ""}, "python3 -m pytest -q"),
        ({"tests/test_beds.py": ""}, "python3 -m unittest discover"),
        ({"tests/beds.sh": ""}, None),
    ],
)
def test_the_test_command_is_the_repository_s(here: Here, files: dict[str, str], command: str | None) -> None:
    here.write(**files)
    assert here.told()["seen"]["test_command"] == command


@pytest.mark.parametrize("agent", [*PRESETS, "human", "simulated"])
def test_every_agent_gives_a_file_that_the_doctor_reads(here: Here, agent: str) -> None:
    here.install(PRESETS[agent].command[0] if agent in PRESETS else "nothing")
    assert here.told("--agent", agent)["agent"] == agent
    found = {each["name"]: each["verdict"] for each in json.loads(here("doctor", "--json").stdout)}
    assert found["paceline.toml"] == "ok"


def test_nothing_is_overwritten_unasked(here: Here) -> None:
    here.write(plan__md="mine\n")
    done = here("init")
    assert done.returncode == 1
    assert "plan.md is in" in done.stderr
    assert "--force" in done.stderr
    assert not (here.top / "paceline.toml").exists()
    assert (here.top / "plan.md").read_text() == "mine\n"
    assert here("init", "--force").returncode == 0
    assert (here.top / "plan.md").read_text().startswith("# Sprint Plan")
    assert stat.S_IMODE((here.top / "plan.md").stat().st_mode) == 0o644
    assert sorted(each.name for each in here.top.iterdir()) == [".git", "paceline.toml", "plan.md"]


def test_a_link_is_not_written_through(here: Here) -> None:
    outside = here.top.parent / "outside"
    (here.top / "plan.md").symlink_to(outside)
    assert here("init").returncode == 1
    assert here("init", "--force").returncode == 0
    assert not outside.exists()
    assert not (here.top / "plan.md").is_symlink()


def test_from_a_folder_inside_it_writes_at_the_top(here: Here) -> None:
    inside = here.top / "src"
    inside.mkdir()
    done = here("init", cwd=inside)
    assert done.returncode == 0, done.stderr
    assert f"  cd '{here.top}'" in done.stdout
    assert (here.top / "plan.md").exists()


def test_a_refusal_says_the_remedy(here: Here, tmp_path: Path) -> None:
    outside = here("init", cwd=tmp_path)
    assert outside.returncode == 1
    assert "run `git init`" in outside.stderr
    unknown = here("init", "--agent", "nobody")
    assert unknown.returncode == 1
    assert "use one of claude" in unknown.stderr
    assert not (here.top / "plan.md").exists()


def test_a_hostile_folder_name_stays_a_name(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    here = Here(tmp_path / "x")
    hostile = here.top.rename(here.top.parent / "a`b\n# [c](d) $(e)")
    done = here("init", cwd=hostile)
    assert done.returncode == 0, done.stderr
    plan = read_plan((hostile / "plan.md").read_text(), "plan.md")
    assert plan.title.endswith("First Sprint of a b c d e")
    assert check_plan(plan) == []
