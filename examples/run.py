"""Run the example from beginning to end, and check that it ended as it should: `make run` calls this.

It copies the template repository, shows that its tests fail, gives the plan to `paceline run`, and then looks
at what came of it: passing tests on the sprint's branch, one merge a story, and the bundle.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paceline.domain.ids import slug

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType

EXAMPLES = Path(__file__).resolve().parent
ROOT = EXAMPLES.parent
PLAN = EXAMPLES / "toolshed" / "plan.md"
TEMPLATE = EXAMPLES / "toolshed" / "repository"
RUNS = ROOT / ".paceline" / "example"
TESTS = ["-m", "unittest"]
IDENTITY = ["-c", "user.name=Paceline example", "-c", "user.email=example@paceline.invalid"]


class NotAsPromised(Exception):
    """The run ended in another way than the example promises."""


@dataclass(frozen=True)
class Place:
    """The folders and addresses of one run, apart from every other."""

    folder: Path
    api_port: int
    temporal_port: int
    ui_port: int

    @property
    def repository(self) -> Path:
        """The copy of the template."""
        return self.folder / "toolshed"

    @property
    def home(self) -> Path:
        """Where Paceline keeps its database, artifacts and Temporal's data."""
        return self.folder / "home"

    @property
    def settings(self) -> dict[str, str]:
        """The settings that keep this run to itself."""
        return {
            "PACELINE_HOME": str(self.home),
            "PACELINE_API_PORT": str(self.api_port),
            "PACELINE_TEMPORAL_PORT": str(self.temporal_port),
            "PACELINE_TEMPORAL_UI_PORT": str(self.ui_port),
        }

    @property
    def api(self) -> str:
        """The address of the run's API."""
        return f"http://127.0.0.1:{self.api_port}"


def new_place(runs: Path) -> Place:
    """A fresh numbered folder among the runs, and three ports that nobody uses."""
    runs.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = runs / str(number)
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return Place(folder, *free_ports(3))
    raise AssertionError("itertools.count never ends")


def free_ports(count: int) -> list[int]:
    """So many different ports of the loopback address, free at this moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for held in sockets:
            held.bind(("127.0.0.1", 0))
        return [held.getsockname()[1] for held in sockets]


def git(repository: Path, *arguments: str) -> str:
    """Run git in a repository and return what it prints."""
    command = ["git", "-C", str(repository), *IDENTITY, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def make_repository(place: Place) -> str:
    """Copy the template, add the agents' declaration, and commit; returns the commit."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(TEMPLATE, place.repository, ignore=ignored)
    declaration = string.Template((EXAMPLES / "paceline.toml").read_text(encoding="utf-8"))
    filled = declaration.substitute(PYTHON=toml_text(sys.executable), EXAMPLES=toml_text(str(EXAMPLES)))
    (place.repository / "paceline.toml").write_text(filled, encoding="utf-8")
    git(place.repository, "init", "--quiet", "--initial-branch=main")
    git(place.repository, "add", "--all")
    git(place.repository, "commit", "--quiet", "--no-verify", "--message", "Build the shed")
    return git(place.repository, "rev-parse", "HEAD").strip()


def toml_text(text: str) -> str:
    """The inside of a TOML basic string."""
    return json.dumps(text)[1:-1]


def run_tests(repository: Path) -> tuple[bool, str]:
    """Run the repository's tests; whether they pass, and how many there were and failed."""
    command = [sys.executable, "-B", *TESTS]
    done = subprocess.run(command, cwd=repository, check=False, capture_output=True, text=True)
    lines = [
        line for line in done.stderr.splitlines() if line.startswith(("Ran ", "FAILED", "OK", "NO TESTS"))
    ]
    return done.returncode == 0, ", ".join(lines) or done.stderr.strip()[-300:]


# The product's own command line ---


def paceline(*arguments: str) -> list[str]:
    """A call of the command line that belongs to this Python."""
    return [str(Path(sys.executable).parent / "paceline"), *arguments]


def environment(place: Place) -> dict[str, str]:
    """This process's environment without what would lead the run to another database or API."""
    elsewhere = {"PACELINE_DATABASE_URL", "PACELINE_API_URL", "PACELINE_API_HOST", "PACELINE_API_TOKEN"}
    kept = {name: value for name, value in os.environ.items() if name not in elsewhere}
    return {**kept, **place.settings}


def planned_stories() -> list[str]:
    """The ids of the plan's stories, as Paceline reads them."""
    shown = subprocess.run(
        paceline("plan", "show", str(PLAN), "--json"), check=True, capture_output=True, text=True
    )
    return [story["id"] for story in json.loads(shown.stdout)["stories"]]


