"""Statements composed and compiled once a dialect, and then run as text.

The frequent statements of claims take microseconds in the database; SQLAlchemy's way from a composed
statement to the driver takes several times as long. Here only the text and the values go that way. Results
come as the driver gives them, so none of their columns may need a conversion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

_DIALECTS: dict[str, Callable[[], Dialect]] = {
    "sqlite": cast("Callable[[], Dialect]", sqlite.dialect),
    "postgresql": lambda: postgresql.psycopg.dialect(),
}

Values = Mapping[str, Any]
Row = Sequence[Any]


class Prepared:
    """The text of a statement, and how its values go to the driver.

    Args:
        statement: values that are written into it are sent with every run; the others are `bindparam`s, or
            columns of an INSERT without VALUES.
        dialect: `sqlite` or `postgresql`.
        columns: of an INSERT, those that a run gives.
    """

    def __init__(self, statement: ClauseElement, dialect: str, columns: Sequence[str] | None = None) -> None:
        speaks = _DIALECTS[dialect]()
        keys = list(columns) if columns is not None else None
        compiled = statement.compile(dialect=speaks, column_keys=keys)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError(f"{statement!r} is not a statement about rows")
        self.text = str(compiled)
        self._order = compiled.positiontup
        self._written: dict[str, Any] = {}
        self._converts: dict[str, Callable[[Any], Any]] = {}
        for bind, name in compiled.bind_names.items():
            if not bind.required:
                self._written[name] = bind.value
            convert = bind.type.dialect_impl(speaks).bind_processor(speaks)
            if convert is not None:
                self._converts[name] = convert

    def run(self, connection: Connection, values: Values) -> Row | None:
        """Run it once; the first row of what comes back, if it gives one back."""
        return self._execute(connection, self._sent(values))

    def run_many(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Run it for each of several rows."""
        self._execute(connection, [self._sent(row) for row in rows])

    def _execute(self, connection: Connection, sent: Any) -> Row | None:
        """Past SQLAlchemy, which needs longer for a statement than the database, with its errors."""
        cursor: Any = connection.connection.cursor()
        try:
            if isinstance(sent, list):
                cursor.executemany(self.text, sent)
                return None
            cursor.execute(self.text, sent)
            return cursor.fetchone() if cursor.description else None
        except connection.dialect.loaded_dbapi.Error as error:
            raise self._failure(connection, cursor, error, sent) from error
        finally:
            cursor.close()

    def _failure(self, connection: Connection, cursor: Any, error: Exception, sent: Any) -> BaseException:
        """The error as SQLAlchemy would raise it; a connection that was lost is not used again."""
        dialect = connection.dialect
        base: Any = dialect.loaded_dbapi.Error
        driver: Any = connection.connection.dbapi_connection
        lost = dialect.is_disconnect(cast(Any, error), driver, cursor)
        if lost:
            connection.invalidate(error)
        return DBAPIError.instance(
            self.text,
            sent,
            error,
            base,
            connection_invalidated=lost,
            dialect=dialect,
            ismulti=isinstance(sent, list),
        )

    def _sent(self, values: Values) -> Any:
        known = {**self._written, **values}
        for name, convert in self._converts.items():
            known[name] = convert(known[name])
        return known if self._order is None else tuple(known[name] for name in self._order)
