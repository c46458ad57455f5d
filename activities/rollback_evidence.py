"""The evidence of a rollback: which commits it was about to make, who decided it, and how it is found again.

It is written before the branch moves, to the database and to the artifact folder, which is there also where
an older copy of the database was brought back. A trailer alone proves nothing: anybody can write one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.orm import Session

from activities.context import ActivityContext, RunContext
from paceline.domain.model import Model
from paceline.domain.rollback import NotedRollback, Rollback, RollbackState
from paceline.store import rollbacks
from paceline.store.database import Database


class RollbackEvidence(Model):
    """The file beside the checks of a rollback."""

    rollback: Rollback
    made: NotedRollback


@dataclass(frozen=True)
class FoundRollback:
    """A rollback that is on the branch; whether it was recorded is not said."""

    rollback: Rollback
    made: NotedRollback


def rollback_folder(context: ActivityContext, project: str, number: int) -> Path:
    """Where the files of a rollback are kept."""
    return context.settings.artifact_root / project / "rollbacks" / str(number)


async def note_evidence(context: ActivityContext, rollback: Rollback, made: NotedRollback) -> None:
    """Keep the evidence; after this the branch may move to the last of the commits."""
    path = rollback_folder(context, rollback.project, rollback.number) / f"made-{made.tip[:12]}.json"
    text = RollbackEvidence(rollback=rollback, made=made).model_dump_json(indent=2)
    await asyncio.to_thread(_write, path, text)
    await context.database.write(rollbacks.note_candidate, rollback.project, rollback.number, made)


async def find_evidence(
    context: ActivityContext, run: RunContext, commits: Sequence[str]
) -> FoundRollback | None:
    """The rollback whose commits, all of them and in their order, these begin with.

    Args:
        commits: on the branch itself, the oldest first.

    Returns:
        None where Paceline was not about to make them, or has recorded that it did not.
    """
    known = await context.database.read(_noted, run.run.id)
    for found in known:
        if _begins(commits, found.made):
            return found if found.rollback.state is not RollbackState.REFUSED else None
    kept = await asyncio.to_thread(_kept, rollback_folder(context, run.run.id, 0).parent)
    for found in kept:
        if _begins(commits, found.made) and found.rollback.project == run.run.id:
            return found if await _is_open(context.database, found.rollback) else None
    return None


async def _is_open(database: Database, kept: Rollback) -> bool:
    """Whether the database has not heard of it, or knows it without its commits."""
    rows = await database.read(rollbacks.rollbacks_of, kept.project)
    row = next((each for each in rows if each.number == kept.number), None)
    # In an older copy the number may have been given to another one since.
    return row is None or (row.state is RollbackState.OPEN and row.asked_at == kept.asked_at)


def _noted(session: Session, project: str) -> list[FoundRollback]:
    return [
        FoundRollback(each, made)
        for each in rollbacks.rollbacks_of(session, project)
        for made in rollbacks.noted_of(session, project, each.number).values()
    ]


def _begins(commits: Sequence[str], made: NotedRollback) -> bool:
    own = [each.commit for each in made.commits]
    return bool(own) and list(commits[: len(own)]) == own


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(text, "utf-8")
    beside.replace(path)


def _kept(folder: Path) -> list[FoundRollback]:
    found: list[FoundRollback] = []
    for path in sorted(folder.glob("*/made-*.json")):
        try:
            evidence = RollbackEvidence.model_validate_json(path.read_text("utf-8"))
        except (OSError, ValidationError):
            continue
        found.append(FoundRollback(evidence.rollback, evidence.made))
    return found
