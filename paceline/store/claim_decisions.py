"""The records of decisions about claims: read, added by a rule outside of the line, and thinned out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from paceline.domain.arbitration import Arbitration
from paceline.domain.claims import ClaimRequest, DecisionRecord, Need
from paceline.store.claim_locks import add_records, write_late
from paceline.store.claim_rows import dump_needs, parse_needs
from paceline.store.claim_statements import DECISIONS
from paceline.store.statements import read_clock

KEPT = 100_000
"""How many records a project keeps if nobody says otherwise."""


def decisions_of(
    session: Session, project: str, story: str | None = None, after: int = 0, limit: int = 1_000
) -> list[DecisionRecord]:
    """The decisions about a project's claims, oldest first.

    Args:
        session: to read with.
        project: the run.
        story: only of this one; None: of all.
        after: only those with a higher number, so that a reader can go on where it ended.
        limit: the most records.
    """
    write_late(session)
    query = select(DECISIONS).where(DECISIONS.c.project == project, DECISIONS.c.number > after)
    if story is not None:
        query = query.where(DECISIONS.c.story == story)
    rows = session.connection().execute(query.order_by(DECISIONS.c.number).limit(limit)).mappings()
    return [DecisionRecord.model_validate({**row, "needs": list(parse_needs(row["needs"]))}) for row in rows]


def record_arbitrations(
    session: Session, request: ClaimRequest, arbitrations: Sequence[Arbitration], actor: str
) -> None:
    """Record what the sprint manager's rule or a person decided about a story's needs.

    Args:
        session: in a write transaction, best that of the claim.
        request: the claim that is asked for.
        arbitrations: the decisions; those about nobody's files are left out.
        actor: who decided: `rule`, or a person.
    """
    at = read_clock(session)
    rows = [
        {
            "scope": request.scope,
            "project": request.project,
            "story": request.story,
            "claim": request.claim,
            "holder": request.holder,
            "kind": "arbitrated",
            "needs": dump_needs([Need(resource=each.resource)]),
            "reason": each.reason,
            "fence": None,
            "actor": actor,
            "at": at,
        }
        for each in arbitrations
        if each.relation in ("foreign", "shared")
    ]
    if rows:
        add_records(session, rows)


def trim_decisions(session: Session, project: str, keep: int = KEPT, before: datetime | None = None) -> int:
    """Remove old records of a project; cheap enough to be done with every sweep.

    Args:
        session: in a write transaction.
        project: the run.
        keep: the newest of this number stay, however old.
        before: of the others only those older than this go; None: all of them.

    Returns:
        How many were removed.
    """
    write_late(session)
    newest = select(DECISIONS.c.number).where(DECISIONS.c.project == project)
    newest = newest.order_by(DECISIONS.c.number.desc()).offset(keep).limit(1)
    last = session.connection().execute(newest).scalar_one_or_none()
    if last is None:
        return 0
    old = delete(DECISIONS).where(DECISIONS.c.project == project, DECISIONS.c.number <= last)
    if before is not None:
        old = old.where(DECISIONS.c.at < before)
    return session.connection().execute(old).rowcount