def run_sprint(place: Place, agent: str | None) -> None:
    """Give the plan to `paceline run`; where no person sits at a terminal, the scripted reviewer answers."""
    # A name of its own for each run, as a Temporal server that is not the run's own remembers earlier ones.
    project = f"toolshed-{place.folder.name}"
    command = paceline("run", str(PLAN), "--repo", str(place.repository), "--project", project)
    command += ["--agent", agent] if agent else []
    if sys.stdin.isatty() and sys.stdout.isatty():
        status = wait_for(command, environment(place))
    else:
        with reviewer(place):
            status = wait_for([*command, "--no-input"], environment(place))
    if status != 0:
        raise NotAsPromised(f"`paceline run` ended with status {status}.")


def wait_for(command: list[str], variables: dict[str, str]) -> int:
    """Run a command to its end, also after Ctrl-C: the command gets it too and stops what it started."""
    with subprocess.Popen(command, env=variables) as process:
        before = signal.signal(signal.SIGINT, left_to_the_command)
        try:
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, before)


def left_to_the_command(_signal: int, _frame: FrameType | None) -> None:
    """Do nothing: a handler, and not an ignored signal, as that would be inherited by the command."""


@contextmanager
def reviewer(place: Place) -> Generator[None]:
    """The scripted reviewer, as a process of its own, for as long as the sprint runs."""
    command = [sys.executable, str(EXAMPLES / "scripted_reviewer.py"), "--api", place.api]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.terminate()


# What came of it ---


def sprint_branch(repository: Path) -> str:
    """The one branch that the sprint's stories were merged to."""
    listed = git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/paceline/")
    branches = listed.split()
    if len(branches) != 1:
        raise NotAsPromised(f"Expected one sprint branch, found: {', '.join(branches) or 'none'}.")
    return branches[0]


def check_merges(repository: Path, base: str, branch: str, stories: list[str]) -> int:
    """Count the merges by their `Paceline-Story` trailers: each story has exactly one.

    The value of a trailer is the id of the story's workflow, and its last part is the story's slug.
    """
    trailer = "--format=%(trailers:key=Paceline-Story,valueonly,separator=%x0A)"
    listed = git(repository, "log", "--first-parent", trailer, f"{base}..{branch}").split()
    merged = Counter(workflow_id.rpartition("/")[2] for workflow_id in listed)
    planned = {slug(story): story for story in stories}
    wrong = [
        f"{story} was merged {merged[name]} times" for name, story in planned.items() if merged[name] != 1
    ]
    wrong += [f"{name} was merged and is not in the plan" for name in merged if name not in planned]
    if wrong:
        raise NotAsPromised(f"Each story is merged once, but {'; '.join(wrong)}.")
    return merged.total()


def check_tests(repository: Path, branch: str) -> str:
    """Run the tests on a clone of the sprint's branch; returns their last lines."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        git(repository, "clone", "--quiet", "--branch", branch, str(repository), str(clone))
        passed, summary = run_tests(clone)
    if not passed:
        raise NotAsPromised(f"The tests fail on {branch}: {summary}")
    return summary


def find_bundle(home: Path) -> Path:
    """The ZIP that the run made, whole and not empty."""
    found = sorted(home.rglob("*.zip"), key=lambda file: file.stat().st_mtime)
    if not found:
        raise NotAsPromised(f"There is no bundle under {home}.")
    with zipfile.ZipFile(found[-1]) as bundle:
        if bundle.testzip() is not None or not bundle.namelist():
            raise NotAsPromised(f"The bundle {found[-1]} is broken or empty.")
    return found[-1]


def report(place: Place, branch: str, merges: int, before: str, after: str, bundle: Path) -> None:
    """Say what happened and where to look."""
    settings = " ".join(f"{name}={value}" for name, value in place.settings.items())
    print(
        f"""
The sprint is done.
  tests before   {before}
  tests after    {after}
  merges         {merges}, one a story
  repository     {place.repository}
  branch         {branch}
                 git -C {place.repository} log --graph --oneline {branch}
  bundle         {bundle}
To look at this run in Temporal's own UI, at http://127.0.0.1:{place.ui_port}:
  {settings} {paceline("up")[0]} up"""
    )


def main() -> int:
    """Run the example; 0 where everything that it promises is so."""
    parser = argparse.ArgumentParser(description="Run the example sprint from beginning to end.")
    parser.add_argument("--agent", help="a coding agent to use instead: claude, codex, opencode or aider")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs are kept, a numbered folder each")
    chosen = parser.parse_args()
    try:
        place = new_place(chosen.runs.resolve())
        base = make_repository(place)
        passed, before = run_tests(place.repository)
        if passed:
            raise NotAsPromised("The template's tests pass before any work was done.")
        print(f"A fresh copy of the shed is in {place.repository}.\nIts tests fail: {before}\n", flush=True)
        stories = planned_stories()
        run_sprint(place, chosen.agent or None)
        branch = sprint_branch(place.repository)
        merges = check_merges(place.repository, base, branch, stories)
        after = check_tests(place.repository, branch)
        report(place, branch, merges, before, after, find_bundle(place.home))
    except NotAsPromised as problem:
        print(f"The example did not end as it should: {problem}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as problem:
        print(f"`{' '.join(problem.cmd)}` failed: {problem.stderr}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
