"""Removing the artifacts of runs that ended, of one or of all that ended long ago."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from paceline.domain.states import RunState
from paceline.domain.status import Artifact
from paceline.errors import Conflict
from paceline.settings import Settings
from paceline.store import artifacts, runs
from paceline.store.database import Database
from paceline.store.statements import read_clock


def artifact_file(settings: Settings, artifact: Artifact) -> Path | None:
    """The artifact's file; None where its path leads out of the artifact folder."""
    root = settings.artifact_root.resolve()
    path = (root / artifact.path).resolve()
    return path if path.is_relative_to(root) else None


async def remove_artifacts(database: Database, settings: Settings, project: str) -> list[Artifact]:
    """Remove every artifact of an ended run from disk and from the index.

    The index goes last: whoever dies in between leaves what the next clean-up finds.

    Args:
        database: where the index is.
        settings: name the folder.
        project: the run.

    Returns:
        What was removed.

    Raises:
        NotFound: there is no such run.
        Conflict: it has not ended.
    """
    known = await database.read(_of_ended, project)
    await asyncio.to_thread(_unlink, [artifact_file(settings, artifact) for artifact in known])
    await database.write(artifacts.forget_artifacts, [artifact.id for artifact in known])
    return known


def old_runs(session: Session, days: float) -> list[str]:
    """The runs that ended at least so many days ago and still have artifacts, the oldest first.

    Args:
        session: any transaction.
        days: of 24 hours, by the clock that dated the ends.
    """
    return artifacts.ended_with_artifacts(session, read_clock(session) - timedelta(days=days))


def _of_ended(session: Session, project: str) -> list[Artifact]:
    if runs.get_run(session, project).state is RunState.RUNNING:
        raise Conflict(f"Run {project} still writes artifacts; cancel it or wait for its end first.")
    return artifacts.list_artifacts(session, project)


def _unlink(paths: Sequence[Path | None]) -> None:
    for path in paths:
        if path is not None:
            path.unlink(missing_ok=True)
