"""Status endpoints over a full database: a run of thousands of stories goes on while they are asked."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import insert
from sqlalchemy.orm import Session

from api.starts import start_run
from paceline.domain.events import EventType
from paceline.domain.exchange import StartRequest
from paceline.domain.plan import Agent, Dependency, Epic, File, Item, Plan, Source, Sprint, Story
from paceline.domain.states import AgentState
from paceline.domain.status import RunOptions
from paceline.domain.work import AgentDeclaration
from paceline.errors import PacelineError
from paceline.settings import Settings
from paceline.store.database import Database
from paceline.store.migrate import upgrade
from paceline.store.models import AgentHistoryRow, EventCounterRow, EventRow
from workers.temporal_client import connect
from workers.temporal_server import EmbeddedServer

PROJECT = "scale"
EXPORTED = ("stories", "time")
"""Tables with a record for each story."""
AGENTS = 20
EPICS_IN_SPRINT = 10
SPRINTS = 10
CAP = 10
"""Stories at a time."""
WORK_SECONDS = 1.0
CHANGES_OF_AGENTS = 100_000
AT_ONCE = 10_000
"""Rows of one insert."""

Say = Callable[[str], None]


@dataclass
class Endpoint:
    """One endpoint: the milliseconds of each request, and the bytes of its last reply."""

    path: str
    milliseconds: list[float] = field(default_factory=list[float])
    bytes: int = 0

    def at(self, percent: float) -> float:
        """The time that so many percent of the requests did not exceed."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    def report(self) -> dict[str, Any]:
        """What is printed."""
        shown = {f"p{percent}": round(self.at(percent), 2) for percent in (50, 95, 99)}
        return {"path": self.path, **shown, "max": round(max(self.milliseconds), 2), "bytes": self.bytes}


@dataclass
class Export:
    """One table as CSV: how long it took, and how much memory of the API it took at most."""

    table: str
    records: int
    seconds: float
    megabytes_added: float | None
    """Above what the API had before; None where the system does not tell."""


@dataclass
class Scale:
    """What was measured, beside the run it was measured on."""

    stories: int
    events: int
    endpoints: list[Endpoint]
    exports: list[Export]

    def report(self) -> dict[str, Any]:
        """What is printed as JSON."""
        counted = {"stories": self.stories, "events": self.events}
        exports = [asdict(each) for each in self.exports]
        return {**counted, "endpoints": [each.report() for each in self.endpoints], "exports": exports}


