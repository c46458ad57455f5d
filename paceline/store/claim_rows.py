"""A locked scope and the rows of its claims; `claims` says what is done with them."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import Executable, bindparam, select, update
from sqlalchemy.orm import Session

from paceline.domain.claims import ClaimRecord, ClaimRequest, Need
from paceline.domain.resources import Demand, Holding, Verdict, Waiting
from paceline.store.models import ClaimRow, ClaimScopeRow, table
from paceline.store.statements import dialect_of, insert_into, now

CLAIMS = table(ClaimRow)
SCOPES = table(ClaimScopeRow)
LIVE_STATES = ("granted", "waiting")
NOTHING = "[]"
STATES_KEPT = 64
"""How many scopes' states a process remembers."""

_NEEDS = TypeAdapter(tuple[Need, ...])


class LiveClaim(NamedTuple):
    """A granted or waiting claim, as far as decisions need it; needs are JSON arrays."""

    claim: str
    holder: str
    state: str
    needs: str
    held: str
    wanted: str
    weight: float
    sequence: int
    passed: int
    fence: int | None


class LockedScope:
    """A scope whose row this transaction holds, with its live claims; changes go to both.

    Reading every live claim for every decision would be most of the work. Each change of a scope gives it a
    new random `state`, and its row tells the one before; if that is the state this process made last, what it
    remembers is what a query would find. What a rolled-back transaction remembers has a state that no row
    ever tells. Who changes claims by hand has to change the `state` of their scope too.

    Attributes:
        name: the scope.
        number: the scope's counter, taken for this change: the next fence and place in the order of asking.
        at: the present moment by the database's clock.
        live: the granted and waiting claims by their keys.
    """

    def __init__(self, session: Session, row: Sequence[Any], state: int) -> None:
        self._session = session
        self._state = state
        self.name: str = row[0]
        self.number: int = row[1]
        self.at: datetime = row[2]
        self.live: dict[str, LiveClaim] = dict(_remembered(row[3], self._read))

    def holdings(self) -> list[Holding]:
        """What the claims hold, as the rules want it."""
        held = (row for row in self.live.values() if row.held != NOTHING)
        return [Holding(row.claim, row.holder, _demand(row.held)) for row in held]

    def waiters(self) -> list[Waiting]:
        """What the claims wait for, as the rules want it."""
        return [
            Waiting(row.claim, row.holder, _demand(row.wanted), row.weight, row.sequence, row.passed)
            for row in self.live.values()
            if row.state == "waiting"
        ]

    def anybody_waits_for(self, given_back: Collection[str]) -> bool:
        """Whether a claim waits for one of these needs; the others lack something else still."""
        demands = [_demand(needs) for needs in given_back]
        return any(waiter.demand.touches(demand) for waiter in self.waiters() for demand in demands)

    def add(self, request: ClaimRequest, granted: bool) -> bool:
        """Store a new claim; False where the key exists already."""
        needs = dump_needs(request.needs)
        row = {
            **request.model_dump(include={"claim", "scope", "holder", "project", "story", "weight"}),
            "state": "granted" if granted else "waiting",
            "needs": needs,
            "held": needs if granted else NOTHING,
            "wanted": NOTHING if granted else needs,
            "sequence": self.number,
            "passed": 0,
            "fence": self.number if granted else None,
            "told": True,
            "requested_at": self.at,
            "granted_at": self.at if granted else None,
            "released_at": None,
        }
        if self._execute(_inserting(dialect_of(self._session)), row).first() is None:
            return False
        self.live[request.claim] = LiveClaim._make(row[name] for name in LiveClaim._fields)
        return True

    def grant(self, claim: str, told: bool) -> int:
        """Give a claim all it needs, and return its fence: the one it has, or the next number."""
        row = self.live[claim]
        fence = row.fence
        if fence is None:
            if any(other.fence == self.number for other in self.live.values()):
                self.number += 1
                taken = update(SCOPES).where(SCOPES.c.scope == self.name).values(counter=self.number)
                self._execute(taken)
            fence = self.number
        changed = row._replace(state="granted", held=row.needs, wanted=NOTHING, passed=0, fence=fence)
        self._execute(_GRANT, {"key": claim, "number": fence, "knows": told, "at": self.at})
        self.live[claim] = changed
        return fence

    def change(self, claim: str, **values: Any) -> None:
        """Change columns of one claim."""
        self._execute(update(CLAIMS).where(CLAIMS.c.claim == claim).values(values))
        self.live[claim] = self.live[claim]._replace(**values)

    def count_passed(self, verdict: Verdict) -> None:
        """Note for the waiters that were passed over that it happened once more."""
        if verdict.passed:
            behind = CLAIMS.c.claim.in_(verdict.passed)
            self._execute(update(CLAIMS).where(behind).values(passed=CLAIMS.c.passed + 1))
        for claim in verdict.passed:
            row = self.live[claim]
            self.live[claim] = row._replace(passed=row.passed + 1)

    def release(self, claims: Collection[str]) -> list[str]:
        """End live claims, and return the needs that they gave back."""
        given_back = [self.live.pop(claim).needs for claim in claims]
        for claim in claims:
            self._execute(_RELEASE, {"key": claim, "released_at": self.at})
        return given_back

    def remember(self) -> None:
        """Keep what is known for the next change; the last thing done to a scope in a change."""
        with _remembering:
            _states[self._state] = self.live
            while len(_states) > STATES_KEPT:
                del _states[next(iter(_states))]

    def _read(self) -> dict[str, LiveClaim]:
        rows = self._execute(_LIVE, {"of": self.name}).all()
        return {row[0]: LiveClaim._make(row) for row in rows}

    def _execute(self, statement: Any, values: Mapping[str, Any] | None = None) -> Any:
        return self._session.connection().execute(statement, values)


