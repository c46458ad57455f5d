"""Live claims as people see them: who holds and waits for what, since when, and who is before them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from paceline.domain.claims import ClaimRecord, LiveClaim
from paceline.domain.resources import Demand, Holding, Verdict, Waiting, decide
from paceline.store.claims import list_claims


def live_claims(session: Session, project: str) -> list[LiveClaim]:
    """The claims of a project that hold or wait for something, in the order of asking.

    Others of the same repository count for their places in the line.
    """
    by_scope: dict[str, list[ClaimRecord]] = {}
    for record in list_claims(session):
        by_scope.setdefault(record.scope, []).append(record)
    found: list[LiveClaim] = []
    for records in by_scope.values():
        own = [record for record in records if record.project == project]
        verdict = _line(records) if any(record.state == "waiting" for record in own) else None
        found += [_view(record, verdict) for record in own]
    return found


def _line(records: list[ClaimRecord]) -> Verdict:
    holding = [Holding(each.claim, each.holder, Demand(each.held)) for each in records if each.held]
    waiting = [
        Waiting(each.claim, each.holder, Demand(each.wanted), each.weight, each.sequence, each.passed)
        for each in records
        if each.state == "waiting"
    ]
    return decide(holding, waiting)


def _view(record: ClaimRecord, verdict: Verdict | None) -> LiveClaim:
    waits = verdict is not None and record.claim in verdict.line
    return LiveClaim(
        story=record.story,
        holder=record.holder,
        state="waiting" if record.state == "waiting" else "granted",
        fence=record.fence,
        held=[need.resource for need in record.held],
        wanted=[need.resource for need in record.wanted],
        waits_for=verdict.reasons.get(record.claim, []) if verdict and waits else [],
        position=verdict.line.index(record.claim) + 1 if verdict and waits else None,
        passed=record.passed,
        requested_at=record.requested_at,
        granted_at=record.granted_at,
    )
