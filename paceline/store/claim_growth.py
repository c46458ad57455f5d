"""A holder that needs more than it asked for, and one that has to give back all it has.

Nothing here needs a key of its own: the same growth asked twice is a claim that needs the same things once.
Decision record 12 says why nobody waits for ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from paceline.domain.claims import ClaimDecision, GrowDecision, Need
from paceline.domain.globs import covers, is_glob
from paceline.errors import NotFound, StaleFence
from paceline.store import claim_steps as steps
from paceline.store.claim_rows import NOTHING, LiveClaim, LockedScope, dump_needs, lock_claim, parse_needs

_FILE = "file:"


def grow_claim(session: Session, claim: str, fence: int, needs: Sequence[Need]) -> GrowDecision:
    """Ask for more than a claim holds; twice is once.

    Args:
        session: in a write transaction.
        claim: a claim that was granted; what `reduce_claim` took from it is asked for again too.
        fence: the number its holder was granted, which does not change.
        needs: what it needs beside what it asked for before.

    Returns:
        `granted`, `waiting` while what it holds stays held, or `deadlock`: then nothing was changed, and its
        holder preserves its work and calls `retreat_claim`. Others that this granted or that had to retreat
        are named in each case and have to be told.

    Raises:
        NotFound: nobody ever asked for this claim.
        StaleFence: the holder was replaced.
    """
    scope = _locked(session, claim)
    with steps.changing(scope):
        row = scope.live.get(claim)
        if row is not None and row.fence != fence and row.lost_fence == fence:
            return GrowDecision(claim=claim, state="deadlock", fence=fence, retreated=True)
        row = _held(row, claim, fence)
        united = _united(parse_needs(row.needs), needs)
        held = parse_needs(row.held)
        wanted = dump_needs([need for need in united if need not in held])
        if wanted == NOTHING:
            scope.change(claim, told=True)
            return GrowDecision(claim=claim, state="granted", fence=fence)
        more = steps.ask_for_more(scope, claim, dump_needs(united), wanted)
        return _answer(scope, row, wanted, more)


def retreat_claim(session: Session, claim: str, fence: int, needs: Sequence[Need] = ()) -> ClaimDecision:
    """Give back everything and ask for all of it again, with more, at the old place; twice is once.

    To be called when the work is preserved: whoever waited may have the files at once.

    Args:
        session: in a write transaction.
        claim: a claim that was granted and was told of a deadlock.
        fence: the number its holder was granted; it is void afterwards.
        needs: what it needs beside what it asked for before, as it was given to `grow_claim`.

    Returns:
        Granted under a new fence, or waiting. `grants` are of others, who have to be told.

    Raises:
        NotFound: nobody ever asked for this claim.
        StaleFence: the holder was replaced.
    """
    scope = _locked(session, claim)
    with steps.changing(scope):
        row = scope.live.get(claim)
        if row is not None and row.fence != fence and row.lost_fence == fence:
            return _ask_for_all(scope, row, needs)
        row = _held(row, claim, fence)
        united = dump_needs(_united(parse_needs(row.needs), needs))
        steps.retreat(scope, claim, "it gave back everything to ask for more", united)
        grants, verdict = steps.serve(scope, f"after {row.holder} had gone back", claim)
        if claim in verdict.grants:
            return ClaimDecision(claim=claim, state="granted", fence=scope.live[claim].fence, grants=grants)
        return steps.waits(claim, verdict, None).model_copy(update={"grants": grants})


def _answer(scope: LockedScope, row: LiveClaim, wanted: str, more: steps.More) -> GrowDecision:
    known = GrowDecision(
        claim=row.claim,
        state="granted",
        fence=row.fence or 0,
        grants=[*more.grants],
        retreats=[*more.retreats],
    )
    if more.granted:
        scope.record("grown", row, wanted, "all of it was free")
        return known
    if more.must_retreat(row.claim):
        scope.record("deadlock", row, wanted, steps.circle(more.deadlock))
        holders = [waiter.holder for waiter in more.deadlock.cycle] if more.deadlock else []
        return known.model_copy(update={"state": "deadlock", "cycle": holders})
    waits = steps.waits(row.claim, more.verdict, row.fence)
    if row.wanted != wanted:
        scope.record("waiting", row, wanted, steps.why(waits.waits_for))
    place = {"position": waits.position, "waits_for": waits.waits_for}
    return known.model_copy(update={"state": "waiting", **place})


def _ask_for_all(scope: LockedScope, row: LiveClaim, needs: Sequence[Need]) -> ClaimDecision:
    """Of a claim that has gone back already: it holds nothing and may ask for whatever it likes."""
    united = dump_needs(_united(parse_needs(row.needs), needs))
    if row.fence is None and united != row.needs:
        scope.change(row.claim, needs=united, wanted=united)
    return steps.ask_again(scope, scope.live[row.claim])


def _locked(session: Session, claim: str) -> LockedScope:
    scope = lock_claim(session, claim)
    if scope is None:
        raise NotFound(f"There is no claim {claim} to change; request it first.", claim=claim)
    return scope


def _held(row: LiveClaim | None, claim: str, fence: int) -> LiveClaim:
    if row is not None and row.fence == fence:
        return row
    raise StaleFence(
        f"Claim {claim} is no longer held under fence {fence}; stop, and ask for a claim again.",
        claim=claim,
        fence=fence,
        current=row.fence if row is not None else None,
    )


def _united(known: Sequence[Need], more: Sequence[Need]) -> list[Need]:
    """The needs together, each resource once; without paths that a known glob means already."""
    names = {need.resource for need in known}
    patterns = [name.removeprefix(_FILE) for name in names if name.startswith(_FILE)]
    united = list(known)
    for need in more:
        path = need.resource.removeprefix(_FILE)
        is_path = need.resource.startswith(_FILE) and not is_glob(path)
        if need.resource in names or (is_path and covers(patterns, path)):
            continue
        names.add(need.resource)
        united.append(need)
    return united
