"""Worktrees: `python -m tests.bench.worktrees [--files 20000] [--rounds 3] [--json]`.

In a repository of many files an attempt's worktree is prepared, a few of its files are changed, the work is
collected, and the worktree is removed. Beside it, in turns, what plain git has for that, of the same commit
with the same changes: `git worktree add`, `git add --all` with `git commit` and `git diff`, `git worktree
remove --force`. Medians, medians of the rounds' ratios, and the git commands that Paceline started.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from paceline.vcs.repository import Repository
from paceline.vcs.work import collect_work
from paceline.vcs.worktrees import prepare_worktree, remove_worktree
from tests.bench.git_processes import counted_processes

CHANGED = 5
"""How many files a story changes."""
FOLDERS = 200
STEPS = ("prepare", "collect", "remove")
_IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "gc.auto=0")


def run_git(folder: Path, *arguments: str) -> str:
    """Run git as a person does."""
    command = ["git", *_IDENTITY, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def make_big_repository(folder: Path, files: int) -> str:
    """A repository with so many files in one commit, whose id is returned."""
    folder.mkdir()
    run_git(folder, "init", "--quiet", "--initial-branch=main")
    for number in range(files):
        path = folder / f"src/part{number % FOLDERS}/module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"NUMBER = {number}\n" * 20)
    run_git(folder, "add", "--all")
    run_git(folder, "commit", "--quiet", "-m", "Many files")
    return run_git(folder, "rev-parse", "HEAD")


def change(worktree: Path, turn: int) -> None:
    """What an agent does."""
    for number in range(CHANGED):
        (worktree / f"src/part{number}/module{number}.py").write_text(f"CHANGED = {turn}\n")


async def timed(step: Callable[[], Awaitable[Any]]) -> float:
    """Seconds of a step."""
    began = time.perf_counter()
    await step()
    return time.perf_counter() - began


async def attempt(repository: Repository, root: Path, turn: int, base: str) -> dict[str, float]:
    """Seconds of each step with Paceline."""
    paths: list[Path] = []

    async def prepare() -> None:
        paths.append(await prepare_worktree(repository, root, "bench", f"1.{turn}", 1, base))

    async def collect() -> None:
        work = await collect_work(paths[0], base, "Change some files", {"Story": f"1.{turn}"})
        if len(work.changed) != CHANGED:
            raise AssertionError(f"{len(work.changed)} files were changed")

    async def remove() -> None:
        await remove_worktree(repository, paths[0])

    seconds = {"prepare": await timed(prepare)}
    change(paths[0], turn)
    return {**seconds, "collect": await timed(collect), "remove": await timed(remove)}


async def plain(repository: Path, worktree: Path, turn: int, base: str) -> dict[str, float]:
    """Seconds of each step with git alone."""

    async def run(*commands: tuple[Path, tuple[str, ...]]) -> None:
        for folder, arguments in commands:
            await asyncio.to_thread(run_git, folder, *arguments)

    branch = f"plain-{turn}"
    add = ("worktree", "add", "--quiet", "-b", branch, str(worktree), base)
    seconds = {"prepare": await timed(lambda: run((repository, add)))}
    change(worktree, turn)
    taken = [
        (worktree, ("add", "--all")),
        (worktree, ("commit", "--quiet", "-m", "Change")),
        (worktree, ("diff", "--name-status", base, "HEAD")),
    ]
    seconds["collect"] = await timed(lambda: run(*taken))
    removed = (repository, ("worktree", "remove", "--force", str(worktree)))
    return {**seconds, "remove": await timed(lambda: run(removed))}


async def measure(folder: Path, files: int, rounds: int) -> list[dict[str, Any]]:
    """Medians of the rounds for each step, and for all of them together."""
    source = folder / "repository"
    base = make_big_repository(source, files)
    repository = await Repository.open(source)
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    for turn in range(rounds):
        ours.append(await attempt(repository, folder / "worktrees", turn, base))
        theirs.append(await plain(source, folder / f"plain-{turn}", turn, base))
    with counted_processes() as commands:
        await attempt(repository, folder / "worktrees", rounds, base)
    for each in (*ours, *theirs):
        each["all"] = sum(each[step] for step in STEPS)
    return [
        {
            "files": files,
            "step": step,
            "seconds": statistics.median(each[step] for each in ours),
            "plain_seconds": statistics.median(each[step] for each in theirs),
            "over_plain": statistics.median(a[step] / b[step] for a, b in zip(ours, theirs, strict=True)),
            **({"git_commands": commands} if step == "all" else {}),
        }
        for step in (*STEPS, "all")
    ]


def _line(numbers: dict[str, Any]) -> str:
    """One row for people."""
    text = (
        f"{numbers['step']:8} {numbers['seconds']:.3f} s, plain git {numbers['plain_seconds']:.3f} s, "
        f"{numbers['over_plain']:.2f} of it"
    )
    commands = numbers.get("git_commands", [])
    return f"{text}; {len(commands)} git processes: {', '.join(commands)}" if commands else text


def main() -> None:
    """Measure, and print one line for each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="paceline-bench-"))
    try:
        found = asyncio.run(measure(folder, chosen.files, chosen.rounds))
    finally:
        shutil.rmtree(folder)
    for each in found:
        sys.stdout.write((json.dumps(each) if chosen.json else _line(each)) + "\n")


if __name__ == "__main__":
    main()
