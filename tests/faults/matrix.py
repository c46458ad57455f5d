"""One cell of the kill matrix: a run of two stories in which one victim is killed at one step."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import shutil
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest

from paceline.domain.questions import Decision
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.errors import PacelineError
from paceline.settings import Settings
from paceline.store import claims, questions
from paceline.store.database import Database
from tests.databases import PostgresCluster
from tests.faults import matrix_agent
from tests.faults.stops import STEPS, Side, Step, Stop, run_worker
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, make_repository
from workers.search_attributes import ensure_search_attributes
from workers.temporal_client import connect
from workers.temporal_server import EmbeddedServer

VICTIMS = ("agent", "supervisor", "worker", "Temporal", "PostgreSQL", "SQLite", "git")
OUTCOMES: dict[tuple[str, str], list[str]] = {}
"""Of each cell that was run, by place and victim: what was wrong afterwards."""
PATIENCE = 90.0
GIT = shutil.which("git") or "git"
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.faults.stops"])

_KILLED_GIT = """#!/bin/sh
# Kills itself once, while the step lasts: {when} what it does.
if [ -e {folder}/armed ]; then
  case " $* " in
    (*"{effect}"*)
      {first}
      if mkdir {folder}/reached 2> /dev/null; then kill -9 $$; fi ;;
  esac
