"""Claims on both databases: `python -m tests.bench.claims [--seconds 2] [--database KIND] [--json]`.

For 1, 8 and 64 contenders: claims per second of 3 of 2000 paths each, all or nothing, with release; how long
a claim takes; and, where all want one file, the time from a release to the next holder's grant. Beside each
the same number of bare transactions of that shape (lock one row, change one row, commit), taken in turns with
the claims so that the ratio can be trusted where the numbers cannot. Nothing is asserted about time.
PostgreSQL writes to disk as in production.
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
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from paceline.domain.claims import ClaimRequest, Grant, Need
from paceline.store import claims
from paceline.store.database import Database
from paceline.store.migrate import upgrade
from tests.databases import start_cluster

TARGETS = {"sqlite": 1000.0, "postgres": 500.0}
"""Claims per second to reach with 50 contenders or more."""
CONTENDERS = (1, 8, 64)
PATHS = 2000
ROUNDS = 3


@dataclass
class Contest:
    """Who competes for what, and what came of it."""

    database: Database
    contenders: int
    paths: int
    each: int
    ends: float
    name: str
    waits: list[float] = field(default_factory=list[float])
    """How long each claim took, waiting included, in seconds."""
    handovers: list[float] = field(default_factory=list[float])
    """How long it was from the call of a release to the next holder's going on, in seconds."""
    wakeups: dict[str, asyncio.Future[float]] = field(default_factory=dict[str, "asyncio.Future[float]"])

    async def run(self) -> None:
        """Compete until the time is over."""
        await asyncio.gather(*(self._contend(number) for number in range(self.contenders)))

    async def _contend(self, contender: int) -> None:
        choice = random.Random(contender)  # noqa: S311 - a seeded load, no secret
        turn = 0
        while time.monotonic() < self.ends:
            claim = f"{self.name}-{contender}-{(turn := turn + 1)}"
            files = choice.sample(range(self.paths), self.each)
            needs = [Need(resource=f"file:src/{file}.py") for file in files]
            request = ClaimRequest(claim=claim, scope="s", holder=claim, project="p", needs=needs)
            began = time.perf_counter()
            await self._claim(request)
            self.waits.append(time.perf_counter() - began)
            began = time.perf_counter()
            self._wake(await self.database.write(claims.release_claim, claim), began)

    async def _claim(self, request: ClaimRequest) -> None:
        told = self.wakeups[request.claim] = asyncio.get_running_loop().create_future()
        decision = await self.database.write(claims.request_claim, request)
        if decision.state == "waiting":
            released = await told
            self.handovers.append(time.perf_counter() - released)
        del self.wakeups[request.claim]

    def _wake(self, grants: list[Grant], began: float) -> None:
        for grant in grants:
            self.wakeups[grant.claim].set_result(began)


async def bare(database: Database, contenders: int, ends: float, name: str) -> int:
    """Transactions of the same shape without any rule; how many pairs were done."""
    lock = text("UPDATE claim_scopes SET counter = counter + 1 WHERE scope = 'bare'")
    insert = text("INSERT INTO bare_rows (name, needs) VALUES (:name, :needs)")
    change = text("UPDATE bare_rows SET needs = '[]' WHERE name = :name").bindparams(bindparam("name"))
    needs = json.dumps([{"resource": f"file:src/{number}.py", "capacity": 1} for number in range(3)])

    def run(session: Session, statement: Any, values: dict[str, str]) -> None:
        session.connection().execute(lock)
        session.connection().execute(statement, values)

    async def contend(contender: int) -> int:
        turn = 0
        while time.monotonic() < ends:
            row = f"{name}-{contender}-{(turn := turn + 1)}"
            await database.write(run, insert, {"name": row, "needs": needs})
            await database.write(run, change, {"name": row})
        return turn

    return sum(await asyncio.gather(*(contend(number) for number in range(contenders))))