async def measure(stories: int, events: int, requests: int, database_url: str | None, say: Say) -> Scale:
    """Fill a database, let a sprint run in processes of its own, and ask every status endpoint meanwhile.

    Args:
        stories: of the run.
        events: that it has before it starts.
        requests: for each endpoint; the endpoints take turns.
        database_url: an empty database; None: a file of SQLite.
        say: is told what is done.
    """
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paceline-bench-")))
        settings = Settings(
            home=home, database_url=database_url, temporal_address=None, temporal_port=0, temporal_ui_port=0
        )
        upgrade(settings.resolved_database_url)
        database = Database(settings.resolved_database_url)
        stack.callback(database.close)
        say(f"writing {events} events")
        for first in range(1, events + 1, AT_ONCE):
            await database.write(_fill_events, first, min(AT_ONCE, events + 1 - first), stories)
        for _ in range(CHANGES_OF_AGENTS // AT_ONCE):
            await database.write(_fill_history)
        server = await EmbeddedServer.start(settings, say)
        stack.push_async_callback(server.stop)
        client = await connect(server.address, settings.temporal_namespace)
        say(f"starting a run of {stories} stories")
        agent = AgentDeclaration(
            kind="simulated", concurrency=CAP, simulated_seconds=(WORK_SECONDS, WORK_SECONDS)
        )
        options = RunOptions(max_parallel=CAP, agents={"*": agent})
        request = StartRequest(plan=_plan(stories).to_json(), project=PROJECT, options=options)
        await start_run(request, database, client)
        await stack.enter_async_context(_process(settings, server.address, 0, "worker"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        api = await stack.enter_async_context(_process(settings, server.address, port, "api"))
        http = await stack.enter_async_context(httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}"))
        await _until_working(http, say)
        endpoints = await _ask(http, [Endpoint(path) for path in _paths(events)], requests, say)
        exports = [await _export(http, table, api.pid) for table in EXPORTED]
        return Scale(stories, events, endpoints, exports)


def _paths(events: int) -> list[str]:
    run = f"/api/v1/projects/{PROJECT}"
    return [
        "/api/v1/agents/status",
        "/api/v1/agents/status/Agent%201",
        "/api/v1/agents/status-history/Agent%201",
        "/api/v1/projects",
        f"{run}?stories=false",
        f"{run}/stories?limit=100",
        f"{run}/stories/S1",
        f"{run}/completion",
        f"{run}/claims",
        f"{run}/events?after={events}&limit=100",
        "/api/v1/questions",
    ]


async def _ask(http: httpx2.AsyncClient, found: list[Endpoint], requests: int, say: Say) -> list[Endpoint]:
    for number in range(requests):
        if number % 50 == 0:
            say(f"request {number} of {requests} for each of {len(found)} endpoints")
        for endpoint in found:
            began = time.perf_counter()
            reply = await http.get(endpoint.path)
            endpoint.milliseconds.append((time.perf_counter() - began) * 1000)
            endpoint.bytes = len(reply.content)
            if reply.status_code != 200:
                raise PacelineError(
                    f"{endpoint.path} answered {reply.status_code}, so nothing counts: {reply.text[:200]}"
                )
    return found


async def _export(http: httpx2.AsyncClient, table: str, api: int) -> Export:
    before, began, lines = _peak_megabytes(api), time.perf_counter(), 0
    async with http.stream("GET", f"/api/v1/projects/{PROJECT}/export/{table}", timeout=600) as reply:
        async for part in reply.aiter_bytes():
            lines += part.count(b"\r\n")
    seconds, after = time.perf_counter() - began, _peak_megabytes(api)
    added = None if before is None or after is None else after - before
    return Export(table, lines - 1, round(seconds, 3), added)


def _peak_megabytes(process: int) -> float | None:
    """The most memory that a process had so far, as Linux tells it."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


async def _until_working(http: httpx2.AsyncClient, say: Say) -> None:
    """Wait until the API answers and the run's first stories have ended."""
    say("waiting for the first stories")
    for _ in range(240):
        try:
            counts = (await http.get(f"/api/v1/projects/{PROJECT}?stories=false")).json()["counts"]
            if counts.get("settled", 0) + counts.get("merged", 0) >= CAP:
                return
        except httpx2.TransportError:
            pass
        await asyncio.sleep(0.5)
    raise PacelineError("The run did not get under way within two minutes, so nothing was measured.")


@asynccontextmanager
async def _process(
    settings: Settings, address: str, port: int, command: str
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A part of Paceline in a process of its own, as in production."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "paceline.cli.main", command),
        env=os.environ
        | {
            "PACELINE_HOME": str(settings.home),
            "PACELINE_TEMPORAL_ADDRESS": address,
            "PACELINE_DATABASE_URL": settings.resolved_database_url,
            "PACELINE_API_PORT": str(port),
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _plan(count: int) -> Plan:
    """Sprints of epics of stories; each story but the first of its epic depends on the one before it."""
    sprints = [f"Sprint {number}" for number in range(1, SPRINTS + 1)]
    epics = [f"E{number}" for number in range(SPRINTS * EPICS_IN_SPRINT)]
    in_epic = -(-count // len(epics))
    stories = [
        Story(
            id=f"S{number}",
            title=f"Story number {number}",
            epic=epics[number // in_epic],
            sprints=[sprints[number // in_epic // EPICS_IN_SPRINT]],
            agents=[f"Agent {number % AGENTS}"],
            acceptance_criteria=[Item(text="It is done.")],
            files=[File(path=f"src/{number}.txt")],
            dependencies=[Dependency(as_written=f"S{number - 1}", resolved=[f"S{number - 1}"])]
            if number % in_epic
            else [],
        )
        for number in range(count)
    ]
    grouped = {key: list(group) for key, group in itertools.groupby(stories, key=lambda each: each.epic)}
    return Plan(
        title="Scale",
        source=Source(kind="normal form", lines=0, digest="0" * 64),
        sprints=[Sprint(id=each) for each in sprints],
        agents=[Agent(id=f"Agent {number}") for number in range(AGENTS)],
        epics=[
            Epic(id=key, title=key, stories=[story.id for story in group])
            for key, group in grouped.items()
            if key
        ],
        stories=stories,
    )


_NAMES = (
    "claim.waiting",
    "claim.granted",
    "attempt.started",
    "agent.status",
    "attempt.ended",
    "claim.granted",
)
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def _fill_events(session: Session, first: int, count: int, stories: int) -> None:
    """The next events of a long past, as they are stored."""
    rows = [
        {
            "project": PROJECT,
            "number": number,
            "key": f"past-{number}",
            "type": EventType.WORKFLOW_EVENT.value,
            "name": _NAMES[number % len(_NAMES)],
            "actor": "paceline",
            "story": f"S{number % stories}",
            "data": {"attempt": 1, "agent": f"Agent {number % AGENTS}", "code": "CHECK_FAILED"},
            "at": _LONG_AGO + timedelta(seconds=number),
        }
        for number in range(first, first + count)
    ]
    session.execute(insert(EventRow), rows)
    counter = session.get(EventCounterRow, PROJECT)
    if counter is None:
        session.add(EventCounterRow(project=PROJECT, last=count))
    else:
        counter.last = first + count - 1


def _fill_history(session: Session) -> None:
    """Changes of the agents' states in a long past."""
    states = list(AgentState)
    rows = [
        {
            "project": PROJECT,
            "agent": f"Agent {number % AGENTS}",
            "state": states[number % len(states)].value,
            "story": f"S{number}",
            "detail": None,
            "at": _LONG_AGO + timedelta(seconds=number),
        }
        for number in range(AT_ONCE)
    ]
    session.execute(insert(AgentHistoryRow), rows)