fi
exec {git} "$@"
"""


@dataclass(frozen=True)
class Cell:
    """Who is killed, and where."""

    step: Step
    side: Side
    victim: str

    def __str__(self) -> str:
        return f"{self.row}-{self.victim}"

    @property
    def row(self) -> str:
        """The place."""
        return f"{self.step.name}, {self.side}"

    @property
    def not_applicable(self) -> str | None:
        """Why nobody can be killed here; None where somebody can."""
        if self.victim in ("agent", "supervisor") and self.side not in self.step.alive:
            return "no agent runs"
        if self.victim == "git" and (not self.step.git or self.side == "inside"):
            return "no git runs"
        if self.victim == "SQLite" and self.side != "inside":
            return "nothing is being written"
        if self.victim == "worker" and self.side == "inside":
            return "this is SQLite's writer"
        return None


def all_cells() -> list[Cell]:
    """The whole matrix, row by row."""
    return [Cell(step, side, victim) for step in STEPS for side in step.sides for victim in VICTIMS]


@dataclass
class Services:
    """What cells share.

    Args:
        folder: where cells have their folders.
        address: of the Temporal server that lives.
        template: a migrated SQLite file.
        mortal: the Temporal server that is killed.
        postgres: the cluster that is killed.
        template_name: a migrated database in it.
    """

    folder: Path
    address: str
    template: Path
    mortal: EmbeddedServer | None = None
    postgres: PostgresCluster | None = None
    template_name: str = ""
    one_kill: asyncio.Lock = field(default_factory=asyncio.Lock)


class Trial:
    """One run with one kill."""

    def __init__(self, cell: Cell, services: Services, namespace: str) -> None:
        self.cell, self.services, self.namespace = cell, services, namespace
        self.name = f"m-{uuid.uuid4().hex[:10]}"
        self.folder = services.folder / self.name
        self.home, self.repository = self.folder / "home", self.folder / "repository"
        self.workers: list[BaseProcess] = []
        self.world: World

    async def run(self) -> list[str]:
        """Do it all.

        Returns:
            What is wrong afterwards, in sentences.
        """
        self._prepare_folders()
        # Nobody starts a run while a server that it needs is being killed.
        async with self.services.one_kill:
            self.world = await self._open()
        try:
            async with self.services.one_kill:
                run = await self.world.start(
                    self._plan(), project=self.name, repository=self.repository, agents=self._agents()
                )
            self._begin_something()
            before = fingerprint(self.repository)
            self._start_worker(STEPS.index(self.cell.step))
            if not await self._until(self._reached):
                return [f"the step was not reached within {PATIENCE:.0f} s: {await self._describe(run.id)}"]
            await self._kill()
            (self.folder / "go").touch()
            if not await self._until(self._ended):
                return [f"the run did not end within {PATIENCE:.0f} s: {await self._describe(run.id)}"]
            return await self._problems(before)
        finally:
            for worker in self.workers:
                worker.kill()
                await asyncio.to_thread(worker.join)
            self.world.database.close()

    # Before ---

    def _prepare_folders(self) -> None:
        self.home.mkdir(parents=True)
        make_repository(self.repository)
        if self.cell.victim == "git":
            self._put_git_on_path()

    def _begin_something(self) -> None:
        """The user is in the middle of something; a run does not start like this, but goes on."""
        (self.repository / "README.md").write_text("Edited.\n")
        (self.repository / "staged.txt").write_text("staged\n")
        git_lines(self.repository, "add", "staged.txt")
        (self.repository / "untracked.txt").write_text("untracked\n")

    def _put_git_on_path(self) -> None:
        program = self.folder / "bin" / "git"
        program.parent.mkdir()
        after = self.cell.side == "after"
        program.write_text(
            _KILLED_GIT.format(
                when=self.cell.side,
                folder=self.folder,
                effect=f" {self.cell.step.git} " if after else "",
                first=f'{GIT} "$@"' if after else "",
                git=GIT,
            )
        )
        program.chmod(0o755)

    def _plan(self) -> str:
        asks = self.cell.step.kind == "asks"
        first = S("1.1", files=("a.txt",), checks=("test -e a.txt",), approval=asks)
        return plan(E("1", [first, S("1.2", "Story 1.1", files=("b.txt",), checks=("test -e a.txt",))]))

    def _agents(self) -> dict[str, AgentDeclaration]:
        stop = f"{self.cell.step.name}:{self.cell.side}" if self.cell.step.arm is None else ""
        command = [sys.executable, "-I", "-S", matrix_agent.__file__, str(self.folder), stop]
        return {"*": AgentDeclaration(kind="command", command=[*command, self.cell.step.kind])}

    async def _open(self) -> World:
        services = self.services
        address, url = services.address, f"sqlite:///{self.home / 'paceline.db'}"
        if self.cell.victim == "Temporal" and services.mortal is not None:
            address = services.mortal.address
        if self.cell.victim == "PostgreSQL" and services.postgres is not None:
            url = await asyncio.to_thread(services.postgres.create, services.template_name)
        else:
            shutil.copy(services.template, self.home / "paceline.db")
        settings = Settings.model_validate(
            {"home": self.home, "temporal_address": address, "database_url": url, "sweep_interval": 1.0}
        )
        return World(settings, Database(url), await connect(address, self.namespace))

    def _start_worker(self, step: int | None = None) -> None:
        settings = self.world.settings
        environment = {
            "PACELINE_HOME": str(self.home),
            "PACELINE_TEMPORAL_ADDRESS": str(settings.temporal_address),
            "PACELINE_TEMPORAL_NAMESPACE": self.namespace,
            "PACELINE_DATABASE_URL": settings.resolved_database_url,
            "PACELINE_SWEEP_INTERVAL": "1",
        }
        if self.cell.victim == "git":
            environment["PATH"] = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        log = self.folder / "worker.log"
        stop = Stop(self.folder, self.cell.side, arms=self.cell.victim == "git")
        worker = _PROCESSES.Process(target=run_worker, args=(environment, log, step, stop), daemon=True)
        worker.start()
        self.workers.append(worker)

    # The kill ---

    async def _kill(self) -> None:
        match self.cell.victim:
            case "worker" | "SQLite":
                self.workers[-1].kill()
                await asyncio.to_thread(self.workers[-1].join)
                self._start_worker()
            case "agent" | "supervisor":
                pids = (self.folder / "agent").read_text().split()
                os.kill(int(pids[self.cell.victim == "supervisor"]), signal.SIGKILL)
            case "Temporal":
                await self._kill_temporal()
            case "PostgreSQL":
                async with self.services.one_kill:
                    assert self.services.postgres is not None
                    self.services.postgres.crash()
                    self.services.postgres.start()
            case _:
                """Git killed itself."""

    async def _kill_temporal(self) -> None:
        server = self.services.mortal
        assert server is not None
        async with self.services.one_kill:
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            await server.wait()
            await server.restart()

    async def _until(self, look: Callable[[], Awaitable[bool]]) -> bool:
        """Whether it came to be; who looks may meet a server that is being killed."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if await look():
                    return True
            except (PacelineError, SQLAlchemyError):
                """It is tried again."""
            await asyncio.sleep(0.1)
        return False

    async def _reached(self) -> bool:
        await self._answer()
        return (self.folder / "reached").exists()

    async def _ended(self) -> bool:
        await self._answer()
        return (await self.world.status(self.name)).run.state is not RunState.RUNNING

    async def _answer(self) -> None:
        """A person approves what is asked."""
        if self.cell.step.kind != "asks":
            return
        for question in await self.world.database.read(questions.list_questions, self.name):
            if question.answer is None:
                await self._approve(question.id, question.workflow_id)

    async def _approve(self, question: str, workflow_id: str) -> None:
        handle = self.world.client.get_workflow_handle(workflow_id)
        body = {"question": question, "decision": Decision.APPROVE.value, "text": "", "actor": "ada"}
        try:
            async with asyncio.timeout(5):
                await handle.signal("answer", body)
        except Exception:  # the server is being killed
            return

    # After ---

    async def _problems(self, before: dict[str, str]) -> list[str]:
        status = await self.world.status(self.name)
        if status.counts != {StoryState.MERGED: 2}:
            return [f"the stories did not merge: {await self._describe(self.name)}"]
        problems = [
            *self._wrong_merges([row.merge_commit for row in status.stories]),
            *self._lost_bytes(),
            *self._wrong_starts(),
            *await self._wrong_records(),
        ]
        left = await self._processes_left()
        if left:
            problems.append(f"processes are left: {left}")
        after = fingerprint(self.repository)
        changed = [name for name in before | after if before.get(name) != after.get(name)]
        if changed:
            problems.append(f"the user's checkout changed: {changed}")
        return problems

    def _wrong_merges(self, recorded: list[str | None]) -> list[str]:
        form = "--format=%H %(trailers:key=Paceline-Story,valueonly)"
        branch = f"paceline/{self.name}/sprint"
        lines = [line.split() for line in git_lines(self.repository, "log", "--merges", form, branch)]
        found = [line for line in lines if len(line) == 2]
        stories = sorted(story.rpartition("/")[2] for _, story in found)
        if stories != ["story-1.1", "story-1.2"] or {commit for commit, _ in found} != set(recorded):
            return [f"merges on the branch: {found}, recorded: {recorded}"]
        return []

    def _lost_bytes(self) -> list[str]:
        listed = git_lines(self.repository, "rev-list", "--objects", "--all")
        reachable = {line.split()[0] for line in listed}
        contents = (self.folder / "written").read_text().splitlines()
        lost = [text for text in contents if _blob_id(f"{text}\n".encode()) not in reachable]
        return [f"no ref reaches what the agent wrote: {lost}"] if lost or len(contents) < 4 else []

    def _wrong_starts(self) -> list[str]:
        starts = Counter((self.folder / "started").read_text().splitlines())
        second = self.cell.step.kind == "fails" or self.cell.victim in ("agent", "supervisor")
        expected = {"Story 1.1 attempt 1": 1, "Story 1.2 attempt 1": 1}
        if second:
            expected["Story 1.1 attempt 2"] = 1
        return [] if starts == expected else [f"agents were started: {dict(starts)}"]

    async def _wrong_records(self) -> list[str]:
        problems: list[str] = []
        events = await self.world.events(self.name)
        if [event.number for event in events] != list(range(1, len(events) + 1)):
            problems.append("the numbers of events have gaps or repeat")
        left = await self.world.database.read(claims.list_claims)
        if left:
            problems.append(f"claims are left: {left}")
        names = Counter((event.name, event.story) for event in events)
        for story in ("Story 1.1", "Story 1.2"):
            for name in ("merge.made", "story.merged"):
                if names[name, story] != 1:
                    problems.append(f"{names[name, story]} events {name} of {story}")
        asked = await self.world.database.read(questions.list_questions, self.name, None)
        answers = [event.data["question"] for event in events if event.name == "question.answered"]
        if len(asked) != (self.cell.step.kind == "asks") or answers != [each.id for each in asked]:
            problems.append(f"questions: {[each.id for each in asked]}, answers: {answers}")
        return problems

    async def _processes_left(self) -> list[str]:
        """Processes with this cell's folder in their environment; those just killed may take a moment."""
        mark = f"PACELINE_RUN={self.home}".encode()
        deadline = time.monotonic() + 5
        while (found := _marked(mark)) and time.monotonic() < deadline:  # noqa: ASYNC110 - none of ours
            await asyncio.sleep(0.1)
        return found

    async def _describe(self, project: str) -> str:
        try:
            status = await self.world.status(project)
        except (PacelineError, SQLAlchemyError) as error:
            return f"the database says {error}"
        rows = [f"{row.id} {row.state.value} ({row.reason})" for row in status.stories]
        log = self.folder / "worker.log"
        said = log.read_text(errors="replace")[-1500:] if log.exists() else ""
        return f"{status.run.state.value}; {'; '.join(rows)}\n{said}"


