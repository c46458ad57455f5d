"""What people changed of a run, in the order in which they did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from paceline.domain.changes import ChangeDraft, ChangeKind, RunChange, plan_digest
from paceline.domain.plan import Plan
from paceline.domain.status import Run
from paceline.errors import NotFound
from paceline.store.models import RunChangeRow, RunRow
from paceline.store.runs import get_run, load_plan


def record_changes(session: Session, project: str, drafts: Sequence[ChangeDraft]) -> int:
    """Add changes, each under the next revision; one whose key is known stays as it is.

    Args:
        session: in a write transaction.
        project: the run.
        drafts: in the order in which they hold.

    Returns:
        The newest revision of the run.

    Raises:
        NotFound: there is no such run.
    """
    # Two that add at once would take the same revision; SQLite has one writer anyway.
    run = session.execute(select(RunRow.id).where(RunRow.id == project).with_for_update()).first()
    if run is None:
        raise NotFound(f"There is no run {project}; `paceline status` lists the runs.", run=project)
    known = set(session.scalars(select(RunChangeRow.key).where(RunChangeRow.project == project)))
    newest = latest_revision(session, project)
    for draft in drafts:
        if draft.key not in known:
            known.add(draft.key)
            newest += 1
            session.add(RunChangeRow(project=project, revision=newest, at=datetime.now(UTC), **_row(draft)))
    session.flush()
    return newest


def latest_revision(session: Session, project: str) -> int:
    """The newest revision of a run; 0 where nothing was changed."""
    query = select(func.max(RunChangeRow.revision)).where(RunChangeRow.project == project)
    return session.execute(query).scalar_one() or 0


def changes_of(session: Session, project: str, kind: ChangeKind | None = None) -> list[RunChange]:
    """All changes of a run, or those of one kind, in the order of their revisions."""
    query = select(RunChangeRow).where(RunChangeRow.project == project).order_by(RunChangeRow.revision)
    if kind is not None:
        query = query.where(RunChangeRow.kind == kind.value)
    return [_change(row) for row in session.scalars(query)]


def run_in_force(session: Session, project: str) -> tuple[Run, Plan, list[RunChange]]:
    """A run, the plan that it follows now without the changes to single stories, and all changes.

    Raises:
        NotFound: there is no such run.
    """
    run, changes = get_run(session, project), changes_of(session, project)
    return run, load_plan(session, plan_digest(run.plan_digest, changes)), changes


def _row(draft: ChangeDraft) -> dict[str, object]:
    return {**draft.model_dump(), "kind": draft.kind.value}


def _change(row: RunChangeRow) -> RunChange:
    fields = ("project", "revision", "key", "target", "text", "names", "number", "actor", "reason", "at")
    return RunChange(**{name: getattr(row, name) for name in fields}, kind=ChangeKind(row.kind))
