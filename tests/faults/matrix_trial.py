"""One cell of the kill matrix: a run of two stories in which one victim is killed at one step."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import signal
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from paceline.domain.questions import Decision
from paceline.domain.states import RunState
from paceline.domain.work import AgentDeclaration
from paceline.errors import PacelineError
from paceline.settings import Settings
from paceline.store import questions
from paceline.store.database import Database
from tests.databases import PostgresCluster
from tests.faults import matrix_agent
from tests.faults.matrix import Cell
from tests.faults.matrix_checks import Aftermath, fingerprint
from tests.faults.stops import STEPS, Stop, run_worker
from tests.sample_plans import E, S, plan
from tests.world import World, git_lines, make_repository
from workers.search_attributes import ensure_search_attributes
from workers.temporal_client import connect
from workers.temporal_server import EmbeddedServer

PATIENCE = 90.0
GIT = shutil.which("git") or "git"
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.faults.stops"])

_KILLED_GIT = """#!/bin/sh
# Kills itself once, while the step lasts: {when} what it does.
if [ -e {folder}/armed ]; then
  case " $* " in
    (*"{effect}"*)
      if mkdir {folder}/reached 2> /dev/null; then {first} kill -9 $$; fi ;;
  esac
fi
exec {git} "$@"
"""


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
                await self.world.start(
                    self._plan(), project=self.name, repository=self.repository, agents=self._agents()
                )
            aftermath = Aftermath(self.world, self.cell, self.name, self.folder, self.repository)
            self._begin_something()
            before = fingerprint(self.repository)
            self._start_worker(STEPS.index(self.cell.step))
            if not await self._until(self._reached):
                return [f"the step was not reached within {PATIENCE:.0f} s: {await aftermath.describe()}"]
            await self._kill()
            (self.folder / "go").touch()
            if not await self._until(self._ended):
                return [f"the run did not end within {PATIENCE:.0f} s: {await aftermath.describe()}"]
            found: list[str] = []

            async def looked() -> bool:
                found[:] = await aftermath.problems(before)
                return True

            return found if await self._until(looked) else ["the database does not answer"]
        finally:
            for worker in self.workers:
                worker.kill()
                await asyncio.to_thread(worker.join)
            self.world.database.close()
            if self.cell.victim == "PostgreSQL" and self.services.postgres is not None:
                async with self.services.one_kill:
                    self.services.postgres.drop(self.world.settings.resolved_database_url)

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
                first=f'{GIT} "$@";' if after else "",
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
            except (PacelineError, SQLAlchemyError, RPCError):
                """It is tried again."""
            if not self.workers[-1].is_alive():
                # It found a server dead at its start, and ended; a service manager starts it again.
                self._start_worker(STEPS.index(self.cell.step))
            await asyncio.sleep(0.1)
        return False

    async def _reached(self) -> bool:
        await self._answer()
        return (self.folder / "reached").exists()

    async def _ended(self) -> bool:
        await self._answer()
        if (await self.world.status(self.name)).run.state is RunState.RUNNING:
            return False
        described = await self.world.client.get_workflow_handle(self.name).describe()
        return described.status is not WorkflowExecutionStatus.RUNNING

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
