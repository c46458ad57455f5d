"""What people's steering changes of claims that live: who they are for, how urgent, how many at once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.orm import Session

from paceline.domain.claims import Grant, Need
from paceline.store import claim_steps as steps
from paceline.store.claim_rows import (
    CLAIMS,
    NOTHING,
    LiveClaim,
    LockedScope,
    dump_needs,
    lock_claim,
    lock_scope,
    parse_needs,
)

_FILE = "file:"


def renew_needs(session: Session, claim: str, needs: Sequence[Need]) -> list[Grant]:
    """Let a claim be for other needs, such as another agent's slot; files that it grew by stay in it.

    What it holds of them it keeps, under its fence; its holder asks for the rest by `restore_claim`. A claim
    that waits in line waits for the new needs at its place. Twice is once.

    Args:
        session: in a write transaction.
        claim: one that nobody asked for, or that was released, is left alone.
        needs: all that it needs now.

    Returns:
        The waiting claims that this granted; their holders have to be told.
    """
    scope = lock_claim(session, claim)
    row = scope.live.get(claim) if scope is not None else None
    if scope is None or row is None:
        return []
    with steps.changing(scope):
        grown = [need for need in parse_needs(row.needs) if need.resource.startswith(_FILE)]
        united = list(dict.fromkeys([*needs, *grown]))
        held = [need for need in parse_needs(row.held) if need in united]
        wanted = [need for need in united if need not in held] if row.state == "waiting" else []
        scope.change(claim, needs=dump_needs(united), held=dump_needs(held), wanted=dump_needs(wanted))
        return steps.serve(scope, f"after {row.holder} was given to others")[0]


def reweigh_claim(session: Session, claim: str, weight: float) -> list[Grant]:
    """Give a claim another place in the waiting line: heavier is earlier.

    Returns:
        The waiting claims that this granted; their holders have to be told.
    """
    scope = lock_claim(session, claim)
    if scope is None or claim not in scope.live:
        return []
    with steps.changing(scope):
        scope.change(claim, weight=weight)
        return steps.serve(scope, "its priority was changed")[0]


def resize(session: Session, scope_name: str, resource: str, capacity: int) -> list[Grant]:
    """Let a resource have another capacity, in every claim that lives. Who holds it keeps it.

    Returns:
        The waiting claims that this granted; their holders have to be told.
    """
    scope = lock_scope(session, scope_name)
    with steps.changing(scope):
        for row in list(scope.live.values()):
            _resize(scope, row, resource, capacity)
        return steps.serve(scope, f"{resource} has room for {capacity} now")[0]


def _resize(scope: LockedScope, row: LiveClaim, resource: str, capacity: int) -> None:
    changed: dict[str, str] = {}
    for column in ("needs", "held", "wanted"):
        needs = parse_needs(getattr(row, column))
        if any(need.resource == resource and need.capacity != capacity for need in needs):
            sized = [
                Need(resource=resource, capacity=capacity) if need.resource == resource else need
                for need in needs
            ]
            changed[column] = dump_needs(sized) if sized else NOTHING
    if changed:
        scope.change(row.claim, **changed)


def forget_claim(session: Session, claim: str) -> None:
    """Let a released claim's key be free for a new one; the records of the old one stay."""
    gone = delete(CLAIMS).where(CLAIMS.c.claim == claim, CLAIMS.c.state == "released")
    session.connection().execute(gone)
