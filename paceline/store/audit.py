"""The audit log: appended to, read and verified; nothing here changes or removes an entry."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from paceline.domain.audit import (
    FIRST,
    AuditCheck,
    AuditDraft,
    AuditEntry,
    AuditHead,
    chained,
    check_chain,
)
from paceline.store.models import AuditHeadRow, AuditRow, table
from paceline.store.statements import dialect_of, insert_into, read_clock

_LOG, _HEAD = table(AuditRow), table(AuditHeadRow)
_ONLY = 1
_PAGE = 5_000


def append_audit(session: Session, draft: AuditDraft) -> AuditEntry:
    """Add an entry after the newest one; its row stays locked until the transaction ends."""
    connection = session.connection()
    first = insert_into(dialect_of(session), AuditHeadRow)
    connection.execute(first.on_conflict_do_nothing(), {"id": _ONLY, "number": 0, "hash": FIRST})
    newest = select(_HEAD.c.number, _HEAD.c.hash).where(_HEAD.c.id == _ONLY).with_for_update()
    entry = chained(draft, AuditHead(*connection.execute(newest).one()), read_clock(session))
    connection.execute(insert(_LOG), entry.model_dump())
    moved = update(_HEAD).where(_HEAD.c.id == _ONLY)
    connection.execute(moved.values(number=entry.number, hash=entry.hash))
    return entry


def audit_after(
    session: Session, after: int = 0, limit: int = 200, project: str | None = None
) -> list[AuditEntry]:
    """Entries with a number above `after`, oldest first, of one project or of all."""
    query = select(_LOG).where(_LOG.c.number > after).order_by(_LOG.c.number).limit(limit)
    if project is not None:
        query = query.where(_LOG.c.project == project)
    return [AuditEntry.model_validate(dict(row)) for row in session.connection().execute(query).mappings()]


def newest_audit(session: Session, limit: int = 50, project: str | None = None) -> list[AuditEntry]:
    """The newest entries, oldest first."""
    query = select(_LOG).order_by(_LOG.c.number.desc()).limit(limit)
    if project is not None:
        query = query.where(_LOG.c.project == project)
    rows = session.connection().execute(query).mappings().all()
    return [AuditEntry.model_validate(dict(row)) for row in reversed(rows)]


def verify_audit(session: Session, known: AuditHead | None = None) -> AuditCheck:
    """Look at the whole chain, while others may append to it.

    Args:
        session: any transaction.
        known: number and hash of an entry that were written down elsewhere.
    """
    reading = _Reading(session)
    return check_chain(reading.entries(), lambda: reading.head, known)


class _Reading:
    """Every entry by number, and the end of the log as it was before nothing followed the last of them."""

    def __init__(self, session: Session) -> None:
        self.head: AuditHead | None = None
        self._connection = session.connection()

    def entries(self) -> Iterator[AuditEntry]:
        """Page by page, until there are no more."""
        query = select(_LOG).order_by(_LOG.c.number).limit(_PAGE)
        page = query
        while True:
            # Before the page: an entry that is appended in between is then no break.
            found = self._connection.execute(select(_HEAD.c.number, _HEAD.c.hash)).one_or_none()
            self.head = AuditHead(*found) if found is not None else None
            rows = self._connection.execute(page).mappings().all()
            if not rows:
                return
            yield from (AuditEntry.model_validate(dict(row)) for row in rows)
            page = query.where(_LOG.c.number > rows[-1]["number"])
