"""Rows of claims: how they are locked, read and written; `claims` says when."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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

_NEEDS = TypeAdapter(tuple[Need, ...])
NOTHING = "[]"
CLAIMS = table(ClaimRow)
SCOPES = table(ClaimScopeRow)
LIVE_STATES = ("granted", "waiting")
_LIVE_COLUMNS = select(
    CLAIMS.c.claim,
    CLAIMS.c.holder,
    CLAIMS.c.state,
    CLAIMS.c.held,
    CLAIMS.c.wanted,
    CLAIMS.c.weight,
    CLAIMS.c.sequence,
    CLAIMS.c.passed,
    CLAIMS.c.fence,
).where(CLAIMS.c.scope == bindparam("of"))
_LIVE = _LIVE_COLUMNS.where(CLAIMS.c.state.in_(LIVE_STATES))
_IN_LINE = _LIVE_COLUMNS.where(CLAIMS.c.state == "waiting")
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
    .where(CLAIMS.c.scope == bindparam("of"), CLAIMS.c.state != "released")
    .values(state="released", held=NOTHING, wanted=NOTHING)
    .returning(CLAIMS.c.needs)
)
RELEASE_CLAIM = _RELEASE.where(CLAIMS.c.claim == bindparam("key"))
RELEASE_HOLDER = _RELEASE.where(CLAIMS.c.holder == bindparam("key"))


class LiveClaim(NamedTuple):
    """A granted or waiting claim, as far as decisions need it."""

    claim: str
    holder: str
    state: str
    held: str
    wanted: str
    weight: float
    sequence: int
    passed: int
    fence: int | None


class Locked(NamedTuple):
    """A scope whose counter row this transaction holds; `number` is taken and not yet given to anybody."""

    scope: str
    number: int
    at: datetime


def lock_scope(session: Session, scope: str) -> Locked:
    """Lock a scope, which is made when it is first named."""
    lock = _locking(dialect_of(session))
    return Locked(*session.connection().execute(lock, {"scope": scope, "counter": 1}).one())


def lock_claim(session: Session, claim: str) -> Locked | None:
    """Lock the scope of a claim; None where the claim is unknown."""
    lock = _locking_by_claim(dialect_of(session))
    row = session.connection().execute(lock, {"key": claim}).one_or_none()
    return Locked(*row) if row is not None else None


@cache
def _locking(dialect: str) -> Executable:
    lock = insert_into(dialect, ClaimScopeRow).on_conflict_do_update(
        index_elements=["scope"], set_={"counter": SCOPES.c.counter + 1}
    )
    return lock.returning(SCOPES.c.scope, SCOPES.c.counter, now(dialect))


@cache
def _locking_by_claim(dialect: str) -> Executable:
    scope = select(CLAIMS.c.scope).where(CLAIMS.c.claim == bindparam("key")).scalar_subquery()
    lock = update(SCOPES).where(SCOPES.c.scope == scope).values(counter=SCOPES.c.counter + 1)
    return lock.returning(SCOPES.c.scope, SCOPES.c.counter, now(dialect))


@cache
def _inserting(dialect: str) -> Executable:
    insert = insert_into(dialect, ClaimRow).on_conflict_do_nothing(index_elements=["claim"])
    return insert.returning(CLAIMS.c.claim)


def live_claims(session: Session, scope: str) -> Sequence[LiveClaim]:
    """Everything granted or waiting in a locked scope."""
    return [LiveClaim._make(row) for row in session.connection().execute(_LIVE, {"of": scope}).all()]


def anybody_waits_for(session: Session, scope: str, needs: Collection[str]) -> bool:
    """Whether a waiting claim of a locked scope waits for one of these needs, each a JSON array.

    The others lack something else, so there is nothing to decide for them.
    """
    line = session.connection().execute(_IN_LINE, {"of": scope}).all()
    waiting = waiters([LiveClaim._make(row) for row in line])
    return any(waiter.demand.touches(_demand(given)) for waiter in waiting for given in needs)


def grant_row(session: Session, claim: str, fence: int, at: datetime, told: bool) -> None:
    """Give a claim all it needs."""
    values = {"key": claim, "number": fence, "knows": told, "at": at}
    session.connection().execute(_GRANT, values)


def count_passed(session: Session, verdict: Verdict) -> None:
    """Note for the waiters that were passed over that it happened once more."""
    if verdict.passed:
        behind = CLAIMS.c.claim.in_(verdict.passed)
        session.connection().execute(update(CLAIMS).where(behind).values(passed=CLAIMS.c.passed + 1))


def insert_claim(session: Session, request: ClaimRequest, locked: Locked, granted: bool) -> bool:
    """Store a new claim; False where the key exists already."""
    needs = dump_needs(request.needs)
    row = {
        **request.model_dump(include={"claim", "scope", "holder", "project", "story", "weight"}),
        "state": "granted" if granted else "waiting",
        "needs": needs,
        "held": needs if granted else NOTHING,
        "wanted": NOTHING if granted else needs,
        "sequence": locked.number,
        "passed": 0,
        "fence": locked.number if granted else None,
        "told": True,
        "requested_at": locked.at,
        "granted_at": locked.at if granted else None,
        "released_at": None,
    }
    return session.connection().execute(_inserting(dialect_of(session)), row).first() is not None


def record_of(session: Session, claim: str) -> ClaimRecord:
    """A claim that is known to be there."""
    query = select(CLAIMS).where(CLAIMS.c.claim == claim)
    return to_record(session.connection().execute(query).mappings().one())


def to_record(row: Mapping[str, Any] | Any) -> ClaimRecord:
    """A row as its model."""
    values = {name: value for name, value in row.items() if name != "told"}
    parsed = {name: list(parse_needs(values[name])) for name in ("needs", "held", "wanted")}
    return ClaimRecord.model_validate(values | parsed)


def holdings(live: Collection[LiveClaim]) -> list[Holding]:
    """What the claims hold, as the rules want it."""
    return [Holding(row.claim, row.holder, _demand(row.held)) for row in live if row.held != NOTHING]


def waiters(live: Collection[LiveClaim]) -> list[Waiting]:
    """What the claims wait for, as the rules want it."""
    return [
        Waiting(row.claim, row.holder, _demand(row.wanted), row.weight, row.sequence, row.passed)
        for row in live
        if row.state == "waiting"
    ]


def parse_needs(needs: str) -> tuple[Need, ...]:
    """Needs from their JSON."""
    return _NEEDS.validate_json(needs)


@lru_cache(maxsize=8_192)
def _demand(needs: str) -> Demand:
    """The same few are compared at every decision."""
    return Demand(parse_needs(needs))


def dump_needs(needs: Sequence[Need]) -> str:
    """Needs as JSON."""
    return _NEEDS.dump_json(tuple(needs)).decode()
