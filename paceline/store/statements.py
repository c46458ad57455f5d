"""The little that SQLite and PostgreSQL say differently.

Composing a statement costs more than running it, so the frequent ones are composed once a dialect, by cached
functions that take the dialect's name.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from paceline.store.models import Base, UtcDateTime, table

Insert = sqlite.Insert | postgresql.Insert


def dialect_of(session: Session) -> str:
    """`sqlite` or `postgresql`."""
    return session.get_bind().dialect.name


def insert_into(dialect: str, model: type[Base]) -> Insert:
    """An INSERT that knows ON CONFLICT in the dialect."""
    return sqlite.insert(table(model)) if dialect == "sqlite" else postgresql.insert(table(model))


def now(dialect: str) -> ColumnElement[datetime]:
    """The moment of the statement's execution by the database's clock.

    Processes on other machines may have other clocks; SQLite's is the machine's own.
    """
    if dialect == "sqlite":
        return bindparam(None, callable_=_present, type_=UtcDateTime())
    return func.clock_timestamp(type_=UtcDateTime())


def read_clock(session: Session) -> datetime:
    """The present moment by the database's clock, in UTC."""
    if dialect_of(session) == "sqlite":
        return _present()
    return session.execute(select(func.clock_timestamp(type_=UtcDateTime()))).scalar_one()


def _present() -> datetime:
    return datetime.now(UTC)