def lock_scope(session: Session, scope: str) -> LockedScope:
    """Lock a scope, which is made when it is first named."""
    state = _new_state()
    values = {"scope": scope, "counter": 1, "state": state, "previous_state": 0}
    row = session.connection().execute(_locking(dialect_of(session)), values).one()
    return LockedScope(session, row, state)


def lock_claim(session: Session, claim: str) -> LockedScope | None:
    """Lock the scope of a claim; None where the claim is unknown."""
    state = _new_state()
    lock = _locking_by_claim(dialect_of(session))
    row = session.connection().execute(lock, {"key": claim, "new": state}).one_or_none()
    return LockedScope(session, row, state) if row is not None else None


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
def _demand(needs: str) -> Demand:
    """The same few are compared at every decision."""
    return Demand(parse_needs(needs))


# What this process remembers ---

_states: dict[int, Mapping[str, LiveClaim]] = {}
_remembering = threading.Lock()


def _remembered(state: int, read: Callable[[], Mapping[str, LiveClaim]]) -> Mapping[str, LiveClaim]:
    with _remembering:
        known = _states.pop(state, None)
    return read() if known is None else known


def _new_state() -> int:
    return secrets.randbits(62) + 1


# Statements ---

_LIVE = select(*(CLAIMS.c[name] for name in LiveClaim._fields)).where(
    CLAIMS.c.scope == bindparam("of"), CLAIMS.c.state.in_(LIVE_STATES)
)
_GRANT = (
    update(CLAIMS)
    .where(CLAIMS.c.claim == bindparam("key"))
    .values(
        state="granted",
        held=CLAIMS.c.needs,
        wanted=NOTHING,
        passed=0,
        fence=bindparam("number"),
        told=bindparam("knows"),
        granted_at=bindparam("at"),
    )
)
_RELEASE = (
    update(CLAIMS)
    .where(CLAIMS.c.claim == bindparam("key"))
    .values(state="released", held=NOTHING, wanted=NOTHING)
)


@cache
def _locking(dialect: str) -> Executable:
    insert = insert_into(dialect, ClaimScopeRow)
    change = {
        "counter": SCOPES.c.counter + 1,
        "state": insert.excluded.state,
        "previous_state": SCOPES.c.state,
    }
    lock = insert.on_conflict_do_update(index_elements=["scope"], set_=change)
    return lock.returning(SCOPES.c.scope, SCOPES.c.counter, now(dialect), SCOPES.c.previous_state)


@cache
def _locking_by_claim(dialect: str) -> Executable:
    scope = select(CLAIMS.c.scope).where(CLAIMS.c.claim == bindparam("key")).scalar_subquery()
    change = {
        "counter": SCOPES.c.counter + 1,
        "state": bindparam("new", type_=SCOPES.c.state.type),
        "previous_state": SCOPES.c.state,
    }
    lock = update(SCOPES).where(SCOPES.c.scope == scope).values(change)
    return lock.returning(SCOPES.c.scope, SCOPES.c.counter, now(dialect), SCOPES.c.previous_state)


@cache
def _inserting(dialect: str) -> Executable:
    insert = insert_into(dialect, ClaimRow).on_conflict_do_nothing(index_elements=["claim"])
    return insert.returning(CLAIMS.c.claim)
