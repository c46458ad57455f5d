"""A locked scope and the rows of its claims; `claims` says what is done with them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from paceline.domain.claims import ClaimRecord, ClaimRequest, DecisionKind, Need
from paceline.domain.resources import Demand, Holding, Verdict, Waiting
from paceline.store import claim_statements as statements
from paceline.store.claim_locks import Record, ScopeRow, add_records, lock_row, raise_number
from paceline.store.claim_statements import CLAIMS, LIVE, LIVE_COLUMNS, LIVE_STATES, NOTHING
from paceline.store.prepared import Prepared
from paceline.store.statements import dialect_of

__all__ = ["CLAIMS", "LIVE_STATES", "NOTHING", "LiveClaim", "LockedScope", "lock_claim", "lock_scope"]

STATES_KEPT = 64
"""How many scopes' states a process remembers."""

_NEEDS = TypeAdapter(tuple[Need, ...])


class LiveClaim(NamedTuple):
    """A granted or waiting claim, as far as decisions need it; needs are JSON arrays."""

    claim: str
    holder: str
    project: str
    story: str | None
    state: str
    needs: str
    held: str
    wanted: str
    weight: float
    sequence: int
    passed: int
    fence: int | None
    lost_fence: int | None


class LockedScope:
    """A scope whose row this transaction holds, with its live claims; changes go to both.

    Reading every live claim for every decision would be most of the work. Each change of a scope gives it a
    new random `state`, and its row tells the one before; if that is the state this process made last, what it
    remembers is what a query would find. What a rolled-back transaction remembers has a state that no row
    ever tells. Who changes claims by hand has to change the `state` of their scope too.

    Attributes:
        live: the granted and waiting claims by their keys.
        actor: who makes this change; None: each claim's own holder.
    """

    def __init__(self, session: Session, row: ScopeRow, before: int) -> None:
        self._session = session
        self._connection = session.connection()
        self._dialect = dialect_of(session)
        self._row = row
        self._records: list[Record] = []
        self.actor: str | None = None
        self.live: dict[str, LiveClaim] = dict(_remembered(before, self._read))
        row.live = self.live

    @property
    def name(self) -> str:
        """The scope."""
        return self._row.name

    @property
    def number(self) -> int:
        """The scope's counter, taken for this change: the next fence and place in the order of asking."""
        return self._row.number

    @property
    def at(self) -> datetime:
        """The present moment by the database's clock."""
        return self._row.at

    def holdings(self) -> list[Holding]:
        """What the claims hold, as the rules want it."""
        return [
            _holding(row.claim, row.holder, row.held) for row in self.live.values() if row.held != NOTHING
        ]

    def waiters(self) -> list[Waiting]:
        """What the claims wait for, as the rules want it."""
        return [
            Waiting(row.claim, row.holder, demand(row.wanted), row.weight, row.sequence, row.passed)
            for row in self.live.values()
            if row.state == "waiting"
        ]

    def anybody_waits_for(self, given_back: Collection[str]) -> bool:
        """Whether a claim waits for one of these needs; the others lack something else still."""
        demands = [demand(needs) for needs in given_back]
        return any(waiter.demand.touches(each) for waiter in self.waiters() for each in demands)

    def add(self, request: ClaimRequest, needs: str, granted: bool) -> bool:
        """Store a new claim with its needs as JSON; False where the key exists already."""
        row = {
            "claim": request.claim,
            "scope": request.scope,
            "holder": request.holder,
            "project": request.project,
            "story": request.story,
            "weight": request.weight,
            "state": "granted" if granted else "waiting",
            "needs": needs,
            "held": needs if granted else NOTHING,
            "wanted": NOTHING if granted else needs,
            "sequence": self.number,
            "passed": 0,
            "fence": self.number if granted else None,
            "lost_fence": None,
            "told": True,
            "requested_at": self.at,
            "granted_at": self.at if granted else None,
            "released_at": None,
        }
        if statements.insert_claim(self._dialect).run(self._connection, row) is None:
            return False
        self.live[request.claim] = LiveClaim._make(row[name] for name in LIVE_COLUMNS)
        return True

    def grant(self, claim: str, told: bool) -> int:
        """Give a claim all it needs, and return its fence: the one it has, or the next number."""
        row = self.live[claim]
        fence = row.fence
        if fence is None:
            if any(other.fence == self.number for other in self.live.values()):
                self.raise_counter(self.number + 1)
            fence = self.number
        changed = row._replace(state="granted", held=row.needs, wanted=NOTHING, passed=0, fence=fence)
        self._run(statements.grant_claim, {"key": claim, "number": fence, "knows": told, "moment": self.at})
        self.live[claim] = changed
        return fence

    def raise_counter(self, number: int) -> None:
        """Have every later number be higher than this one, which may be used now."""
        if number > self.number:
            raise_number(self._session, self._row, number)

    def change(self, claim: str, **values: Any) -> None:
        """Change columns of one claim."""
        self._connection.execute(update(CLAIMS).where(CLAIMS.c.claim == claim).values(values))
        known = {name: value for name, value in values.items() if name in LIVE_COLUMNS}
        self.live[claim] = self.live[claim]._replace(**known)

    def retreat(self, claim: str, needs: str) -> LiveClaim:
        """Take everything from a claim and let it wait for all it needs, at its old place; what it was."""
        was = self.live[claim]
        empty: dict[str, Any] = {"state": "waiting", "needs": needs, "held": NOTHING, "wanted": needs}
        self.change(claim, **empty, passed=0, fence=None, lost_fence=was.fence, told=True)
        return was

    def count_passed(self, verdict: Verdict) -> None:
        """Note for the waiters that were passed over that it happened once more."""
        if verdict.passed:
            behind = CLAIMS.c.claim.in_(verdict.passed)
            self._connection.execute(update(CLAIMS).where(behind).values(passed=CLAIMS.c.passed + 1))
        first = ", ".join(self.live[claim].holder for claim in verdict.grants if claim in self.live)
        for claim in verdict.passed:
            row = self.live[claim]
            self.live[claim] = row = row._replace(passed=row.passed + 1)
            self.record("passed_over", row, row.wanted, f"{first} went first, the {row.passed}. time")

    def release(self, claims: Collection[str]) -> list[LiveClaim]:
        """End live claims, and return what they were."""
        ended = [self.live.pop(claim) for claim in claims]
        for claim in claims:
            self._run(statements.release_claim, {"key": claim, "moment": self.at})
        return ended

    def record(self, kind: DecisionKind, row: LiveClaim, needs: str, reason: str) -> None:
        """Leave a record of a decision; it is written with the others of this change."""
        self._records.append(
            {
                "scope": self.name,
                "project": row.project,
                "story": row.story,
                "claim": row.claim,
                "holder": row.holder,
                "kind": kind,
                "needs": needs,
                "reason": reason,
                "fence": row.fence,
                "actor": self.actor or row.holder,
                "at": self.at,
            }
        )

    def remember(self) -> None:
        """Hand the records on and keep what is known for the next change; the last thing done in a change."""
        add_records(self._session, self._records)
        self._records = []
        with _remembering:
            _states[self._row.state] = self.live
            while len(_states) > STATES_KEPT:
                del _states[next(iter(_states))]

    def _read(self) -> dict[str, LiveClaim]:
        rows = self._connection.execute(LIVE, {"of": self.name}).all()
        return {row[0]: LiveClaim._make(row) for row in rows}

    def _run(self, statement: Callable[[str], Prepared], values: Mapping[str, Any]) -> None:
        statement(self._dialect).run(self._connection, values)


