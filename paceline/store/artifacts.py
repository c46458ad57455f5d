"""The index of the artifact folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from paceline.domain.states import RunState
from paceline.domain.status import Artifact
from paceline.errors import NotFound
from paceline.store.models import ArtifactRow, RunRow
from paceline.store.statements import dialect_of, insert_into

_AT_ONCE = 500
"""Ids in one statement."""


def index_artifact(session: Session, artifact: Artifact) -> Artifact:
    """Note a file; a known id is the file that was noted first.

    Returns:
        What is stored under the id.
    """
    insert = insert_into(dialect_of(session), ArtifactRow).values(artifact.model_dump())
    session.execute(insert.on_conflict_do_nothing())
    return get_artifact(session, artifact.id)


def list_artifacts(
    session: Session, project: str, story: str | None = None, kind: str | None = None
) -> list[Artifact]:
    """The files of a project, or of one story or kind of it, oldest first."""
    query = select(ArtifactRow).where(ArtifactRow.project == project)
    if story is not None:
        query = query.where(ArtifactRow.story == story)
    if kind is not None:
        query = query.where(ArtifactRow.kind == kind)
    query = query.order_by(ArtifactRow.created_at, ArtifactRow.id)
    return [_artifact(row) for row in session.execute(query).scalars()]


def get_artifact(session: Session, id: str) -> Artifact:
    """The file of this id.

    Raises:
        NotFound: there is none.
    """
    row = session.execute(select(ArtifactRow).where(ArtifactRow.id == id)).scalar_one_or_none()
    if row is None:
        raise NotFound(f"There is no artifact {id}; list the project's artifacts.", artifact=id)
    return _artifact(row)


def forget_artifacts(session: Session, names: Sequence[str]) -> None:
    """Take files out of the index, by their ids."""
    for start in range(0, len(names), _AT_ONCE):
        few = names[start : start + _AT_ONCE]
        session.execute(
            delete(ArtifactRow).where(ArtifactRow.id.in_(few)).execution_options(synchronize_session=False)
        )


def ended_with_artifacts(session: Session, until: datetime) -> list[str]:
    """The runs that ended by a time and still have files, the oldest first."""
    kept = select(ArtifactRow.project).where(ArtifactRow.project == RunRow.id).exists()
    query = select(RunRow.id).where(RunRow.state != RunState.RUNNING.value, RunRow.ended_at <= until, kept)
    return list(session.scalars(query.order_by(RunRow.ended_at, RunRow.id)))


def _artifact(row: ArtifactRow) -> Artifact:
    return Artifact(**{name: getattr(row, name) for name in Artifact.model_fields})
