"""What the database of this home knows of runs whose work is preserved; nothing where there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from paceline.domain.ids import slug
from paceline.domain.states import RunState
from paceline.errors import NotFound, PacelineError
from paceline.settings import Settings
from paceline.store import events, runs, status
from paceline.store.database import Database
from paceline.vcs.preserved import PreservedWork
from paceline.vcs.repository import Repository

_ALL = 1_000_000


@dataclass(frozen=True)
class RunFacts:
    """One run: whether it goes on, its stories' ids by slug, and why attempts ended."""

    running: bool
    repository: str | None
    stories: dict[str, str] = field(default_factory=dict[str, str])
    codes: dict[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])


async def run_facts(
    settings: Settings, repository: Repository, works: list[PreservedWork]
) -> dict[str, RunFacts]:
    """Facts by project, for the runs that this home's database knows and that are of this repository."""
    url = settings.resolved_database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        return {}
    database = Database(url)
    try:
        projects = dict.fromkeys(work.project for work in works)
        found = {project: await database.read(_facts, project) for project in projects}
    finally:
        database.close()
    return {
        project: facts
        for project, facts in found.items()
        if facts is not None and await _same(repository, facts.repository)
    }


def _facts(session: Session, project: str) -> RunFacts | None:
    try:
        run = runs.get_run(session, project)
    except NotFound:
        return None
    ended = [e for e in events.events_after(session, project, 0, _ALL) if e.name == "attempt.ended"]
    return RunFacts(
        running=run.state is RunState.RUNNING,
        repository=run.repository,
        stories={slug(row.id): row.id for row in status.story_statuses(session, project)},
        codes={(slug(e.story or ""), int(e.data["attempt"])): str(e.data["code"]) for e in ended},
    )


async def _same(repository: Repository, path: str | None) -> bool:
    """Whether a run is of this repository; another database may have given its name to another run."""
    if path is None:
        return False
    try:
        return (await Repository.open(Path(path))).identity() == repository.identity()
    except PacelineError:
        return False
