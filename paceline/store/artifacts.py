"""The index of the artifact folder."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from paceline.domain.status import Artifact
from paceline.errors import NotFound
from paceline.store.models import ArtifactRow
from paceline.store.statements import dialect_of, insert_into


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


def delete_artifacts(session: Session, project: str) -> list[Artifact]:
    """Forget a project's files.

    Returns:
        What was indexed, so that the caller can remove the files.
    """
    known = list_artifacts(session, project)
    session.execute(
        delete(ArtifactRow).where(ArtifactRow.project == project).execution_options(synchronize_session=False)
    )
    return known


def _artifact(row: ArtifactRow) -> Artifact:
    return Artifact(**{name: getattr(row, name) for name in Artifact.model_fields})
