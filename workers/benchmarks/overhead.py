"""What Paceline costs: the makespan of story graphs beside the same graphs on bare Temporal, in one run."""

from __future__ import annotations

import compileall
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from api.starts import start_run
from paceline.contracts import ProjectResult
from paceline.domain.exchange import StartRequest
from paceline.domain.plan import Agent, Dependency, Epic, File, Item, Plan, Source, Sprint, Story
from paceline.domain.states import SUCCESS_STATES
from paceline.domain.status import RunOptions
from paceline.domain.work import AgentDeclaration
from paceline.errors import PacelineError
from paceline.settings import Settings
from paceline.store.database import Database
from paceline.store.migrate import upgrade
from workers.benchmarks import graphs
from workers.benchmarks.bare import BareSprint, BareStory, bare_step
from workers.temporal_client import connect
from workers.temporal_server import EmbeddedServer
from workers.worker import running_workers, sandbox

CAP = 50
ROUNDS = 3
POLLERS = 20
BARE_QUEUE = "bare"
AGENT = "Agent"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Workload:
    """A graph and how long each story's work takes, in seconds."""

    name: str
    graph: list[list[int]]
    seconds: float

    @property
    def lower_bound(self) -> float:
        """Seconds that no system can beat: the longest path, and the work over the cap."""
        path = graphs.longest_path(self.graph) * self.seconds
        return max(path, len(self.graph) / CAP * self.seconds)


@dataclass
class Measured:
    """One workload: wall-clock seconds of each round, and the ratios of their medians."""

    workload: str
    stories: int
    edges: int
    longest_path: int
    seconds_of_work: float
    lower_bound: float
    bare_seconds: list[float] = field(default_factory=list[float])
    paceline_seconds: list[float] = field(default_factory=list[float])

    def ratios(self) -> dict[str, float | None]:
        """Medians, stories per second, and what they come to beside bare Temporal and the lower bound."""
        bare, ours = statistics.median(self.bare_seconds), statistics.median(self.paceline_seconds)
        bound = self.lower_bound
        return {
            "bare_median_seconds": bare,
            "paceline_median_seconds": ours,
            "bare_stories_per_second": self.stories / bare,
            "paceline_stories_per_second": self.stories / ours,
            "throughput_over_bare": bare / ours,
            "bare_makespan_over_lower_bound": bare / bound if bound else None,
            "paceline_makespan_over_lower_bound": ours / bound if bound else None,
        }

    def report(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self) | self.ratios()


def workloads(work_seconds: float) -> list[Workload]:
    """200 independent stories and the 200-story graph without work, and the graph with work.

    Args:
        work_seconds: how long the work of each story takes in the last one.
    """
    return [
        Workload("200 independent stories, no work", graphs.independent(), 0.0),
        Workload("200-story graph, no work", graphs.layered(), 0.0),
        Workload(f"200-story graph, {work_seconds:g} s of work", graphs.layered(), work_seconds),
    ]


async def measure(rounds: int, work_seconds: float, say: Say) -> list[Measured]:
    """Run every workload on both systems, in turn, on one tuned embedded server.

    Args:
        rounds: how often each; medians are taken.
        work_seconds: see `workloads`.
        say: is told what is running.
    """
    results: list[Measured] = []
    async with _laboratory(say) as laboratory:
        for load in workloads(work_seconds):
            result = Measured(
                load.name,
                len(load.graph),
                sum(len(each) for each in load.graph),
                graphs.longest_path(load.graph),
                load.seconds,
                load.lower_bound,
            )
            for number in range(1, rounds + 1):
                say(f"{load.name}: round {number} of {rounds}")
                result.bare_seconds.append(await laboratory.bare(load))
                result.paceline_seconds.append(await laboratory.paceline(load))
            results.append(result)
    return results


class _Laboratory:
    def __init__(self, client: Client, database: Database) -> None:
        self._client = client
        self._database = database

    async def bare(self, load: Workload) -> float:
        began = time.perf_counter()
        done = await self._client.execute_workflow(
            BareSprint.run,
            args=[load.graph, load.seconds, CAP],
            id=f"bare-{uuid.uuid4().hex[:8]}",
            task_queue=BARE_QUEUE,
        )
        seconds = time.perf_counter() - began
        _expect(done, len(load.graph))
        return seconds

    async def paceline(self, load: Workload) -> float:
        """From the request to the bundle, as a user would start it."""
        agent = AgentDeclaration(
            kind="simulated", concurrency=CAP, simulated_seconds=(load.seconds, load.seconds)
        )
        request = StartRequest(
            plan=plan_of(load.graph).to_json(),
            project=f"bench-{uuid.uuid4().hex[:8]}",
            options=RunOptions(max_parallel=CAP, agents={"*": agent}),
        )
        began = time.perf_counter()
        reply = await start_run(request, self._database, self._client)
        handle = self._client.get_workflow_handle(reply.run.id, result_type=ProjectResult)
        result = await handle.result()
        seconds = time.perf_counter() - began
        _expect(sum(result.counts.get(state, 0) for state in SUCCESS_STATES), len(load.graph))
        return seconds


def _expect(done: int, stories: int) -> None:
    if done != stories:
        raise PacelineError(f"Only {done} of {stories} stories succeeded, so the round does not count.")


def plan_of(graph: list[list[int]]) -> Plan:
    """The graph as a plan with ten epics and one agent."""
    epics = graphs.epics_of(graph)
    stories = [
        Story(
            id=f"S{index}",
            title=f"Story number {index}",
            epic=f"E{epics[index]}",
            sprints=["Sprint"],
            agents=[AGENT],
            acceptance_criteria=[Item(text="It is done.")],
            files=[File(path=f"src/{index}.txt")],
            dependencies=[
                Dependency(as_written=f"S{before}", resolved=[f"S{before}"]) for before in before_it
            ],
        )
        for index, before_it in enumerate(graph)
    ]
    return Plan(
        title="Benchmark",
        source=Source(kind="normal form", lines=0, digest="0" * 64),
        sprints=[Sprint(id="Sprint")],
        agents=[Agent(id=AGENT)],
        epics=[
            Epic(
                id=f"E{epic}",
                title=f"Epic {epic}",
                stories=[story.id for story in stories if story.epic == f"E{epic}"],
            )
            for epic in range(graphs.EPICS)
        ],
        stories=stories,
    )


@asynccontextmanager
async def _laboratory(say: Say) -> AsyncGenerator[_Laboratory]:
    """A server, a database and both systems' workers, in a folder of their own."""
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paceline-bench-")))
        settings = Settings(home=home, temporal_address=None, temporal_port=0, temporal_ui_port=0)
        server = await EmbeddedServer.start(settings, say)
        stack.push_async_callback(server.stop)
        upgrade(f"sqlite:///{home / 'paceline.db'}")
        database = Database(f"sqlite:///{home / 'paceline.db'}")
        stack.callback(database.close)
        client = await connect(server.address, settings.temporal_namespace)
        own = settings.model_copy(update={"database_url": None})
        await stack.enter_async_context(running_workers(client, database, own))
        # Both systems' workflow modules have bytecode, wherever Python may write it.
        compileall.compile_dir(Path(__file__).parent, maxlevels=0, quiet=2)
        bare = Worker(
            client,
            task_queue=BARE_QUEUE,
            workflows=[BareSprint, BareStory],
            activities=[bare_step],
            workflow_runner=sandbox(),
            max_concurrent_workflow_task_polls=POLLERS,
            max_concurrent_activity_task_polls=POLLERS,
        )
        await stack.enter_async_context(bare)
        yield _Laboratory(client, database)
