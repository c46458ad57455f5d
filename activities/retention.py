"""Removing the artifacts of runs that ended: of one, of all that ended long ago, or of the oldest."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from activities.bundle_zip import SCRATCH
from activities.files import is_inside
from paceline.domain.events import Event, EventDraft, EventType
from paceline.domain.retention import over_size
from paceline.domain.rollback import RollbackState
from paceline.domain.states import RunState
from paceline.domain.status import Artifact
from paceline.errors import Conflict
from paceline.settings import Settings
from paceline.store import artifacts, events, rollbacks, runs
from paceline.store.database import Database
from paceline.store.statements import read_clock

REMOVED_EVENT = "artifacts.removed"
LEFT_SECONDS = 3600.0
"""What nobody has written to for so long was left by a process that was killed."""
_UNFINISHED = (".partial", ".part")

log = logging.getLogger(__name__)


def artifact_file(settings: Settings, artifact: Artifact) -> Path | None:
    """The artifact's file; None where its path leads out of the artifact folder."""
    root = settings.artifact_root
    return (root / artifact.path).resolve() if is_inside(root, artifact.path) else None


async def remove_artifacts(
    database: Database, settings: Settings, project: str, reason: str, actor: str = "paceline"
) -> list[Artifact]:
    """Remove every artifact of an ended run from the index and from disk.

    The index goes first, with an event that says why: nobody is shown what is half gone. What a process that
    is killed in between leaves on disk is found by `remove_left_over`.

    Args:
        database: where the index is.
        settings: name the folder.
        project: the run.
        reason: why, in words.
        actor: who wants it.

    Returns:
        What was removed.

    Raises:
        NotFound: there is no such run.
        Conflict: it has not ended, or is being rolled back.
    """
    known = await database.write(_take_away, project, reason, actor)
    await asyncio.to_thread(_unlink, settings, project, known)
    if known:
        log.info("%d artifacts of %s were removed: %s", len(known), project, reason)
    return known


async def remove_by_rules(database: Database, settings: Settings) -> list[str]:
    """Remove what is too old, and then the oldest while there is too much, as the settings say.

    Returns:
        The runs whose artifacts were removed.
    """
    gone: list[str] = []
    if settings.artifact_days:
        old = await database.read(old_runs, settings.artifact_days)
        reason = f"the run ended more than {settings.artifact_days:g} days ago"
        gone += await _remove_all(database, settings, old, reason)
    if settings.artifact_bytes:
        kept = await database.read(artifacts.kept_artifacts)
        reason = f"all artifacts together were more than {settings.artifact_bytes} bytes"
        gone += await _remove_all(database, settings, over_size(kept, settings.artifact_bytes), reason)
    return gone


async def remove_left_over(database: Database, settings: Settings, older: float = LEFT_SECONDS) -> int:
    """Remove what killed processes left: files half written, and what was taken out of the index already.

    Args:
        database: where the index is.
        settings: name the folder.
        older: seconds for which nobody wrote to it.

    Returns:
        How many files and folders were removed.
    """
    root = settings.artifact_root
    folders = await asyncio.to_thread(_folders_in, root)
    emptied = await database.read(_emptied, folders)
    return await asyncio.to_thread(_remove_left, root, emptied, time.time() - older)


def old_runs(session: Session, days: float) -> list[str]:
    """The runs that ended at least so many days ago and still have artifacts, the oldest first.

    Args:
        session: any transaction.
        days: of 24 hours, by the clock that dated the ends.
    """
    return artifacts.ended_with_artifacts(session, read_clock(session) - timedelta(days=days))


def last_removal(session: Session, project: str) -> Event | None:
    """The event of the last time that a run's artifacts were removed; None where they never were."""
    found, number = None, 1
    while (event := events.event_of(session, project, _key(project, number))) is not None:
        found, number = event, number + 1
    return found


# In the database ---


async def _remove_all(
    database: Database, settings: Settings, projects: Sequence[str], reason: str
) -> list[str]:
    gone: list[str] = []
    for project in projects:
        try:
            if await remove_artifacts(database, settings, project, reason):
                gone.append(project)
        except Conflict as error:
            log.info("artifacts of %s stay for now: %s", project, error.message)
    return gone


def _take_away(session: Session, project: str, reason: str, actor: str) -> list[Artifact]:
    if runs.get_run(session, project).state is RunState.RUNNING:
        raise Conflict(f"Run {project} still writes artifacts; cancel it or wait for its end first.")
    if any(each.state is RollbackState.OPEN for each in rollbacks.rollbacks_of(session, project)):
        raise Conflict(f"A rollback of {project} is open and needs its evidence; wait for its end first.")
    known = artifacts.list_artifacts(session, project)
    if not known:
        return []
    artifacts.forget_artifacts(session, [artifact.id for artifact in known])
    last = last_removal(session, project)
    number = 1 if last is None else int(last.data["number"]) + 1
    size = sum(artifact.bytes for artifact in known)
    draft = EventDraft(
        key=_key(project, number),
        type=EventType.WORKFLOW_EVENT,
        name=REMOVED_EVENT,
        actor=actor,
        data={"number": number, "reason": reason, "count": len(known), "bytes": size},
    )
    events.append_events(session, project, [draft])
    return known


def _key(project: str, number: int) -> str:
    return f"{project}#artifacts-removed#{number}"


def _emptied(session: Session, folders: Iterable[str]) -> set[str]:
    """Those that belong to a run whose artifacts were removed, and which has none since."""
    return {
        name
        for name in folders
        if last_removal(session, name) is not None and not artifacts.has_artifacts(session, name)
    }


# On disk ---


def _unlink(settings: Settings, project: str, known: Sequence[Artifact]) -> None:
    for artifact in known:
        path = artifact_file(settings, artifact)
        if path is not None:
            path.unlink(missing_ok=True)
    _remove_folder(settings.artifact_root, project)


def _remove_folder(root: Path, project: str) -> bool:
    """Remove all that is left of a run, such as what its attempts noted beside their artifacts."""
    folder = root / project
    if folder.parent != root or folder.is_symlink() or not folder.is_dir():
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _folders_in(root: Path) -> list[str]:
    return sorted(entry.name for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []


def _remove_left(root: Path, emptied: Collection[str], before: float) -> int:
    gone = sum(
        _remove_folder(root, name) for name in sorted(emptied) if (root / name).stat().st_mtime < before
    )
    for folder, _, files in os.walk(root):
        for name in files:
            if name.startswith(SCRATCH) or name.endswith(_UNFINISHED):
                gone += _unlink_older(Path(folder) / name, before)
    return gone


def _unlink_older(path: Path, before: float) -> bool:
    try:
        if path.lstat().st_mtime >= before:
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True
