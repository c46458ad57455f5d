"""What the changes of a scope have in common: serving the line, asking for more, answering, recording."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from paceline.domain.claims import ClaimDecision, DecisionKind, Grant, Retreat
from paceline.domain.deadlocks import Deadlock, find_deadlock
from paceline.domain.resources import Verdict, Waiting, decide
from paceline.store.claim_rows import NOTHING, LiveClaim, LockedScope, demand

REASONS_SHOWN = 20
"""The most lines in `ClaimDecision.waits_for`."""
RECORDED_REASONS = 5
"""The most of them in a record."""


class More(NamedTuple):
    """What became of a holder's wish for more."""

    granted: bool
    verdict: Verdict
    deadlock: Deadlock | None = None
    retreats: Sequence[Retreat] = ()
    grants: Sequence[Grant] = ()
    """Of others."""

    def must_retreat(self, claim: str) -> bool:
        """Whether it is the asker who has to give back everything; nothing was changed then."""
        return self.deadlock is not None and self.deadlock.retreats == [claim]


@contextmanager
def changing(scope: LockedScope, actor: str | None = None) -> Generator[None]:
    """Remember the scope after a change that came to its end, and write its records."""
    scope.actor = actor
    yield
    scope.remember()


def release(scope: LockedScope, claims: Sequence[str], kind: DecisionKind, reason: str) -> list[Grant]:
    """End live claims and serve who waited for what they held or were promised."""
    ended = end(scope, claims, kind, reason)
    by = ", ".join(dict.fromkeys(row.holder for row in ended))
    return serve_if_awaited(scope, [row.needs for row in ended], f"after {by} had ended")


def end(scope: LockedScope, claims: Sequence[str], kind: DecisionKind, reason: str) -> list[LiveClaim]:
    """End live claims, and return what they were; who waited for them has to be served."""
    ended = scope.release(claims)
    for row in ended:
        scope.record(kind, row, row.held if row.held != NOTHING else row.wanted, reason)
    return ended


def serve_if_awaited(scope: LockedScope, given_back: Sequence[str], reason: str) -> list[Grant]:
    """Grant what waiting claims can have now, if one waits for what was given back."""
    return serve(scope, reason)[0] if scope.anybody_waits_for(given_back) else []


def serve(scope: LockedScope, reason: str, asker: str | None = None) -> tuple[list[Grant], Verdict]:
    """Grant what waiting claims can have now; the asker is being answered, the others have to be told."""
    verdict = decide(scope.holdings(), scope.waiters())
    grants: list[Grant] = []
    for claim in verdict.grants:
        fence = scope.grant(claim, told=claim == asker)
        row = scope.live[claim]
        scope.record("granted", row, row.needs, reason)
        if claim != asker:
            grants.append(Grant(claim=claim, holder=row.holder, fence=fence))
    scope.count_passed(verdict)
    return grants, verdict


def ask_for_more(scope: LockedScope, claim: str, needs: str, wanted: str) -> More:
    """Give a claim what it wants beside what it holds, or let it wait; not if that would be a deadlock.

    Args:
        scope: locked.
        claim: a live claim that was granted once.
        needs: all that it needs from now on.
        wanted: what of that it does not hold.
    """
    row = scope.live[claim]
    passed = row.passed if row.state == "waiting" else 0
    asks = Waiting(claim, row.holder, demand(wanted), row.weight, row.sequence, passed)
    waiting = [*(waiter for waiter in scope.waiters() if waiter.claim != claim), asks]
    verdict = decide(scope.holdings(), waiting, {claim})
    if claim in verdict.grants:
        scope.change(claim, state="granted", needs=needs, held=needs, wanted=NOTHING, passed=0, told=True)
        scope.count_passed(verdict)
        return More(True, verdict)
    deadlock = find_deadlock(scope.holdings(), waiting, claim)
    if deadlock is not None and deadlock.retreats == [claim]:
        return More(False, verdict, deadlock)
    retreats = [retreat(scope, each, circle(deadlock)) for each in deadlock.retreats] if deadlock else []
    scope.change(claim, state="waiting", needs=needs, wanted=wanted, passed=passed, told=True)
    # Also where nobody retreated: who obstructs this claim may go before promises now.
    grants, verdict = serve(scope, f"after {row.holder} had asked for more", claim)
    return More(claim in verdict.grants, verdict, deadlock, retreats, grants)


def retreat(scope: LockedScope, claim: str, reason: str, needs: str | None = None) -> Retreat:
    """Take everything from a claim; it waits for all of its needs at its old place."""
    was = scope.retreat(claim, needs or scope.live[claim].needs)
    scope.record("retreated", was, was.held, reason)
    return Retreat(claim=claim, holder=was.holder, fence=was.fence or 0)


def circle(deadlock: Deadlock | None) -> str:
    """The circle as a sentence."""
    names = [waiter.holder for waiter in deadlock.cycle] if deadlock else []
    return f"{' waits for '.join([*names, names[0]])}; the youngest goes back" if names else ""


def ask_again(scope: LockedScope, row: LiveClaim) -> ClaimDecision:
    """Answer a claim that is known: what it has, or whether it can have it now."""
    if row.state == "granted":
        return ClaimDecision(claim=row.claim, state="granted", fence=row.fence)
    verdict = decide(scope.holdings(), scope.waiters(), {row.claim})
    if row.claim not in verdict.grants:
        return waits(row.claim, verdict, row.fence)
    fence = scope.grant(row.claim, told=True)
    scope.record("granted", scope.live[row.claim], row.needs, "it asked again")
    scope.count_passed(verdict)
    return ClaimDecision(claim=row.claim, state="granted", fence=fence)


def waits(claim: str, verdict: Verdict, fence: int | None) -> ClaimDecision:
    """The answer to a claim that was not granted."""
    return ClaimDecision(
        claim=claim,
        state="waiting",
        fence=fence,
        position=verdict.line.index(claim) + 1,
        waits_for=verdict.reasons.get(claim, [])[:REASONS_SHOWN],
    )


def why(waits_for: Sequence[str]) -> str:
    """The reason of a waiting claim as its record says it."""
    more = len(waits_for) - RECORDED_REASONS
    return "; ".join([*waits_for[:RECORDED_REASONS], *([f"and {more} more"] if more > 0 else [])])
