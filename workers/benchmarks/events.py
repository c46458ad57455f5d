"""How long an event takes from its commit to the clients, through a real API and whatever disturbs.

One run has rounds, in each of which first only clients listen, some of which lose their connection all the
time, and then slow and hostile clients come as well; last the API is killed by `kill -9` and started again.
API, writer, clients, and slow and hostile ones are processes of their own, with one monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from paceline.domain.status import Run, RunOptions
from paceline.errors import PacelineError
from paceline.plans.reader import read_plan
from paceline.store import runs
from paceline.store.database import Database
from paceline.store.migrate import upgrade
from workers.benchmarks import graphs
from workers.benchmarks.event_figures import Span, Streamed, Taken, caught_up, read_commits, read_taken
from workers.benchmarks.event_processes import SLOW, fill
from workers.benchmarks.overhead import plan_of
from workers.ports import free_port

ROUNDS = 3
RESTART_SHARE = 0.2
"""Of the time, after the API is back; the rest is the rounds'."""
PER_PROCESS = 250
"""Clients of one process."""
PAUSE_SECONDS = 0.5
"""After a round, until what disturbed is gone."""
IDLE_SECONDS = 3.0
LAST_SECONDS = 60.0
"""How long the clients may take for what they lack."""

Say = Callable[[str], None]
Process = asyncio.subprocess.Process


