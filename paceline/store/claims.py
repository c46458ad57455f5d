"""Claims: granted whole or put into a durable waiting line; the rules are `paceline.domain.resources`.

Every change of a scope's claims begins with its counter row, which is locked until the transaction ends: two
changes of one scope never overlap, changes of different scopes do not meet. A holder is alive while its
workflow runs; nothing expires by a clock, and `release_holder` frees what a terminated workflow left.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from paceline.domain.claims import ClaimDecision, ClaimRecord, ClaimRequest, Grant
from paceline.domain.resources import Waiting, decide
from paceline.errors import Conflict, NotFound, StaleFence
from paceline.store import claim_steps as steps
from paceline.store.claim_rows import (
    CLAIMS,
    LIVE_STATES,
    NOTHING,
    LockedScope,
    demand,
    dump_needs,
    lock_claim,
    lock_scope,
    parse_needs,
    record_of,
    to_record,
)

SWEEP = "sweep"
"""The actor who frees what nobody holds."""


def request_claim(session: Session, request: ClaimRequest) -> ClaimDecision:
    """Grant everything that a holder needs at once, or put it into the waiting line.

    Args:
        session: in a write transaction.
        request: `request.claim` is the idempotency key: a known claim keeps what it first asked for, a
            granted one its fence; a waiting one is tried again.

    Raises:
        Conflict: the key is used in another scope.
    """
    scope = lock_scope(session, request.scope)
    with steps.changing(scope):
        known = scope.live.get(request.claim)
        if known is not None:
            if known.state == "granted":
                acknowledge_grant(session, request.claim)
            return steps.ask_again(scope, known)
        needs = dump_needs(request.needs)
        asks = Waiting(request.claim, request.holder, demand(needs), request.weight, scope.number)
        verdict = decide(scope.holdings(), [*scope.waiters(), asks], {request.claim})
        granted = request.claim in verdict.grants
        if not scope.add(request, needs, granted):
            return _ended(session, request)
        row = scope.live[request.claim]
        if granted:
            scope.record("granted", row, row.needs, "it asked, and all was free")
            scope.count_passed(verdict)
            return ClaimDecision(claim=request.claim, state="granted", fence=scope.number)
        decision = steps.waits(request.claim, verdict, None)
        scope.record("waiting", row, row.needs, steps.why(decision.waits_for))
        return decision


def release_claim(session: Session, claim: str, actor: str | None = None) -> list[Grant]:
    """Give everything of a claim back, or leave the waiting line; nothing happens the second time.

    Args:
        session: in a write transaction.
        claim: the claim to end.
        actor: who wants it; None: its holder.

    Returns:
        The waiting claims that this granted; their holders have to be told.
    """
    scope = lock_claim(session, claim)
    if scope is None:
        return []
    with steps.changing(scope, actor):
        claims = [claim] if claim in scope.live else []
        return steps.release(scope, claims, "released", "it gave back everything")


def release_holder(session: Session, holder: str, actor: str = SWEEP) -> list[Grant]:
    """Give back everything of one holder, in every scope; the sweep after a workflow's end.

    Args:
        session: in a write transaction.
        holder: the workflow that ended.
        actor: who found that.

    Returns:
        The waiting claims that this granted; their holders have to be told.
    """
    query = select(CLAIMS.c.scope).where(CLAIMS.c.state.in_(LIVE_STATES), CLAIMS.c.holder == holder)
    grants: list[Grant] = []
    names = session.connection().execute(query.distinct().order_by(CLAIMS.c.scope)).scalars().all()
    for name in names:
        scope = lock_scope(session, name)
        with steps.changing(scope, actor):
            claims = [row.claim for row in scope.live.values() if row.holder == holder]
            grants += steps.release(scope, claims, "swept", "its workflow does not run any more")
    return grants


def reduce_claim(session: Session, claim: str, keep_prefixes: Sequence[str]) -> list[Grant]:
    """Give back a part of a claim; the fence stays the same.

    Args:
        session: in a write transaction.
        claim: a granted claim; one that waits for its first grant or was released is left alone.
        keep_prefixes: resources that begin with one of these are kept, such as `file:`.

    Returns:
        The waiting claims that this granted; their holders have to be told.
    """
    scope = lock_claim(session, claim)
    if scope is None:
        return []
    with steps.changing(scope):
        row = scope.live.get(claim)
        if row is None or row.fence is None:
            return []
        held = parse_needs(row.held)
        kept = [need for need in held if need.resource.startswith(tuple(keep_prefixes))]
        given_back = dump_needs([need for need in held if need not in kept])
        if given_back == NOTHING and row.state == "granted":
            return []
        scope.change(claim, state="granted", held=dump_needs(kept), wanted=NOTHING)
        scope.record("reduced", row, given_back, f"it keeps {len(kept)} of {len(held)}")
        return steps.serve_if_awaited(
            scope, [row.held, row.wanted], f"after {row.holder} had given back a part"
        )


def restore_claim(session: Session, claim: str) -> ClaimDecision:
    """Ask again for what `reduce_claim` gave back.

    Returns:
        Granted with the same fence; or waiting in line, while the kept part stays held. Where it would wait
        for one who waits for its part, the younger of the two gives back all: this claim then waits without a
        fence and is granted a new one. `grants` and `retreats` are of others, who have to be told.

    Raises:
        NotFound: nobody ever asked for this claim.
    """
    scope = lock_claim(session, claim)
    if scope is None:
        raise NotFound(f"There is no claim {claim} to restore; request it first.", claim=claim)
    with steps.changing(scope):
        row = scope.live.get(claim)
        if row is None:
            return ClaimDecision(claim=claim, state="released")
        if row.state == "granted" and row.held != row.needs:
            return _restore(scope, claim)
        if row.state == "granted":
            acknowledge_grant(session, claim)
        return steps.ask_again(scope, row)


def _restore(scope: LockedScope, claim: str) -> ClaimDecision:
    row = scope.live[claim]
    held = parse_needs(row.held)
    wanted = dump_needs([need for need in parse_needs(row.needs) if need not in held])
    more = steps.ask_for_more(scope, claim, row.needs, wanted)
    if more.granted:
        scope.record("restored", row, wanted, "it asked again for what it had given back")
        return ClaimDecision(
            claim=claim, state="granted", fence=row.fence, grants=[*more.grants], retreats=[*more.retreats]
        )
    if more.must_retreat(claim):
        steps.retreat(scope, claim, steps.circle(more.deadlock))
        grants, verdict = steps.serve(scope, f"after {row.holder} had gone back", claim)
        if claim in verdict.grants:
            return ClaimDecision(claim=claim, state="granted", fence=scope.live[claim].fence, grants=grants)
        return steps.waits(claim, verdict, None).model_copy(update={"grants": grants})
    decision = steps.waits(claim, more.verdict, row.fence)
    scope.record("waiting", row, wanted, steps.why(decision.waits_for))
    return decision.model_copy(update={"grants": [*more.grants], "retreats": [*more.retreats]})


def check_fence(session: Session, claim: str, fence: int) -> None:
    """Make sure that the holder was not replaced, and that it is not until this transaction ends.

    Args:
        session: in a write transaction; the claim's row stays locked, so a release waits for its end.
        claim: the claim under which the effect is done.
        fence: the number the holder was granted.

    Raises:
        StaleFence: the claim is not granted, or was granted again under another number.
    """
    query = select(CLAIMS.c.state, CLAIMS.c.fence).where(CLAIMS.c.claim == claim).with_for_update()
    row = session.connection().execute(query).one_or_none()
    if row is not None and row.state != "released" and row.fence == fence:
        return
    current = None if row is None or row.state == "released" else row.fence
    raise StaleFence(
        f"Claim {claim} is no longer held under fence {fence}; stop, and ask for a claim again.",
        claim=claim,
        fence=fence,
        current=current,
    )


def list_claims(
    session: Session, scope: str | None = None, states: Sequence[str] = LIVE_STATES
) -> list[ClaimRecord]:
    """The claims in these states, of one scope or of all, oldest first."""
    query = select(CLAIMS).where(CLAIMS.c.state.in_(states)).order_by(CLAIMS.c.scope, CLAIMS.c.sequence)
    if scope is not None:
        query = query.where(CLAIMS.c.scope == scope)
    return [to_record(row) for row in session.connection().execute(query).mappings()]


def find_claim(session: Session, claim: str) -> ClaimRecord | None:
    """One claim; None where nobody ever asked for it."""
    query = select(CLAIMS).where(CLAIMS.c.claim == claim)
    row = session.connection().execute(query).mappings().one_or_none()
    return None if row is None else to_record(row)


def live_holders(session: Session) -> list[str]:
    """Everybody who holds something or waits for it, in alphabetical order."""
    query = select(CLAIMS.c.holder).where(CLAIMS.c.state.in_(LIVE_STATES))
    return list(session.connection().execute(query.distinct().order_by(CLAIMS.c.holder)).scalars())


def unsignalled_grants(session: Session) -> list[Grant]:
    """Grants whose holders are not known to have been told, oldest first."""
    query = select(CLAIMS).where(CLAIMS.c.state == "granted", CLAIMS.c.told.is_(False))
    rows = session.connection().execute(query.order_by(CLAIMS.c.granted_at))
    return [Grant(claim=row.claim, holder=row.holder, fence=row.fence) for row in rows]


def stories_of(session: Session, claims: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Project and story of each of these claims that is a story's."""
    if not claims:
        return {}
    query = select(CLAIMS.c.claim, CLAIMS.c.project, CLAIMS.c.story).where(
        CLAIMS.c.claim.in_(claims), CLAIMS.c.story.is_not(None)
    )
    return {row.claim: (row.project, row.story) for row in session.connection().execute(query)}


def acknowledge_grant(session: Session, claim: str) -> None:
    """Note that the holder knows of its grant."""
    knows = update(CLAIMS).where(CLAIMS.c.claim == claim, CLAIMS.c.state == "granted").values(told=True)
    session.connection().execute(knows)


def _ended(session: Session, request: ClaimRequest) -> ClaimDecision:
    record = record_of(session, request.claim)
    if record.scope != request.scope:
        raise Conflict(
            f"Claim {request.claim} is used in scope {record.scope}; choose another key in {request.scope}.",
            claim=request.claim,
        )
    return ClaimDecision(claim=request.claim, state="released")
