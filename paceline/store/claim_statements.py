"""What is said to the database about claims, compiled once a dialect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, cast, extract, func, insert, select, update

from paceline.store.models import ClaimDecisionRow, ClaimRow, ClaimScopeRow, UtcDateTime, table
from paceline.store.prepared import Prepared
from paceline.store.statements import insert_into

CLAIMS = table(ClaimRow)
SCOPES = table(ClaimScopeRow)
DECISIONS = table(ClaimDecisionRow)
LIVE_STATES = ("granted", "waiting")
NOTHING = "[]"
LIVE_COLUMNS = (
    "claim",
    "holder",
    "project",
    "story",
    "state",
    "needs",
    "held",
    "wanted",
    "weight",
    "sequence",
    "passed",
    "fence",
    "lost_fence",
)
"""What decisions need to know of a live claim; none of it needs a conversion."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

LIVE = select(*(CLAIMS.c[name] for name in LIVE_COLUMNS)).where(
    CLAIMS.c.scope == bindparam("of"), CLAIMS.c.state.in_(LIVE_STATES)
)


def microseconds(moment: datetime) -> int:
    """The moment as a number of the claims' counter."""
    return (moment - _EPOCH) // _MICROSECOND


@cache
def lock_by_scope(dialect: str) -> Prepared:
    """Lock the row of `scope`, which is made when it is first named, and take its next number."""
    row = insert_into(dialect, ClaimScopeRow).values(
        scope=bindparam("scope"),
        counter=_clock(dialect),
        state=bindparam("new", type_=SCOPES.c.state.type),
        previous_state=0,
    )
    lock = row.on_conflict_do_update(
        index_elements=["scope"],
        set_={
            "counter": _greater(dialect)(SCOPES.c.counter + 1, row.excluded.counter),
            "state": row.excluded.state,
            "previous_state": SCOPES.c.state,
        },
    )
    return Prepared(lock.returning(*_locked(dialect)), dialect)


@cache
def lock_by_claim(dialect: str) -> Prepared:
    """Lock the scope of the claim `key`, and take its next number; no row where the claim is unknown."""
    scope = select(CLAIMS.c.scope).where(CLAIMS.c.claim == bindparam("key")).scalar_subquery()
    lock = update(SCOPES).where(SCOPES.c.scope == scope)
    lock = lock.values(
        counter=_greater(dialect)(SCOPES.c.counter + 1, _clock(dialect)),
        state=bindparam("new", type_=SCOPES.c.state.type),
        previous_state=SCOPES.c.state,
    )
    return Prepared(lock.returning(*_locked(dialect)), dialect)


@cache
def scope_of_claim(dialect: str) -> Prepared:
    """The scope of the claim `key`."""
    return Prepared(select(CLAIMS.c.scope).where(CLAIMS.c.claim == bindparam("key")), dialect)


@cache
def change_scope(dialect: str) -> Prepared:
    """Give the scope `key`, which is locked, the counter `number` and the state `new`."""
    change = update(SCOPES).where(SCOPES.c.scope == bindparam("key"))
    return Prepared(change.values(counter=bindparam("number"), state=bindparam("new")), dialect)


@cache
def insert_claim(dialect: str) -> Prepared:
    """Store a new claim; no row comes back where the key exists."""
    row = insert_into(dialect, ClaimRow).on_conflict_do_nothing(index_elements=["claim"])
    return Prepared(row.returning(CLAIMS.c.claim), dialect, CLAIMS.c.keys())


@cache
def grant_claim(dialect: str) -> Prepared:
    """Give the claim `key` all it needs, under the fence `number`."""
    grant = update(CLAIMS).where(CLAIMS.c.claim == bindparam("key"))
    grant = grant.values(
        state="granted",
        held=CLAIMS.c.needs,
        wanted=NOTHING,
        passed=0,
        fence=bindparam("number"),
        told=bindparam("knows"),
        granted_at=bindparam("moment"),
    )
    return Prepared(grant, dialect)


@cache
def release_claim(dialect: str) -> Prepared:
    """End the claim `key`."""
    release = update(CLAIMS).where(CLAIMS.c.claim == bindparam("key"))
    release = release.values(state="released", held=NOTHING, wanted=NOTHING, released_at=bindparam("moment"))
    return Prepared(release, dialect)


@cache
def insert_decision(dialect: str) -> Prepared:
    """Add the record of a decision."""
    columns = [name for name in DECISIONS.c.keys() if name != "number"]  # noqa: SIM118 - no dictionary
    return Prepared(insert(DECISIONS).inline(), dialect, columns)


def _locked(dialect: str) -> list[ColumnElement[Any]]:
    columns: list[ColumnElement[Any]] = [SCOPES.c.scope, SCOPES.c.counter, SCOPES.c.previous_state]
    return columns if dialect == "sqlite" else [*columns, func.clock_timestamp(type_=UtcDateTime())]


def _clock(dialect: str) -> ColumnElement[int]:
    """Microseconds by the database's clock; SQLite's is the machine's own, given as `clock`."""
    if dialect == "sqlite":
        return bindparam("clock", type_=BigInteger())
    return cast(extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger())


def _greater(dialect: str) -> Callable[..., ColumnElement[int]]:
    return func.max if dialect == "sqlite" else func.greatest
