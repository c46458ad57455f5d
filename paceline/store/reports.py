"""The reports of sprints, and what people added to their retrospectives."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from paceline.domain.reports import Report, ReportDraft, ReportKind
from paceline.domain.retro_entries import EntryDraft, EntryKind, RetroEntry
from paceline.errors import NotFound
from paceline.store.models import ReportRow, RetroEntryRow, RunRow
from paceline.store.paging import By, Key, paged
from paceline.store.statements import dialect_of, insert_into, read_clock


def save_reports(session: Session, project: str, drafts: Sequence[ReportDraft]) -> list[Report]:
    """Keep reports; the first of a sprint, kind and number stays.

    Args:
        session: in a write transaction.
        project: the run.
        drafts: in order.

    Returns:
        Those that are new.
    """
    made_at = read_clock(session)
    new: list[Report] = []
    for draft in drafts:
        row = {**draft.model_dump(), "project": project, "kind": draft.kind.value, "made_at": made_at}
        insert = insert_into(dialect_of(session), ReportRow).values(row).on_conflict_do_nothing()
        if session.execute(insert.returning(ReportRow.number)).first() is not None:
            new.append(Report(project=project, made_at=made_at, **draft.model_dump()))
    return new


def lock_reports(session: Session, project: str) -> None:
    """Let nobody else add to the reports and entries of a run before this transaction ends.

    Raises:
        NotFound: there is no such run.
    """
    locked = select(RunRow.id).where(RunRow.id == project).with_for_update()
    if session.execute(locked).first() is None:
        raise NotFound(f"There is no run {project}; `paceline status` lists the runs.", project=project)


def reports_of(
    session: Session,
    project: str,
    sprint: str | None = None,
    kind: ReportKind | None = None,
    limit: int | None = None,
    after: Key | None = None,
) -> list[Report]:
    """The reports of a run, newest first; of one sprint or kind, or of all.

    Args:
        session: any transaction.
        project: the run.
        sprint, kind, limit: None: any.
        after: time, number, kind and sprint of the report before the first.
    """
    order = (
        By(ReportRow.made_at, True),
        By(ReportRow.number, True),
        By(ReportRow.kind),
        By(ReportRow.sprint),
    )
    query = paged(select(ReportRow).where(ReportRow.project == project), order, after, limit)
    if sprint is not None:
        query = query.where(ReportRow.sprint == sprint)
    if kind is not None:
        query = query.where(ReportRow.kind == kind.value)
    return [_report(row) for row in session.execute(query).scalars()]


def open_sprints(session: Session, project: str) -> list[str]:
    """The sprints of a run whose days are reported now: they were planned, and not reviewed yet."""
    query = select(ReportRow.sprint, ReportRow.kind).where(
        ReportRow.project == project,
        ReportRow.kind.in_([ReportKind.PLANNING.value, ReportKind.REVIEW.value]),
    )
    made = session.execute(query).all()
    over = {row.sprint for row in made if row.kind == ReportKind.REVIEW.value}
    return sorted({row.sprint for row in made} - over)


def reports_of_earlier_runs(session: Session, project: str, kinds: Sequence[ReportKind]) -> list[Report]:
    """Reports of the runs of the same project before this one, oldest first."""
    this = select(RunRow.base_id, RunRow.run_number).where(RunRow.id == project).subquery()
    before = (
        select(RunRow.id)
        .join(this, RunRow.base_id == this.c.base_id)
        .where(RunRow.run_number < this.c.run_number)
    )
    query = select(ReportRow).where(
        ReportRow.project.in_(before), ReportRow.kind.in_([kind.value for kind in kinds])
    )
    query = query.order_by(ReportRow.made_at, ReportRow.number)
    return [_report(row) for row in session.execute(query).scalars()]


def get_report(session: Session, project: str, sprint: str, kind: ReportKind, number: int) -> Report:
    """One report.

    Raises:
        NotFound: there is none.
    """
    row = session.get(ReportRow, (project, sprint, kind.value, number))
    if row is None:
        raise NotFound(
            f"{project} has no {kind.value} {number} of {sprint}; `paceline reports {project}` lists them.",
            project=project,
        )
    return _report(row)


# Entries ---


def add_entry(session: Session, project: str, sprint: str, draft: EntryDraft) -> tuple[RetroEntry, bool]:
    """Add to a retrospective; one whose key is known stays as it is.

    Returns:
        The entry, and whether it is new.

    Raises:
        NotFound: there is no such run.
    """
    lock_reports(session, project)
    known = select(RetroEntryRow).where(RetroEntryRow.project == project, RetroEntryRow.key == draft.key)
    found = session.execute(known).scalar_one_or_none()
    if found is not None:
        return _entry(found), False
    newest = select(func.max(RetroEntryRow.number)).where(RetroEntryRow.project == project)
    entry = RetroEntry(
        project=project,
        sprint=sprint,
        number=(session.execute(newest).scalar_one() or 0) + 1,
        at=read_clock(session),
        **draft.model_dump(),
    )
    session.add(RetroEntryRow(**{**entry.model_dump(), "kind": entry.kind.value}))
    session.flush()
    return entry, True


def entries_of(
    session: Session,
    project: str,
    sprint: str | None = None,
    limit: int | None = None,
    after: Key | None = None,
) -> list[RetroEntry]:
    """What people added to the retrospectives of a run, or of one sprint, oldest first; beyond a number."""
    query = select(RetroEntryRow).where(RetroEntryRow.project == project)
    query = paged(query, [By(RetroEntryRow.number)], after, limit)
    if sprint is not None:
        query = query.where(RetroEntryRow.sprint == sprint)
    return [_entry(row) for row in session.execute(query).scalars()]


def _report(row: ReportRow) -> Report:
    names = ("project", "sprint", "number", "made_at", "data")
    return Report(**{name: getattr(row, name) for name in names}, kind=ReportKind(row.kind))


def _entry(row: RetroEntryRow) -> RetroEntry:
    names = ("project", "sprint", "number", "key", "topic", "text", "actor", "at")
    return RetroEntry(**{name: getattr(row, name) for name in names}, kind=EntryKind(row.kind))
