"""Real agents: small Python scripts that a test writes, run as processes."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from paceline.agents.command import AgentRun, run_command_agent
from paceline.agents.supervisor import start_time
from paceline.domain.work import AgentDeclaration, WorkOrder

SECONDS = 30.0


@dataclass(frozen=True)
class Timings:
    agent_grace: float = 0.3
    adoption_grace: float = 60.0


@dataclass
class Stage:
    """One attempt's folders, and agents written for them."""

    root: Path
    worktree: Path
    run_dir: Path
    beats: list[dict[str, Any]]

    def agent(self, body: str, **options: Any) -> AgentDeclaration:
        """A declaration of an agent with this Python body; `result(...)` and `wait_for(name)` are given."""
        script = self.root / "agent.py"
        script.write_text(_PRELUDE.format(root=str(self.root)) + textwrap.dedent(body))
        script.chmod(stat.S_IRWXU)
        return AgentDeclaration(command=[sys.executable, str(script)], **options)

    async def run(self, declaration: AgentDeclaration, **options: Any) -> AgentRun:
        order = options.pop("order", None) or WorkOrder(
            project="p", story="1.1", title="A story", agent="A", agents=["A"], attempt=1
        )
        timings = Timings(
            **{key: options.pop(key) for key in ("agent_grace", "adoption_grace") if key in options}
        )
        return await run_command_agent(
            declaration, order, self.run_dir, self.worktree, self.beats.append, timings, **options
        )

    def path(self, name: str) -> Path:
        return self.root / name

    def lines(self, name: str) -> list[str]:
        return self.path(name).read_text().split() if self.path(name).exists() else []

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a fact that another process makes true."""
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < deadline, "waited too long"
            await asyncio.sleep(0.02)

    async def written(self, name: str) -> int:
        """Wait for a file with a process id in it."""
        await self.until(lambda: self.path(name).exists() and self.path(name).read_text().endswith("\n"))
        return int(self.path(name).read_text())


_PRELUDE = """
import json, os, signal, subprocess, sys, time
ROOT = {root!r}
def note(name, text=""):
    with open(os.path.join(ROOT, name), "a") as file:
        file.write(f"{{text}}\\n")
def result(**facts):
    with open(os.environ["PACELINE_WORK_RESULT"], "w") as file:
        json.dump(facts, file)
def wait_for(name):
    while not os.path.exists(os.path.join(ROOT, name)):
        time.sleep(0.02)
"""


def alive(pid: int) -> bool:
    return start_time(pid) is not None


@pytest.fixture
def is_alive() -> Callable[[int], bool]:
    return alive


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    (tmp_path / "tree").mkdir()
    return Stage(tmp_path, tmp_path / "tree", tmp_path / "run", [])


@pytest.fixture(autouse=True)
def no_process_is_left(tmp_path: Path):
    """No test leaves a process that belongs to one of its runs."""
    yield
    mark = f"={tmp_path}/".encode()
    deadline = time.monotonic() + SECONDS
    # A supervisor that nobody started here ends a moment after its last word.
    while (left := _left(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == []


def _left(mark: bytes) -> list[str]:
    entries = [entry for entry in Path("/proc").glob("[0-9]*") if int(entry.name) != os.getpid()]
    return [entry.name for entry in entries if _marked(entry, mark) and alive(int(entry.name))]


def _marked(entry: Path, mark: bytes) -> bool:
    try:
        variables = (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(variable.startswith(b"PACELINE_RUN=") and mark in variable for variable in variables)
