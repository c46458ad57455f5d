"""The index of the artifact folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from paceline.domain.retention import KeptArtifacts
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


def renew_artifact(session: Session, id: str, at: datetime) -> Artifact:
    """Say that a file is as it should be at a later time than that of its making.

    Raises:
        NotFound: there is none of this id.
    """
    session.execute(update(ArtifactRow).where(ArtifactRow.id == id).values(created_at=at))
    return get_artifact(session, id)


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


def kept_artifacts(session: Session) -> list[KeptArtifacts]:
    """What is kept of every run that the database knows, in bytes."""
    size = func.sum(ArtifactRow.bytes)
    query = (
        select(ArtifactRow.project, size, RunRow.state, RunRow.ended_at)
        .join(RunRow, RunRow.id == ArtifactRow.project)
        .group_by(ArtifactRow.project, RunRow.state, RunRow.ended_at)
        .order_by(ArtifactRow.project)
    )
    return [
        KeptArtifacts(
            project=project, bytes=int(total), ended_at=None if state == RunState.RUNNING.value else ended_at
        )
        for project, total, state, ended_at in session.execute(query)
    ]


def has_artifacts(session: Session, project: str) -> bool:
    """Whether anything of a run is kept."""
    return session.scalar(select(ArtifactRow.id).where(ArtifactRow.project == project).limit(1)) is not None


def ended_without(session: Session, kind: str, since: datetime, until: datetime) -> list[str]:
    """The runs that ended in a time and have no artifact of a kind, the oldest first."""
    kept = select(ArtifactRow.id).where(ArtifactRow.project == RunRow.id, ArtifactRow.kind == kind).exists()
    query = select(RunRow.id).where(
        RunRow.state != RunState.RUNNING.value, RunRow.ended_at >= since, RunRow.ended_at <= until, ~kept
    )
    return list(session.scalars(query.order_by(RunRow.ended_at, RunRow.id)))


def page_of_artifacts(
    session: Session,
    project: str,
    *,
    limit: int,
    after: str | None = None,
    story: str | None = None,
    kind: str | None = None,
) -> list[Artifact]:
    """Files of a project in the order of their paths.

    Args:
        session: any transaction.
        project: the run.
        limit: the most that are returned.
        after: id of the last file that is known already.
        story, kind: only those of it.

    Raises:
        NotFound: there is no file of the id `after` in the project.
    """
    query = select(ArtifactRow).where(ArtifactRow.project == project)
    if after is not None:
        last = artifact_of(session, project, after)
        query = query.where(tuple_(ArtifactRow.path, ArtifactRow.id) > (last.path, last.id))
    if story is not None:
        query = query.where(ArtifactRow.story == story)
    if kind is not None:
        query = query.where(ArtifactRow.kind == kind)
    query = query.order_by(ArtifactRow.path, ArtifactRow.id).limit(limit)
    return [_artifact(row) for row in session.execute(query).scalars()]


def artifact_of(session: Session, project: str, id: str) -> Artifact:
    """A file of this id in this project.

    Raises:
        NotFound: there is none; one of another project is none.
    """
    found = get_artifact(session, id)
    if found.project != project:
        raise NotFound(f"There is no artifact {id} in {project}; list the project's artifacts.", artifact=id)
    return found


def _artifact(row: ArtifactRow) -> Artifact:
    return Artifact(**{name: getattr(row, name) for name in Artifact.model_fields})
