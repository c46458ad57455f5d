"""What has to be right on a machine for runs to work, looked at one by one; nothing is changed."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path

import httpx2

from api.security import required_token
from paceline.agents.adjusting_options import load_adjusting_options
from paceline.agents.calendar_options import load_calendar_options
from paceline.agents.claim_options import load_claim_options
from paceline.agents.completion_options import load_completion_options
from paceline.agents.confinement import find_sandbox
from paceline.agents.finish_options import load_finish_options
from paceline.agents.metrics_options import load_metrics_options
from paceline.agents.notify_options import load_notify_options
from paceline.agents.proof_options import load_proof_options
from paceline.agents.question_options import load_question_options
from paceline.agents.registry import load_declarations
from paceline.agents.story_options import load_story_options
from paceline.agents.toml_tables import DECLARATIONS, read_declarations, require_known_tables
from paceline.cli.survey import checkout_of
from paceline.domain.model import Model
from paceline.errors import ConfigurationError, PacelineError, RepositoryMissing
from paceline.settings import Settings
from paceline.store import migrate
from paceline.vcs.git import git, require_git
from paceline.vcs.options import load_worktree_options
from paceline.vcs.repository import Repository
from workers.temporal_binary import known_binary
from workers.temporal_client import connect

SECONDS = 5.0
"""How long one look at another machine or process may take."""
_TABLES: tuple[Callable[[str, str], object], ...] = (
    require_known_tables,
    load_declarations,
    load_adjusting_options,
    load_metrics_options,
    load_story_options,
    load_proof_options,
    load_claim_options,
    load_completion_options,
    load_finish_options,
    load_question_options,
    load_notify_options,
    load_calendar_options,
    load_worktree_options,
)


class Verdict(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    NOTE = "note"
    """Works, and could be better."""
    PROBLEM = "problem"
    """Runs will not start, or not end, before it is put right."""


class Diagnosis(Model):
    """What was looked at, and what was found."""

    name: str
    verdict: Verdict
    text: str
    """With what to do, where something is to be done."""


async def diagnose(settings: Settings, here: Path) -> list[Diagnosis]:
    """Look at everything, in the order in which it is needed.

    Args:
        settings: of this process.
        here: the folder whose repository is looked at.
    """
    repository = await _repository(here)
    looks: list[tuple[str, Awaitable[Diagnosis]]] = [
        ("git", _git()),
        ("home", asyncio.to_thread(_home, settings)),
        ("database", asyncio.to_thread(_database, settings)),
        ("temporal", _temporal(settings)),
        ("api", _api(settings)),
        ("sandbox", asyncio.to_thread(_sandbox)),
        ("repository", _work_tree(repository)),
        (DECLARATIONS, _declarations(here)),
    ]
    return list(await asyncio.gather(*(_guarded(name, look) for name, look in looks)))


async def _guarded(name: str, look: Awaitable[Diagnosis]) -> Diagnosis:
    try:
        return await look
    except PacelineError as error:
        return Diagnosis(name=name, verdict=Verdict.PROBLEM, text=error.message)


def _ok(name: str, text: str) -> Diagnosis:
    return Diagnosis(name=name, verdict=Verdict.OK, text=text)


def _note(name: str, text: str) -> Diagnosis:
    return Diagnosis(name=name, verdict=Verdict.NOTE, text=text)


# The machine ---


async def _git() -> Diagnosis:
    await require_git()
    return _ok("git", (await git(Path("/"), "--version")).text)


def _home(settings: Settings) -> Diagnosis:
    """Nothing is made: the nearest folder that is there has to be writable."""
    home = settings.home.expanduser().absolute()
    there = next(each for each in (home, *home.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{there} cannot be written; name another folder in PACELINE_HOME.")
    free = shutil.disk_usage(there).free
    if free < settings.worktree_min_free:
        raise ConfigurationError(
            f"{home} has {free // 10**6} MB free and an attempt needs {settings.worktree_min_free // 10**6}; "
            "make room, or set PACELINE_WORKTREE_MIN_FREE."
        )
    made = "" if there == home else ", which is made at the first start"
    return _ok("home", f"{home}{made}; {free // 10**9} GB free")


def _database(settings: Settings) -> Diagnosis:
    url = settings.resolved_database_url
    if settings.database_url is None and not (settings.home / "paceline.db").exists():
        return _ok("database", "SQLite in the home folder, which is made at the first start")
    known, newest = migrate.current(url), migrate.head()
    kind = url.partition(":")[0]
    if known == newest:
        return _ok("database", f"{kind}, schema {known}")
    if not migrate.is_known(known):
        raise ConfigurationError(
            f"{kind} has schema {known}, which a later version of Paceline made and this one does not know; "
            "install that version, or name another folder in PACELINE_HOME."
        )
    return _note(
        "database",
        f"{kind} has {f'schema {known}' if known else 'no schema'}, needed is {newest}; `paceline up` and "
        "`paceline run` see to it when they start, for `paceline api` and `worker` call `paceline migrate`",
    )


async def _temporal(settings: Settings) -> Diagnosis:
    if settings.temporal_address:
        await connect(settings.temporal_address, settings.temporal_namespace, patience=0)
        return _ok("temporal", f"the server at {settings.temporal_address} answers")
    said: list[str] = []
    binary = await asyncio.to_thread(known_binary, settings, said.append)
    if binary is not None:
        return _ok("temporal", f"{binary.path} ({binary.origin})")
    way = "or builds it in a few minutes" if shutil.which("go") else "and needs the network for it"
    return _note("temporal", " ".join([*said, f"No server yet; the first start fetches one, {way}."]))


async def _api(settings: Settings) -> Diagnosis:
    required_token(settings)
    url = settings.base_url
    token = settings.api_token.get_secret_value() if settings.api_token else ""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with httpx2.AsyncClient(headers=headers, timeout=SECONDS, trust_env=False) as http:
            health, ready = (await http.get(f"{url}/health")), (await http.get(f"{url}/ready"))
            told, parts = health.json(), ready.json()
    except httpx2.TransportError:
        return _note("api", f"nothing runs at {url}; `paceline up` starts it, or `paceline run` for itself")
    except ValueError:
        raise ConfigurationError(
            f"Another program answers at {url}; stop it, or set PACELINE_API_PORT to another port."
        ) from None
    if not parts.get("ready"):
        wrong = "; ".join(f"{name}: {parts[name]}" for name in parts if parts[name] not in ("ok", False))
        raise ConfigurationError(f"The API at {url} runs and is not ready ({wrong}); put that right.")
    return _ok("api", f"version {told.get('version')} runs at {url}")


def _sandbox() -> Diagnosis:
    found = find_sandbox("auto")
    if found.program is None:
        text = f"agents are not confined: {found.reason}; bubblewrap (Linux) would do it"
        return _note("sandbox", text)
    return _ok("sandbox", f"agents are confined by {found.program}")


# The repository here ---


async def _repository(here: Path) -> Repository | PacelineError:
    try:
        return await Repository.open(here)
    except PacelineError as error:
        return error


async def _work_tree(found: Repository | PacelineError) -> Diagnosis:
    if isinstance(found, RepositoryMissing):
        return _note("repository", f"{found.message} Runs with coding agents need one.")
    if isinstance(found, PacelineError):
        raise found
    await found.head_commit()
    if dirty := await found.is_dirty():
        shown = ", ".join(dirty[:3]) + (f" and {len(dirty) - 3} more" if len(dirty) > 3 else "")
        return _note("repository", f"not committed in {found.path}: {shown}; a run asks for a commit first")
    return _ok("repository", f"{found.path}, everything committed")


async def _declarations(here: Path) -> Diagnosis:
    """Of a checkout without commits too: whoever begins one writes this file first."""
    top = await checkout_of(here)
    if top is None:
        return _note(DECLARATIONS, "looked for in a git repository only")
    return await asyncio.to_thread(_declared, top)


def _declared(top: Path) -> Diagnosis:
    file = top / DECLARATIONS
    text = read_declarations(top)
    if text is None:
        return _note(DECLARATIONS, f"{file} is not there; without it no coding agent is declared")
    for load in _TABLES:
        load(text, str(file))
    agents = load_declarations(text, str(file))
    commands = {name: each.command for name, each in agents.items() if each.command}
    lacking = {name: command[0] for name, command in commands.items() if not _found(command[0])}
    if lacking:
        named = ", ".join(f"{program} of {name}" for name, program in lacking.items())
        raise ConfigurationError(
            f"{file} names programs that are not on PATH: {named}; install them or correct it."
        )
    counted = "1 agent" if len(agents) == 1 else f"{len(agents)} agents"
    return _ok(DECLARATIONS, f"{counted}: {', '.join(agents)}" if agents else "no agents in it")


def _found(program: str) -> bool:
    """Whether a program is there; one that is given by a place in the repository is known only at work."""
    return "{" in program or "/" in program or shutil.which(program) is not None
