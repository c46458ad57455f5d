"""One short transaction: its session, and when it is tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from paceline.errors import ServerUnavailable


class Late(Protocol):
    """What functions of one transaction leave to be written at its end."""

    def write(self, connection: Connection) -> None:
        """Write it; called once before the commit, and by whoever has to read it earlier."""
        ...


T = TypeVar("T")
L = TypeVar("L", bound=Late)
Run = Callable[[Session], Any]

ATTEMPTS = 6
"""How often a transaction is tried before the caller hears of it."""

_SHARED = "paceline.shared"
"""Key in `session.info`: what functions of the transaction share, by its type."""
_BUSY_STATES = ("40001", "40P01", "55P03")  # serialization failure, deadlock, lock timeout
_LOST_STATES = ("08", "57P", "25P03")  # connection, shutdown, idle for too long within a transaction


def retry(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run a function in a transaction and commit it; again after a deadlock, a lock or a lost connection.

    Raises:
        ServerUnavailable: it was tried `ATTEMPTS` times.
    """
    attempt = 1
    while True:
        try:
            with engine.connect() as connection, connection.begin():
                return work(connection)
        except DBAPIError as error:
            busy, lost = _is_busy(error), _is_lost(error)
            if not busy and not lost:
                raise
            if attempt == ATTEMPTS:
                raise _unavailable(lost) from error
            time.sleep(random.uniform(0.005, 0.02) * 2**attempt)  # noqa: S311 - jitter, no secret
            attempt += 1


def run_in_session(connection: Connection, run: Callable[[Session], T], notes: dict[Any, Any]) -> T:
    """Call a function with a session that cannot end the connection's transaction.

    Args:
        connection: in a transaction.
        run: the function.
        notes: gets what the function left in `session.info`, sets united.
    """
    mode = "rollback_only"
    with Session(connection, expire_on_commit=False, join_transaction_mode=mode) as session:
        value = run(session)
        session.flush()
        for key, noted in session.info.items():
            notes[key] = notes[key] | noted if key in notes else noted
        return value


@contextmanager
def session_for_many(connection: Connection, notes: dict[Any, Any]) -> Generator[Callable[[Run], Any]]:
    """A session in which several functions run, each as if it were alone.

    They have to be given up together if one of them fails. What they left by `shared` is written in the end.

    Args:
        connection: in a transaction.
        notes: gets what the functions left in `session.info`.

    Returns:
        What runs a function.
    """
    late: dict[type[Late], Late] = {}
    mode = "rollback_only"
    with Session(connection, expire_on_commit=False, join_transaction_mode=mode) as session:
        session.info[_SHARED] = late

        def run(function: Run) -> Any:
            value = function(session)
            session.flush()
            session.expunge_all()
            return value

        yield run
        for each in late.values():
            each.write(connection)
        notes.update(session.info)
        del notes[_SHARED]


def shared(session: Session, kind: type[L]) -> L | None:
    """What the functions of this transaction share; None where each has to write all of its own at once."""
    late: dict[type[Late], Late] | None = session.info.get(_SHARED)
    if late is None:
        return None
    if kind not in late:
        late[kind] = kind()
    return cast(L, late[kind])


def ends_transaction(error: BaseException) -> bool:
    """Whether the whole transaction has to be tried again, not only the part that failed."""
    return isinstance(error, DBAPIError) and (_is_busy(error) or _is_lost(error))


def _is_busy(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state in _BUSY_STATES or getattr(error.orig, "sqlite_errorname", "").startswith("SQLITE_BUSY")


def _is_lost(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None) or ""
    # psycopg gives no state where it could not connect at all.
    refused = not state and isinstance(error.orig, psycopg.OperationalError)
    return error.connection_invalidated or refused or state.startswith(_LOST_STATES)


def _unavailable(lost: bool) -> ServerUnavailable:
    if lost:
        return ServerUnavailable("The database does not answer; check its server, then try again.")
    return ServerUnavailable("Another process keeps the database locked; stop it, then try again.")
