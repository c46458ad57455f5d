"""How long an event takes from its commit to the clients, through a real API and whatever disturbs.

One run has three parts: steady (only clients, some of which lose their connection all the time), a restart of
the API by `kill -9`, and a last one in which slow and hostile clients come as well.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from paceline.domain.status import Run, RunOptions
from paceline.errors import PacelineError
from paceline.plans.reader import read_plan
from paceline.store import runs
from paceline.store.database import Database
from paceline.store.migrate import upgrade
from workers.benchmarks import graphs
from workers.benchmarks.event_clients import Client
from workers.benchmarks.event_processes import fill
from workers.benchmarks.overhead import plan_of
from workers.ports import free_port

STEADY_SHARE, RESTART_SHARE = 0.4, 0.2
"""Of the time: until the API is killed, and after it is back until the slow and hostile come."""
DROPPED_SHARE = 0.02
"""Of the clients, lose their connection at once, every `DROP_SECONDS`."""
DROP_SECONDS = 0.5
SLOW = 20
IDLE_SECONDS = 3.0
LAST_SECONDS = 60.0
"""How long the clients may take for what they lack in the end."""
STEPS = (50, 95, 99)

Say = Callable[[str], None]


@dataclass
class Streamed:
    """What one run came to. Latencies are milliseconds from commit to client."""

    database: str
    clients: int
    rate: float
    seconds: float
    events: int = 0
    received: int = 0
    lost: int = 0
    doubled: int = 0
    reconnects: int = 0
    hostile_connects: int = 0
    idle_cpu_percent: float | None = None
    """Of the API while all clients listened and nothing happened."""
    latency: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])

    @property
    def disturbed_ratio(self) -> float | None:
        """99th percentile with slow and hostile clients over that without."""
        steady, disturbed = self.latency.get("steady"), self.latency.get("disturbed")
        return disturbed["p99"] / steady["p99"] if steady and disturbed else None


async def measure(url: str | None, clients: int, rate: float, seconds: float, say: Say) -> Streamed:
    """Run all three parts.

    Args:
        url: of a database for this; None: a SQLite file that is made and removed.
        clients: that listen to one project.
        rate: events a second.
        seconds: from the first event to the last, beside what the API's start takes.
        say: is told what is going on.

    Raises:
        PacelineError: a process did not start.
    """
    with tempfile.TemporaryDirectory(prefix="paceline-bench-") as folder:
        address = url or f"sqlite:///{Path(folder) / 'paceline.db'}"
        upgrade(address)
        found = Streamed("postgresql" if url else "sqlite", clients, rate, seconds)
        if url and url.startswith("sqlite"):
            found.database = "sqlite"
        bench = _Bench(found, address, Path(folder), say)
        await bench.run()
        return found


class _Bench:
    def __init__(self, found: Streamed, url: str, folder: Path, say: Say) -> None:
        self._found = found
        self._url = url
        self._folder = folder
        self._say = say
        self._port = free_port()
        self._project, self._bulk = (f"bench-{uuid.uuid4().hex[:8]}" for _ in range(2))
        self._clients = [Client(self._port, self._project) for _ in range(found.clients)]

    async def run(self) -> None:
        database = Database(self._url)
        for project in (self._project, self._bulk):
            await database.write(_record, project)
        await asyncio.to_thread(fill, database, self._bulk, 100)
        database.close()
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(self._api())
            tasks = [asyncio.create_task(client.run()) for client in self._clients]
            stack.push_async_callback(_cancel, tasks)
            self._say(f"{len(self._clients)} clients connect")
            async with asyncio.timeout(LAST_SECONDS):
                await asyncio.gather(*(client.connected.wait() for client in self._clients))
            self._found.idle_cpu_percent = await _cpu_percent(api.pid, IDLE_SECONDS)
            marks = await self._parts(stack, api)
            commits = _commits(self._folder / "commits")
            await self._catch_up(max(commits))
        self._count(commits, marks)

    async def _parts(self, stack: AsyncExitStack, api: asyncio.subprocess.Process) -> dict[str, float]:
        """Steady, restart, disturbed; returns when each began."""
        found, project, port = self._found, self._project, str(self._port)
        noted = str(self._folder / "commits")
        writer = await _begin("write", self._url, project, str(found.rate), noted)
        stack.push_async_callback(_kill, writer)
        hostile = await _begin("disturb", port, project, self._bulk, str(SLOW))
        stack.push_async_callback(_kill, hostile)
        dropping = asyncio.create_task(self._drop())
        stack.push_async_callback(_cancel, [dropping])
        _go(writer)
        self._say("steady")
        marks = {"steady": time.monotonic()}
        await asyncio.sleep(found.seconds * STEADY_SHARE)
        self._say("the API is killed and started again")
        marks["restart"] = time.monotonic()
        await _kill(api)
        await stack.enter_async_context(self._api())
        await asyncio.gather(*(client.connected.wait() for client in self._clients))
        await asyncio.sleep(found.seconds * RESTART_SHARE)
        self._say(f"{SLOW} clients that never read, and hostile ones")
        marks["disturbed"] = time.monotonic()
        _go(hostile)
        await asyncio.sleep(found.seconds * (1 - STEADY_SHARE - RESTART_SHARE))
        await _finish(writer)
        found.hostile_connects = int(await _finish(hostile) or 0)
        await _cancel([dropping])
        return marks

    async def _drop(self) -> None:
        """Connections are lost all the time."""
        while True:
            await asyncio.sleep(DROP_SECONDS)
            for client in random.sample(self._clients, math.ceil(len(self._clients) * DROPPED_SHARE)):
                client.drop()

    async def _catch_up(self, last: int) -> None:
        deadline = time.monotonic() + LAST_SECONDS
        while any(client.last < last for client in self._clients) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        self._found.lost += sum(last - client.last for client in self._clients)

    def _count(self, commits: dict[int, float], marks: dict[str, float]) -> None:
        found = self._found
        found.events = len(commits)
        parts: dict[str, list[float]] = {name: [] for name in marks}
        for client in self._clients:
            found.lost += client.lost
            found.doubled += client.doubled
            found.reconnects += client.reconnects
            found.received += len(client.numbers)
            for number, moment in zip(client.numbers, client.times, strict=True):
                committed = commits[number]
                part = [name for name, begin in marks.items() if begin <= committed] or ["steady"]
                parts[part[-1]].append(1000 * (moment - committed))
        found.latency = {name: _distribution(each) for name, each in parts.items() if each}

    @asynccontextmanager
    async def _api(self) -> AsyncGenerator[asyncio.subprocess.Process]:
        process = await _begin("serve", self._url, str(self._port), str(self._folder))
        try:
            yield process
        finally:
            await _kill(process)


def _record(session: Session, project: str) -> None:
    plan = read_plan(plan_of(graphs.layered()[:10]).to_json(), "plan.json")
    digest = runs.save_plan(session, plan, "")
    run = Run(
        id=project,
        title="Events",
        plan_digest=digest,
        options=RunOptions(),
        started_at=datetime.now(UTC),
    )
    runs.create_run(session, run)


def _commits(noted: Path) -> dict[int, float]:
    rows = (line.split() for line in noted.read_text().splitlines())
    return {int(number): float(moment) for number, moment in rows}


def _distribution(found: list[float]) -> dict[str, float]:
    found.sort()
    steps = {f"p{step}": found[math.ceil(len(found) * step / 100) - 1] for step in STEPS}
    return {**steps, "max": found[-1], "count": float(len(found))}


async def _begin(*arguments: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers.benchmarks.event_processes", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe; narrows the type
    if (await process.stdout.readline()).strip() != b"ready":
        await _kill(process)
        raise PacelineError(
            f"The process {arguments[0]!r} of the benchmark did not start; its words are above."
        )
    return process


def _go(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe; narrows the type
    process.stdin.write(b"go\n")


async def _finish(process: asyncio.subprocess.Process) -> str:
    """Have a process end, and return what it said last."""
    said, _ = await process.communicate(b"")
    return said.decode().strip()


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _cpu_percent(pid: int, seconds: float) -> float | None:
    """Of one core; None where the system does not say."""
    before = _cpu_seconds(pid)
    await asyncio.sleep(seconds)
    after = _cpu_seconds(pid)
    return None if before is None or after is None else round(100 * (after - before) / seconds, 2)


def _cpu_seconds(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