async def make_namespaces(address: str, names: Sequence[str]) -> None:
    """Worlds that share a server and not their task queues."""
    client = await connect(address, "default")
    for name in names:
        request = RegisterNamespaceRequest(namespace=name)
        request.workflow_execution_retention_period.FromSeconds(86400)
        await client.workflow_service.register_namespace(request)
    deadline = time.monotonic() + 60
    for name in names:
        while True:
            try:
                await ensure_search_attributes(await connect(address, name))
                break
            except PacelineError:
                # A new namespace is seen by all parts of the server only after a while.
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.2)


def fingerprint(repository: Path) -> dict[str, str]:
    """Everything of the user's that must not change: files, index, config, hooks, stash, own refs."""
    seen: dict[str, str] = {}
    own = ("objects", "refs", "logs", "packed-refs")
    for file in sorted(repository.rglob("*")):
        inside = file.relative_to(repository)
        if file.is_file() and not (inside.parts[0] == ".git" and inside.parts[1] in own):
            seen[str(inside)] = hashlib.sha256(file.read_bytes()).hexdigest()
    refs = git_lines(repository, "for-each-ref", "--format=%(refname) %(objectname)")
    return seen | {"refs": "\n".join(ref for ref in refs if "paceline/" not in ref)}


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324 - git's own id


def _marked(mark: bytes) -> list[str]:
    found: list[str] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


def table() -> list[str]:
    """The matrix as lines of text; nothing where no cell was run."""
    if not OUTCOMES:
        return []
    cells = {(cell.row, cell.victim): cell for cell in all_cells()}
    rows = list(dict.fromkeys(row for row, _ in cells))
    width = max(len(row) for row in rows)
    lines = ["  ".join([f"{'killed at':{width}}", *(f"{victim:10}" for victim in VICTIMS)]).rstrip()]
    reasons: dict[str, str] = {}
    for row in rows:
        shown = [_shown(cells[row, victim], reasons) for victim in VICTIMS]
        lines.append("  ".join([f"{row:{width}}", *(f"{text:10}" for text in shown)]).rstrip())
    return [*lines, *(f"n.a. {letter}: {reason}" for reason, letter in reasons.items())]


def _shown(cell: Cell, reasons: dict[str, str]) -> str:
    reason = cell.not_applicable
    if reason is not None:
        return f"n.a. {reasons.setdefault(reason, 'abcdefgh'[len(reasons)])}"
    problems = OUTCOMES.get((cell.row, cell.victim))
    return "not run" if problems is None else "FAILED" if problems else "ok"
