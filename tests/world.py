"""A whole Paceline for one test: a database, a repository, a client, and workers where it wants them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from api.starts import start_run
from api.temporal import update_workflow
from paceline.contracts import ProjectResult
from paceline.domain.events import Event
from paceline.domain.exchange import StartRequest
from paceline.domain.questions import Answer, AnswerReceipt, Decision, Question
from paceline.domain.status import ProjectStatus, Run, RunOptions
from paceline.domain.work import AgentDeclaration
from paceline.settings import Settings
from paceline.store import events, questions, status
from paceline.store.database import Database
from paceline.store.migrate import upgrade
from workers.temporal_client import connect
from workers.worker import running_workers

ROOT = Path(__file__).resolve().parents[1]
SCRIPTED_AGENT = ROOT / "examples" / "scripted_agent.py"
PATIENCE = 60.0
"""Seconds after which waiting for something that must happen is a failure."""

SIMULATED = {"*": AgentDeclaration(kind="simulated", concurrency=100)}


def scripted(*arguments: str, **fields: object) -> dict[str, AgentDeclaration]:
    """Every agent is the example's scripted command agent."""
    command = [sys.executable, str(SCRIPTED_AGENT), "--pace", "0", *arguments]
    base = AgentDeclaration(kind="command", command=command, concurrency=10)
    return {"*": base.model_copy(update=fields)}


def make_repository(path: Path) -> Path:
    """A git repository with one commit."""
    path.mkdir(parents=True)
    (path / "README.md").write_text("A small repository.\n")
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        ["-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", "Begin"],
    ):
        subprocess.run(["git", *arguments], cwd=path, check=True)
    return path


def git_lines(repository: Path, *arguments: str) -> list[str]:
    """What a git command prints, a line each."""
    done = subprocess.run(["git", *arguments], cwd=repository, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


@dataclass
class World:
    """The services of one test."""

    settings: Settings
    database: Database
    client: Client

    async def start(
        self,
        plan: str,
        *,
        agents: dict[str, AgentDeclaration] | None = None,
        repository: Path | None = None,
        project: str | None = None,
        **options: object,
    ) -> Run:
        """Start a plan as the API does."""
        # Most tests are about something else than what only people can prove, so nobody is asked about it;
        # nor are the days of their sprints reported.
        quiet = {"criteria": "record", "gates": "record", "calendar": {"reports": False}}
        chosen = RunOptions.model_validate({"agents": agents or SIMULATED, **quiet, **options})
        request = StartRequest(
            plan=plan,
            repository=str(repository) if repository else None,
            project=project,
            options=chosen,
        )
        return (await start_run(request, self.database, self.client)).run

    def workers(self) -> AbstractAsyncContextManager[None]:
        """Workers in this process."""
        return running_workers(self.client, self.database, self.settings)

    async def result(self, project: str) -> ProjectResult:
        """Wait for the end of a run."""
        handle = self.client.get_workflow_handle(project, result_type=ProjectResult)
        async with asyncio.timeout(PATIENCE):
            return await handle.result()

    async def status(self, project: str) -> ProjectStatus:
        """Where a run stands."""
        return await self.database.read(status.project_status, project)

    async def events(self, project: str) -> list[Event]:
        """Everything that happened, in order."""
        return await self.database.read(events.events_after, project, 0, 100_000)

    async def until(self, look: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait until something is so, in this process or another; fails after `PATIENCE`."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not await look():  # noqa: ASYNC110 - other processes set no event here
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{what} did not happen within {PATIENCE:.0f} s") from None

    async def question(self, project: str, number: int = 1) -> Question:
        """Wait until a run has asked so many questions that are still open; returns the last of them."""

        async def asked() -> bool:
            return len(await self.database.read(questions.list_questions, project)) >= number

        await self.until(asked, f"question {number} of {project}")
        found = await self.database.read(questions.list_questions, project)
        return found[-1]

    async def answer(
        self,
        question: Question,
        decision: Decision,
        text: str = "",
        actor: str = "ada",
        chosen: Sequence[str] = (),
    ) -> AnswerReceipt:
        """Answer by update, as the API does."""
        answer = Answer(question=question.id, decision=decision, text=text, actor=actor, chosen=list(chosen))
        return await update_workflow(self.client, question.workflow_id, "answer", answer, AnswerReceipt)


@asynccontextmanager
async def open_world(
    home: Path, address: str, namespace: str = "default", **settings: object
) -> AsyncGenerator[World]:
    """A world on a fresh SQLite database and a running Temporal server."""
    chosen = Settings.model_validate(
        {"home": home, "temporal_address": address, "sweep_interval": 1.0, **settings}
    )
    home.mkdir(parents=True, exist_ok=True)
    upgrade(chosen.resolved_database_url)
    database = Database(chosen.resolved_database_url)
    try:
        yield World(chosen, database, await connect(address, namespace))
    finally:
        database.close()
