"""Claims compared with the workflows that run: for the sweep, and after a restored backup.

A database that was restored from an old backup has forgotten grants. Their numbers are safe all the same:
the counter of a scope is never lower than the clock, so what is granted now has a higher number than anything
before the backup was restored. Where the clock was set back too, `reconcile` raises the counter above every
number that a workflow knows.

What is held is judged by the number: who has the number that the database has, holds the claim and is never
touched. Who has a higher one was granted it after the backup, and gets it again if nobody is in the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from paceline.domain.claims import Grant, Look, Reconciled, Retreat
from paceline.domain.resources import Ledger
from paceline.store import claim_steps as steps
from paceline.store.claim_locks import write_late
from paceline.store.claim_rows import LiveClaim, LockedScope, demand, lock_scope
from paceline.store.claim_statements import CLAIMS, LIVE_STATES, NOTHING, SCOPES
from paceline.store.claims import SWEEP


def look_at_claims(session: Session) -> list[Look]:
    """Whose claims live now, in every scope; the first half of a sweep, before the workflows are asked."""
    write_late(session)
    connection = session.connection()
    counters = connection.execute(select(SCOPES.c.scope, SCOPES.c.counter).order_by(SCOPES.c.scope)).all()
    live = select(CLAIMS.c.scope, CLAIMS.c.holder).where(CLAIMS.c.state.in_(LIVE_STATES)).distinct()
    holders: dict[str, list[str]] = {}
    for scope, holder in connection.execute(live.order_by(CLAIMS.c.holder)):
        holders.setdefault(scope, []).append(holder)
    return [
        Look(scope=scope, number=number, holders=holders[scope])
        for scope, number in counters
        if scope in holders
    ]


def reconcile(
    session: Session, look: Look, running: Mapping[str, int | None], known: Sequence[int] = ()
) -> Reconciled:
    """Free what nobody holds, keep what somebody holds, and give back what a restored database forgot.

    Args:
        session: in a write transaction.
        look: from `look_at_claims`, taken before the workflows were asked: who came later is left alone.
        running: of the looked-at holders those whose workflows run, each with the fence it works under; None
            where it has none, or does not tell. All other looked-at holders are closed.
        known: more numbers that were given once, such as fences in trailers of merges.

    Returns:
        What changed. `lost` are holders that must stop: the database granted their resources to others, or
        took them to end a deadlock; what they ask for next is granted under a new number.
    """
    scope = lock_scope(session, look.scope)
    found = Reconciled()
    with steps.changing(scope, SWEEP):
        highest = max([*known, *(fence for fence in running.values() if fence is not None)], default=0)
        if highest >= scope.number:
            scope.raise_counter(highest + 1)
        looked_at = set(look.holders)
        old = [row for row in scope.live.values() if row.holder in looked_at and not _later(row, look)]
        closed = [row.claim for row in old if row.holder not in running]
        # Before anybody is served: what was forgotten goes before those who wait.
        ended = steps.end(scope, closed, "swept", "its workflow does not run any more")
        found.freed = closed
        kept = [row for row in old if row.holder in running]
        lost = _give_back_what_was_forgotten(scope, kept, running, found)
        _tell_again(scope, kept, running)
        reason = "after the claims were compared with the workflows"
        found.grants = steps.serve_if_awaited(scope, [row.needs for row in (*ended, *lost)], reason)
    return found


def _later(row: LiveClaim, look: Look) -> bool:
    """Whether the claim was asked for or granted after the look; its holder may have begun after it too."""
    return max(row.sequence, row.fence or 0) > look.number


def _give_back_what_was_forgotten(
    scope: LockedScope, rows: Sequence[LiveClaim], running: Mapping[str, int | None], found: Reconciled
) -> list[LiveClaim]:
    """Reinstate who works under a number the database never gave, and take all from who cannot be."""
    lost: list[LiveClaim] = []
    for row in sorted(rows, key=lambda each: each.sequence):
        fence = running[row.holder]
        if fence is None or fence <= (row.fence or 0):
            continue
        void = Retreat(claim=row.claim, holder=row.holder, fence=fence)
        if fence <= (row.lost_fence or 0):
            found.lost.append(void)
        elif _is_free(scope, row):
            _reinstate(scope, row, fence)
            found.reinstated.append(Grant(claim=row.claim, holder=row.holder, fence=fence))
        else:
            reason = f"the database had forgotten {fence}, and others hold a part of it"
            steps.retreat(scope, row.claim, reason)
            scope.change(row.claim, lost_fence=fence)
            found.lost.append(void)
            lost.append(row)
    return lost


def _is_free(scope: LockedScope, row: LiveClaim) -> bool:
    """Whether nobody else holds what the claim needs."""
    ledger = Ledger()
    for other in scope.live.values():
        if other.held != NOTHING:
            ledger.hold(other.claim, other.holder, demand(other.held))
    return not ledger.lacking(row.claim, demand(row.needs))


def _reinstate(scope: LockedScope, row: LiveClaim, fence: int) -> None:
    told = {"state": "granted", "held": row.needs, "wanted": NOTHING, "passed": 0, "told": True}
    scope.change(row.claim, **told, fence=fence, granted_at=scope.at)
    reason = f"its holder works under {fence}, which the database had forgotten"
    scope.record("reinstated", scope.live[row.claim], row.needs, reason)


def _tell_again(scope: LockedScope, rows: Sequence[LiveClaim], running: Mapping[str, int | None]) -> None:
    """Have the holders told of grants that are newer than what they know."""
    for row in rows:
        fence = running[row.holder]
        if row.state == "granted" and fence is not None and row.fence is not None and fence < row.fence:
            scope.change(row.claim, told=False)