async def measure(url: str | None, clients: int, rate: float, seconds: float, say: Say) -> Streamed:
    """Run all parts.

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
        name = "sqlite" if address.startswith("sqlite") else "postgresql"
        found = Streamed(name, clients, rate, seconds)
        await _Bench(found, address, Path(folder), say).run()
        return found


class _Bench:
    def __init__(self, found: Streamed, url: str, folder: Path, say: Say) -> None:
        self._found = found
        self._url = url
        self._folder = folder
        self._say = say
        self._port = free_port()
        self._project, self._bulk = (f"bench-{uuid.uuid4().hex[:8]}" for _ in range(2))
        self._spans: list[Span] = []
        self._listeners: list[Process] = []
        self._back = (0, 0.0)
        """The last event that was committed when the new API listened, and when that was."""

    async def run(self) -> None:
        database = Database(self._url)
        for project in (self._project, self._bulk):
            await database.write(_record, project)
        await asyncio.to_thread(fill, database, self._bulk, 100)
        database.close()
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(self._api())
            self._say(f"{self._found.clients} clients connect")
            async with asyncio.timeout(LAST_SECONDS):
                await self._listen(stack)
            cpu = _cpu_seconds(api.pid)
            await asyncio.sleep(IDLE_SECONDS)
            self._found.idle_cpu_percent = _percent(cpu, _cpu_seconds(api.pid), IDLE_SECONDS)
            await self._parts(stack, api)
            commits = read_commits(self._commits)
            await self._reach(max(commits))
            self._found.load_average = os.getloadavg()[0]
            await self._count(commits)

    @property
    def _commits(self) -> Path:
        return self._folder / "commits"

    async def _listen(self, stack: AsyncExitStack) -> None:
        """Start the processes of clients, each at addresses of its own where the machine has them."""
        left = self._found.clients
        while left > 0:
            place, count = len(self._listeners), min(left, PER_PROCESS)
            noted = str(self._folder / f"taken-{place}")
            process = await _begin(
                "listen",
                str(self._port),
                self._project,
                str(count),
                _own_address(f"127.0.{1 + place}.1"),
                noted,
            )
            stack.push_async_callback(_kill, process)
            self._listeners.append(process)
            left -= count

    async def _parts(self, stack: AsyncExitStack, api: Process) -> None:
        found = self._found
        writer = await _begin("write", self._url, self._project, str(found.rate), str(self._commits))
        stack.push_async_callback(_kill, writer)
        hostile = await _begin(
            "disturb", str(self._port), self._project, self._bulk, _own_address("127.0.0.2")
        )
        stack.push_async_callback(_kill, hostile)
        _tell(writer, "go")
        part = found.seconds * (1 - RESTART_SHARE) / ROUNDS / 2
        for number in range(1, ROUNDS + 1):
            self._say(f"round {number}: steady")
            await self._span("steady", part, api)
            self._say(f"round {number}: {SLOW} clients that never read, and hostile ones")
            _tell(hostile, "go")
            await self._span("disturbed", part, api)
            _tell(hostile, "stop")
            await _answer(hostile)
            await asyncio.sleep(PAUSE_SECONDS)
        found.hostile_connects = int(await _finish(hostile) or 0)
        found.refused_connects = await asyncio.to_thread(_refused, self._port)
        await self._restart(stack, api)
        await _finish(writer)

    async def _span(self, part: str, seconds: float, api: Process) -> None:
        begin, cpu = time.monotonic(), _cpu_seconds(api.pid)
        await asyncio.sleep(seconds)
        self._spans.append(Span(part, begin, time.monotonic()))
        percent = _percent(cpu, _cpu_seconds(api.pid), seconds)
        if percent is not None:
            self._found.api_cpu_percent[part] = max(percent, self._found.api_cpu_percent.get(part, 0.0))

    async def _restart(self, stack: AsyncExitStack, api: Process) -> None:
        self._say("the API is killed and started again")
        killed = time.monotonic()
        await _kill(api)
        await stack.enter_async_context(self._api())
        self._back = max(read_commits(self._commits)), time.monotonic()
        self._found.down_seconds = self._back[1] - killed
        await self._reach(self._back[0])
        await asyncio.sleep(self._found.seconds * RESTART_SHARE)
        self._spans.append(Span("restart", killed, time.monotonic()))

    async def _reach(self, number: int) -> None:
        """Wait until every client has an event."""
        for process in self._listeners:
            _tell(process, f"reach {number}")
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await asyncio.gather(*(_answer(process) for process in self._listeners))
        except TimeoutError:
            raise PacelineError(
                f"After {LAST_SECONDS:g} s some client had not got event {number}; it was lost, or the "
                "machine is too slow for this many clients and events."
            ) from None

    async def _count(self, commits: dict[int, float]) -> None:
        found, taken = self._found, list[Taken]()
        for place, process in enumerate(self._listeners):
            said = json.loads(await _finish(process))
            found.lost += said["lost"] + sum(max(commits) - last for last in said["last"])
            found.doubled += said["doubled"]
            found.reconnects += said["reconnects"]
            found.client_cpu_percent.append(said["cpu_percent"])
            taken += read_taken(self._folder / f"taken-{place}", said["counts"])
        found.events = len(commits)
        found.count(commits, self._spans, taken)
        found.caught_up = caught_up(taken, *self._back)

    @asynccontextmanager
    async def _api(self) -> AsyncGenerator[Process]:
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


async def _begin(*arguments: str) -> Process:
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


def _tell(process: Process, line: str) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe; narrows the type
    process.stdin.write(f"{line}\n".encode())


async def _answer(process: Process) -> None:
    assert process.stdout is not None  # noqa: S101 - it is a pipe; narrows the type
    await process.stdout.readline()


async def _finish(process: Process) -> str:
    """Have a process end, and return what it said last."""
    said, _ = await process.communicate(b"")
    return said.decode().strip()


async def _kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


def _own_address(wanted: str) -> str:
    """An address of this machine beside 127.0.0.1; empty where it has none."""
    with socket.socket() as probe:
        try:
            probe.bind((wanted, 0))
        except OSError:
            return ""
    return wanted


def _refused(port: int) -> int:
    """How many WebSockets the API refused."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(
        int(float(line.split()[-1]))
        for line in lines
        if line.startswith("paceline_event_streams_refused_total")
    )


def _percent(before: float | None, after: float | None, seconds: float) -> float | None:
    """Of one core; None where the system does not say."""
    return None if before is None or after is None else round(100 * (after - before) / seconds, 1)


def _cpu_seconds(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
