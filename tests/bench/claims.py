"""Claims per second: `python -m tests.bench.claims [--seconds 4] [--database sqlite|postgres]`.

50 contenders claim 3 of 2000 paths, all or nothing, and release them; who has to wait is woken by the release
that granted it. Numbers only; nothing is asserted about time. PostgreSQL writes to disk as in production.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from paceline.domain.claims import ClaimRequest, Grant, Need
from paceline.domain.events import EventDraft, EventType
from paceline.domain.states import AgentState, StoryState
from paceline.domain.status import StoryStatus
from paceline.store import claims, events, status
from paceline.store.database import Database
from paceline.store.migrate import upgrade
from tests.databases import start_cluster

TARGETS = {"sqlite": 1000.0, "postgres": 500.0}
"""Claims per second to reach."""


@dataclass
class Contest:
    """Who competes for what, and what came of it."""

    database: Database
    contenders: int
    paths: int
    ends: float
    latencies: list[float] = field(default_factory=list[float])
    waited: int = 0
    wakeups: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])

    async def run(self) -> None:
        """Compete until the time is over."""
        await asyncio.gather(*(self._contend(number) for number in range(self.contenders)))

    async def _contend(self, contender: int) -> None:
        choice = random.Random(contender)  # noqa: S311 - a seeded load, no secret
        turn = 0
        while time.monotonic() < self.ends:
            claim = f"{contender}-{(turn := turn + 1)}"
            files = choice.sample(range(self.paths), 3)
            needs = [Need(resource=f"file:src/{file}.py") for file in files]
            began = time.perf_counter()
            await self._claim(ClaimRequest(claim=claim, scope="s", holder=claim, project="p", needs=needs))
            self.latencies.append(time.perf_counter() - began)
            self._wake(await self.database.write(claims.release_claim, claim))

    async def _claim(self, request: ClaimRequest) -> None:
        granted = self.wakeups[request.claim] = asyncio.Event()
        decision = await self.database.write(claims.request_claim, request)
        if decision.state == "waiting":
            self.waited += 1
            await granted.wait()
        del self.wakeups[request.claim]

    def _wake(self, grants: list[Grant]) -> None:
        for grant in grants:
            self.wakeups[grant.claim].set()


async def measure_claims(url: str, contenders: int, paths: int, seconds: float) -> dict[str, float]:
    """Claims per second, and how long a claim took, waiting included, in milliseconds."""
    database = Database(url)
    contest = Contest(database, contenders, paths, time.monotonic() + seconds)
    began = time.monotonic()
    await contest.run()
    lasted = time.monotonic() - began
    database.close()
    taken = sorted(1000 * latency for latency in contest.latencies)
    return {
        "claims_per_second": len(taken) / lasted,
        "p50_ms": statistics.median(taken),
        "p99_ms": taken[int(len(taken) * 0.99)],
        "max_ms": taken[-1],
        "waited_share": contest.waited / len(taken),
    }


async def measure_writes(url: str, count: int) -> dict[str, float]:
    """A story's usual write (3 events, its status, its agent) in milliseconds: one by one, and 50 at once."""
    database = Database(url)
    stories = [StoryStatus(id=str(number), title="t", sprint="1") for number in range(50)]
    await database.write(status.plan_stories, "p", stories)
    began = time.perf_counter()
    for number in range(count):
        await database.write(_write_story, number)
    alone = time.perf_counter() - began
    began = time.perf_counter()
    for start in range(count, 2 * count, 50):
        await asyncio.gather(*(database.write(_write_story, start + number) for number in range(50)))
    together = time.perf_counter() - began
    database.close()
    return {"write_alone_ms": 1000 * alone / count, "write_grouped_ms": 1000 * together / count}


def _write_story(session: Session, number: int) -> None:
    state = StoryState.WORKING if number % 2 else StoryState.VERIFYING
    status.set_story(session, "p", str(number % 50), state=state, attempt=number)
    status.set_agent(session, "p", f"agent-{number % 5}", AgentState.WORKING, story=str(number))
    drafts = [
        EventDraft(key=f"{number}-{each}", type=EventType.WORKFLOW_EVENT, name="story.working")
        for each in range(3)
    ]
    events.append_events(session, "p", drafts)


def measure(kind: str, seconds: float) -> dict[str, float]:
    """All numbers of one database."""
    if kind == "sqlite":
        folder = Path(tempfile.mkdtemp(prefix="paceline-bench-"))
        try:
            return _measure_url(f"sqlite:///{folder / 'bench.db'}", kind, seconds)
        finally:
            shutil.rmtree(folder)
    cluster = start_cluster(durable=True)
    if cluster is None:
        return {}
    try:
        return _measure_url(cluster.create(), kind, seconds)
    finally:
        cluster.stop()
        shutil.rmtree(cluster.folder)


def _measure_url(url: str, kind: str, seconds: float) -> dict[str, float]:
    upgrade(url)
    numbers = asyncio.run(measure_claims(url, 50, 2000, seconds))
    numbers |= asyncio.run(measure_writes(url, 500))
    return {"ratio_to_target": numbers["claims_per_second"] / TARGETS[kind], **numbers}


def main() -> None:
    """Measure, and print one JSON object a database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--database", choices=sorted(TARGETS), action="append")
    chosen = parser.parse_args()
    for kind in chosen.database or ["sqlite", "postgres"]:
        numbers = {name: round(value, 3) for name, value in measure(kind, chosen.seconds).items()}
        sys.stdout.write(json.dumps({"database": kind, "contenders": 50, "paths": 2000, **numbers}) + "\n")


if __name__ == "__main__":
    main()
