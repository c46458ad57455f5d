"""What a `kill -9` of the worker costs: the same graph with and without it, one after the other."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client

from api.starts import start_run
from paceline.contracts import ProjectResult
from paceline.domain.exchange import StartRequest
from paceline.domain.states import SUCCESS_STATES
from paceline.domain.status import RunOptions
from paceline.domain.work import AgentDeclaration
from paceline.errors import PacelineError
from paceline.settings import Settings
from paceline.store.database import Database
from paceline.store.migrate import upgrade
from workers.benchmarks import graphs
from workers.benchmarks.overhead import CAP, plan_of
from workers.temporal_client import connect
from workers.temporal_server import EmbeddedServer

KILL_AFTER = 4.0
"""Seconds from the start of the run to the kill."""
WORK_SECONDS = 0.5

Say = Callable[[str], None]


@dataclass
class Recovered:
    """Wall-clock seconds of each round, without and with a kill."""

    stories: int
    undisturbed: list[float] = field(default_factory=list[float])
    killed: list[float] = field(default_factory=list[float])

    def seconds_added(self) -> float:
        """Difference of the medians."""
        return statistics.median(self.killed) - statistics.median(self.undisturbed)

    def ratio(self) -> float:
        """Ratio of the medians."""
        return statistics.median(self.killed) / statistics.median(self.undisturbed)


async def measure(rounds: int, say: Say) -> Recovered:
    """Run the 200-story graph with 0.5 s of work on a worker process, and again with a kill and a restart.

    Args:
        rounds: how often each.
        say: is told what is running.
    """
    graph = graphs.layered()
    found = Recovered(len(graph))
    with tempfile.TemporaryDirectory(prefix="paceline-bench-") as folder:
        settings = Settings(home=Path(folder), temporal_address=None, temporal_port=0, temporal_ui_port=0)
        server = await EmbeddedServer.start(settings, say)
        try:
            url = f"sqlite:///{settings.home / 'paceline.db'}"
            upgrade(url)
            database = Database(url)
            client = await connect(server.address, settings.temporal_namespace)
            for number in range(1, rounds + 1):
                say(f"round {number} of {rounds}: undisturbed, then with a kill after {KILL_AFTER:g} s")
                worker = _Worker(settings.home, server.address)
                found.undisturbed.append(await _run(graph, database, client, worker, None))
                found.killed.append(await _run(graph, database, client, worker, KILL_AFTER))
            database.close()
        finally:
            await server.stop()
    return found


@dataclass(frozen=True)
class _Worker:
    home: Path
    address: str

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[asyncio.subprocess.Process]:
        """`paceline worker` in a process of its own."""
        environment = os.environ | {
            "PACELINE_HOME": str(self.home),
            "PACELINE_TEMPORAL_ADDRESS": self.address,
            "PACELINE_DATABASE_URL": f"sqlite:///{self.home / 'paceline.db'}",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "paceline.cli.main", "worker"),
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _run(
    graph: list[list[int]], database: Database, client: Client, worker: _Worker, kill_after: float | None
) -> float:
    agent = AgentDeclaration(
        kind="simulated", concurrency=CAP, simulated_seconds=(WORK_SECONDS, WORK_SECONDS)
    )
    request = StartRequest(
        plan=plan_of(graph).to_json(),
        project=f"recovery-{uuid.uuid4().hex[:8]}",
        options=RunOptions(max_parallel=CAP, agents={"*": agent}),
    )
    reply = await start_run(request, database, client)
    handle = client.get_workflow_handle(reply.run.id, result_type=ProjectResult)
    ended = asyncio.ensure_future(handle.result())
    async with worker.running():
        began = time.perf_counter()
        await asyncio.wait({ended}, timeout=kill_after)
    if not ended.done():
        async with worker.running():
            await ended
    seconds = time.perf_counter() - began
    done = sum(count for state, count in ended.result().counts.items() if state in SUCCESS_STATES)
    if done != len(graph):
        raise PacelineError(f"Only {done} of {len(graph)} stories succeeded, so the round does not count.")
    return seconds
