"""Merges per minute: `python -m tests.bench.merges [--stories 48] [--check true]`.

Stories with a check that takes no time go through the real landing activity: fences, evidence, proofs and
events in a SQLite database. They come in groups that stand in the merge line together: 1, 8 and 50 at a time.
Beside it the same commits are merged by plain `git merge --no-ff` in a loop, without any check. Numbers only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from sqlalchemy.orm import Session
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.outlines import OutlineActivities
from api.start_checks import Wanted, check_request
from paceline.contracts import SprintStep
from paceline.domain.exchange import StartRequest
from paceline.domain.status import Run, RunOptions, StoryStatus
from paceline.settings import Settings
from paceline.store import runs, status
from paceline.store.database import Database
from paceline.store.migrate import upgrade
from tests.bench.git_processes import counted_processes
from tests.landings import Landings
from tests.sample_plans import E, S, plan
from tests.world import World, make_repository, scripted

LINES = (1, 8, 50)
"""How many stories are ready at once."""


async def begin(folder: Path, stories: int, check: str) -> Landings:
    """A run with its claims and its work, recorded as a start does it, without a workflow."""
    repository = make_repository(folder / "repository")
    settings = Settings(home=folder / "home")
    settings.home.mkdir()
    upgrade(settings.resolved_database_url)
    database = Database(settings.resolved_database_url)
    # Nobody waits for a claim here, so nobody is told of one.
    world = World(settings, database, cast(Client, None))
    written = [S(f"1.{at}", files=(f"src/{at}.txt",), checks=(check,)) for at in range(stories)]
    options = RunOptions.model_validate(
        {"agents": scripted(concurrency=1000), "criteria": "record", "max_parallel": 1000}
    )
    request = StartRequest(
        plan=plan(E("1", written)), repository=str(repository), project="bench", options=options
    )
    run = await database.write(_record, await check_request(request))
    landings = Landings(world, repository, run)
    sprint = SprintStep(project=run.id, sprint="Sprint")
    await ActivityEnvironment().run(OutlineActivities(landings.context).load_sprint, sprint)
    for story in written:
        await landings.claim(f"Story {story.id}")
    landings.work({f"Story {each.id}": {each.files[0]: f"{each.id}\n" * 20} for each in written})
    return landings


def _record(session: Session, wanted: Wanted) -> Run:
    run = Run(
        id="bench",
        title=wanted.plan.title,
        plan_digest=runs.save_plan(session, wanted.plan, wanted.text),
        repository=wanted.repository,
        base_commit=wanted.base_commit,
        options=wanted.options,
        started_at=datetime.now(UTC),
    )
    runs.create_run(session, run)
    stories = [
        StoryStatus(id=each.id, title=each.title, sprint="Sprint", attempt=1) for each in wanted.plan.stories
    ]
    status.plan_stories(session, run.id, stories)
    return run


async def measure_line(folder: Path, line: int, stories: int, check: str) -> dict[str, float]:
    """Land groups of `line` stories, one group after the other."""
    landings = await begin(folder, stories, check)
    names = list(landings.commits)
    with counted_processes() as processes:
        began = time.perf_counter()
        for at in range(0, stories, line):
            reports = await asyncio.gather(*(landings.land(name) for name in names[at : at + line]))
            if not all(report.merged for report in reports):
                raise AssertionError(next(report.reason for report in reports if not report.merged))
        seconds = time.perf_counter() - began
    plain = plain_merges(landings)
    landings.world.database.close()
    return {
        "line": line,
        "stories": stories,
        "seconds": seconds,
        "merges_per_minute": 60 * stories / seconds,
        "git_processes_per_merge": len(processes) / stories,
        "plain_seconds": plain,
        "plain_merges_per_minute": 60 * stories / plain,
        "seconds_over_plain": seconds / plain,
    }


def plain_merges(landings: Landings) -> float:
    """Seconds for the same merges by `git merge` in a checkout."""
    options = ("-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "gc.auto=0")
    began = time.perf_counter()
    for name, commit in landings.commits.items():
        command = ["git", *options, "merge", "--quiet", "--no-ff", "-m", f"Merge {name}", commit]
        subprocess.run(command, cwd=landings.repository, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print one JSON object a length of the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, default=50)
    parser.add_argument("--check", default="true")
    chosen = parser.parse_args()
    for line in LINES:
        folder = Path(tempfile.mkdtemp(prefix="paceline-bench-"))
        try:
            numbers = asyncio.run(measure_line(folder, line, chosen.stories, chosen.check))
        finally:
            shutil.rmtree(folder)
        rounded = {name: round(value, 3) for name, value in numbers.items()}
        sys.stdout.write(json.dumps({"check": chosen.check, **rounded}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
