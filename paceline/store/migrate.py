"""The schema of a database: brought up, taken down, compared. Two processes may do it at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from paceline.errors import ServerUnavailable
from paceline.store.database import engine_url, sqlite_engine

T = TypeVar("T")

_ADVISORY_LOCK = 0x5061_6365
"""Names the lock that migrations of one PostgreSQL database take in turn."""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema up; nothing happens where it is there already.

    All steps are one transaction, under a lock: a process that is killed leaves the old schema, a second one
    waits for the first.

    Raises:
        ServerUnavailable: the database cannot be reached.
    """
    _locked(url, lambda connection: command.upgrade(_config(connection), revision))


def downgrade(url: str, revision: str) -> None:
    """Take the schema down to a revision; `base` removes every table.

    Raises:
        ServerUnavailable: the database cannot be reached.
    """
    _locked(url, lambda connection: command.downgrade(_config(connection), revision))


def current(url: str) -> str | None:
    """The revision of the database's schema; None before the first.

    Raises:
        ServerUnavailable: the database cannot be reached.
    """
    return _locked(url, lambda connection: MigrationContext.configure(connection).get_current_revision())


def head() -> str:
    """The newest revision this version of Paceline knows."""
    revision = ScriptDirectory.from_config(_config(None)).get_current_head()
    if revision is None:
        raise AssertionError(f"no migrations in {_folder()}")
    return revision


def is_known(revision: str | None) -> bool:
    """Whether this version of Paceline can begin at a revision; not at a later version's."""
    known = ScriptDirectory.from_config(_config(None)).walk_revisions()
    return revision is None or any(each.revision == revision for each in known)


def is_current(url: str) -> bool:
    """Whether the schema is the one this version works with."""
    return current(url) == head()


def _folder() -> Path:
    """In a wheel beside this file, in a checkout at the top."""
    packaged = Path(__file__).with_name("migrations")
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "migrations"


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _locked(url: str, work: Callable[[Connection], T]) -> T:
    engine = _engine(engine_url(url))
    try:
        with engine.begin() as connection:
            # SQLite's lock is the transaction itself: it began as a writer.
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
            return work(connection)
    except OperationalError as error:
        raise ServerUnavailable(
            f"The database {engine.url.render_as_string()} does not answer; check its server and its URL."
        ) from error
    finally:
        engine.dispose()


def _engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        return sqlite_engine(url, 1)
    return create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 10})