def lock_scope(session: Session, scope: str) -> LockedScope:
    """Lock a scope, which is made when it is first named."""
    locked = lock_row(session, scope=scope)
    if locked is None:
        raise AssertionError(f"the row of scope {scope} was neither found nor made")
    return LockedScope(session, *locked)


def lock_claim(session: Session, claim: str) -> LockedScope | None:
    """Lock the scope of a claim; None where the claim is unknown."""
    locked = lock_row(session, claim=claim)
    return None if locked is None else LockedScope(session, *locked)


def record_of(session: Session, claim: str) -> ClaimRecord:
    """A claim that is known to be there."""
    query = select(CLAIMS).where(CLAIMS.c.claim == claim)
    return to_record(session.connection().execute(query).mappings().one())


def to_record(row: Mapping[str, Any] | Any) -> ClaimRecord:
    """A row as its model."""
    values = {name: value for name, value in row.items() if name != "told"}
    parsed = {name: list(parse_needs(values[name])) for name in ("needs", "held", "wanted")}
    return ClaimRecord.model_validate(values | parsed)


def parse_needs(needs: str) -> tuple[Need, ...]:
    """Needs from their JSON."""
    return _NEEDS.validate_json(needs)


def dump_needs(needs: Sequence[Need]) -> str:
    """Needs as JSON."""
    return _NEEDS.dump_json(tuple(needs)).decode()


@lru_cache(maxsize=8_192)
def demand(needs: str) -> Demand:
    """Needs, ready for comparison; the same few are compared at every decision."""
    return Demand(parse_needs(needs))


@lru_cache(maxsize=8_192)
def _holding(claim: str, holder: str, held: str) -> Holding:
    return Holding(claim, holder, demand(held))


# What this process remembers ---

_states: dict[int, Mapping[str, LiveClaim]] = {}
_remembering = threading.Lock()


def _remembered(state: int, read: Callable[[], Mapping[str, LiveClaim]]) -> Mapping[str, LiveClaim]:
    with _remembering:
        known = _states.pop(state, None)
    return read() if known is None else known
