"""The locked rows of claims' scopes, and what functions that share a transaction need not say twice.

A scope's row is locked once a transaction. Functions that follow take their numbers from memory, and the
row gets the last of them before the commit, together with the records of all decisions. Nobody else can see
the row or change it in between.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from paceline.store import claim_statements as statements
from paceline.store.prepared import Prepared
from paceline.store.statements import dialect_of
from paceline.store.transactions import shared

Record = Mapping[str, Any]
"""A decision's row, but for its number."""


@dataclass
class ScopeRow:
    """The row of a scope that this transaction has locked.

    Attributes:
        name: the scope.
        number: its counter.
        state: names the set of live claims after the last change.
        at: the database's clock when `number` was taken.
        behind: whether the row in the database has still to be told.
        live: the keys of the scope's live claims.
    """

    name: str
    number: int
    state: int
    at: datetime
    behind: bool = False
    live: Collection[str] = ()
    _moment: float = field(default_factory=time.monotonic)

    def advance(self, state: int) -> int:
        """Take the next number for a change to this state; the state before it.

        The database's clock is carried on by this machine's for the rest of the transaction.
        """
        moment = time.monotonic()
        self.at += timedelta(seconds=moment - self._moment)
        self._moment = moment
        before, self.state = self.state, state
        self.number = max(self.number + 1, statements.microseconds(self.at))
        self.behind = True
        return before


@dataclass
class LateWrites:
    """What the functions of one transaction leave to be written before its commit.

    Attributes:
        scopes: the locked rows by their names.
        records: decisions in their order.
    """

    scopes: dict[str, ScopeRow] = field(default_factory=dict[str, ScopeRow])
    records: list[Record] = field(default_factory=list[Record])

    def scope_of(self, claim: str) -> str:
        """The locked scope in which this claim lives; empty where it is in none."""
        return next((row.name for row in self.scopes.values() if claim in row.live), "")

    def write(self, connection: Connection) -> None:
        """Write all of it; what is known of the locked rows stays known."""
        for row in self.scopes.values():
            if row.behind:
                _catch_up(connection, row)
        insert_records(connection, self.records)
        self.records.clear()


def _catch_up(connection: Connection, row: ScopeRow) -> None:
    values = {"key": row.name, "number": row.number, "new": row.state}
    statements.change_scope(connection.dialect.name).run(connection, values)
    row.behind = False


def insert_records(connection: Connection, records: Sequence[Record]) -> None:
    """Add records of decisions."""
    if records:
        statements.insert_decision(connection.dialect.name).run_many(connection, records)


def add_records(session: Session, records: Sequence[Record]) -> None:
    """Add records of decisions, at the latest before the commit."""
    late = shared(session, LateWrites)
    if late is None:
        insert_records(session.connection(), records)
    else:
        late.records.extend(records)


def write_late(session: Session) -> None:
    """Write what was left for the end of the transaction; for queries that have to see it."""
    late = shared(session, LateWrites)
    if late is not None:
        late.write(session.connection())


def raise_number(session: Session, row: ScopeRow, number: int) -> None:
    """Have every later number of a locked scope be higher than this one, at the latest before the commit."""
    row.number, row.behind = number, True
    if shared(session, LateWrites) is None:
        _catch_up(session.connection(), row)


def lock_row(session: Session, *, scope: str = "", claim: str = "") -> tuple[ScopeRow, int] | None:
    """Lock the row of a scope, or that of a claim's scope, and take its next number.

    Args:
        session: in a write transaction.
        scope: which is made when it is first named; or
        claim: a claim of the scope.

    Returns:
        The row, and the state before this change; None where the claim is unknown.
    """
    late, state = shared(session, LateWrites), secrets.randbits(62) + 1
    if late is not None and late.scopes:
        name = scope or late.scope_of(claim) or _scope_of(session, claim)
        known = late.scopes.get(name)
        if known is not None:
            return known, known.advance(state)
    if scope:
        locked = _lock(session, statements.lock_by_scope, {"scope": scope}, state)
    else:
        locked = _lock(session, statements.lock_by_claim, {"key": claim}, state)
    if late is not None and locked is not None:
        late.scopes[locked[0].name] = locked[0]
    return locked


def _scope_of(session: Session, claim: str) -> str:
    query = statements.scope_of_claim(dialect_of(session))
    row = query.run(session.connection(), {"key": claim})
    return "" if row is None else row[0]


def _lock(
    session: Session, statement: Callable[[str], Prepared], values: Mapping[str, Any], state: int
) -> tuple[ScopeRow, int] | None:
    at = datetime.now(UTC)
    known = {**values, "new": state, "clock": statements.microseconds(at)}
    row = statement(dialect_of(session)).run(session.connection(), known)
    if row is None:
        return None
    # PostgreSQL has a clock of its own, and tells it.
    at = row[3].astimezone(UTC) if len(row) > 3 else at
    return ScopeRow(row[0], row[1], state, at), row[2]
