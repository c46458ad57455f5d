"""What the commands of a run are started in: everything of the user's and of others can only be read."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy.engine import make_url

from activities.context import ActivityContext, RunContext
from paceline.agents.confinement import Confinement, Sandbox, find_sandbox
from paceline.domain.events import EventDraft, EventType
from paceline.domain.work import AgentDeclaration, SandboxPolicy
from paceline.settings import Settings
from paceline.vcs.places import places_of
from paceline.vcs.private import private_folder
from paceline.vcs.repository import Repository

DEFAULT: SandboxPolicy = "auto"
_SQLITE_FILES = ("", "-wal", "-shm")


async def sandbox_of(
    context: ActivityContext,
    run: RunContext,
    repository: Repository,
    declaration: AgentDeclaration | None = None,
) -> Sandbox:
    """In what this machine starts the commands of a run.

    Args:
        context: the services of this process.
        run: says what is wanted.
        repository: the user's.
        declaration: of the agent that is to be started, whose word goes before the run's. Checks run what
            many agents wrote, and follow the run.

    Raises:
        SandboxUnavailable: one is required, and there is none here.
    """
    policy = (declaration.sandbox if declaration else None) or run.run.options.sandbox or DEFAULT
    return await asyncio.to_thread(_find, policy, repository, context.settings)


def around_checkout(sandbox: Sandbox, checkout: Path, *more: Path) -> Confinement | None:
    """What to start a command in that works in a checkout: it may change that and its private repository."""
    return sandbox.confine(checkout, private_folder(checkout), *more)


def unconfined_draft(project: str, sandbox: Sandbox) -> EventDraft:
    """Tells, once a run, that nothing keeps its agents from the user's files."""
    return EventDraft(
        key=f"{project}#agents-unconfined",
        type=EventType.WORKFLOW_EVENT,
        name="agents.unconfined",
        data={"reason": f"agents can write to everything that you can, as {sandbox.reason}"},
    )


def _find(policy: SandboxPolicy, repository: Repository, settings: Settings) -> Sandbox:
    places = [*places_of(repository), settings.home, settings.cache, *_database_files(settings)]
    return find_sandbox(policy, places)


def _database_files(settings: Settings) -> list[Path]:
    """Those of SQLite, which may be outside of the home."""
    url = make_url(settings.resolved_database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return []
    return [Path(f"{url.database}{end}").absolute() for end in _SQLITE_FILES]