async def measure_round(url: str, contenders: int, seconds: float, name: str) -> dict[str, Any]:
    """One round of one number of contenders: many files, one file, and bare transactions."""
    database = Database(url)
    parts: dict[str, Any] = {}
    for kind, paths, each in (("many", PATHS, 3), ("one", 1, 1)):
        contest = Contest(database, contenders, paths, each, time.monotonic() + seconds, f"{name}-{kind}")
        began = time.monotonic()
        await contest.run()
        parts[kind] = {
            "per_second": len(contest.waits) / (time.monotonic() - began),
            "waits": contest.waits,
            "handovers": contest.handovers,
        }
    began = time.monotonic()
    pairs = await bare(database, contenders, time.monotonic() + seconds, name)
    parts["bare_per_second"] = pairs / (time.monotonic() - began)
    database.close()
    return parts


def measure(url: str, kind: str, contenders: int, seconds: float) -> dict[str, Any]:
    """Medians over the rounds of one number of contenders; times in milliseconds."""
    rounds = [
        asyncio.run(measure_round(url, contenders, seconds / ROUNDS, f"{contenders}-{number}"))
        for number in range(ROUNDS)
    ]
    speed = statistics.median(each["many"]["per_second"] for each in rounds)
    pairs = statistics.median(each["bare_per_second"] for each in rounds)
    ratio = statistics.median(each["many"]["per_second"] / each["bare_per_second"] for each in rounds)
    waits = _sorted(each["many"]["waits"] for each in rounds)
    handovers = _sorted(each["one"]["handovers"] for each in rounds)
    return {
        "database": kind,
        "contenders": contenders,
        "claims_per_second": speed,
        "bare_per_second": pairs,
        "over_bare": ratio,
        "over_target": speed / TARGETS[kind],
        "claim_p50_ms": _quantile(waits, 0.5),
        "claim_p99_ms": _quantile(waits, 0.99),
        "claim_max_ms": _quantile(waits, 1.0),
        "one_file_per_second": statistics.median(each["one"]["per_second"] for each in rounds),
        "handover_p50_ms": _quantile(handovers, 0.5),
        "handover_p99_ms": _quantile(handovers, 0.99),
    }


def _sorted(parts: Iterator[list[float]]) -> list[float]:
    return sorted(1000 * each for part in parts for each in part)


def _quantile(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


@contextmanager
def opened(kind: str) -> Generator[str | None]:
    """A fresh database of one kind; None where it cannot be had."""
    if kind == "sqlite":
        folder = Path(tempfile.mkdtemp(prefix="paceline-bench-"))
        remove: Callable[[], None] = lambda: None  # noqa: E731 - nothing to stop
        url: str | None = f"sqlite:///{folder / 'bench.db'}"
    else:
        cluster = start_cluster(durable=True)
        if cluster is None:
            yield None
            return
        folder, url, remove = cluster.folder, cluster.create(), cluster.stop
    try:
        upgrade(url)
        database = Database(url)
        database.write_now(_prepare)
        database.close()
        yield url
    finally:
        remove()
        shutil.rmtree(folder)


def _prepare(session: Session) -> None:
    """Tables for the bare transactions, of the same shape as those of claims."""
    connection = session.connection()
    connection.execute(text("CREATE TABLE bare_rows (name TEXT PRIMARY KEY, needs TEXT NOT NULL)"))
    connection.execute(text("INSERT INTO claim_scopes VALUES ('bare', 1, 1, 1)"))


def _line(numbers: dict[str, Any]) -> str:
    """One row for people."""
    shown = {name: "-" if value is None else value for name, value in numbers.items()}
    return (
        f"{shown['database']:9} {shown['contenders']:3} contenders: {shown['claims_per_second']:7} claims/s "
        f"({shown['over_bare']} of bare, {shown['over_target']} of the target), claim p50 "
        f"{shown['claim_p50_ms']} p99 {shown['claim_p99_ms']} ms, release to next grant p50 "
        f"{shown['handover_p50_ms']} p99 {shown['handover_p99_ms']} ms"
    )


def main() -> None:
    """Measure, and print one line for each database and number of contenders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each kind of load, over all rounds")
    parser.add_argument("--database", choices=sorted(TARGETS), action="append")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    chosen = parser.parse_args()
    for kind in chosen.database or ["sqlite", "postgres"]:
        with opened(kind) as url:
            for contenders in CONTENDERS if url else ():
                raw = measure(url or "", kind, contenders, chosen.seconds)
                rounded = {name: round(v, 3) if isinstance(v, float) else v for name, v in raw.items()}
                sys.stdout.write((json.dumps(rounded) if chosen.json else _line(rounded)) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
