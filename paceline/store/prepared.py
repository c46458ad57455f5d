"""Statements composed and compiled once a dialect, and then run as text.

The frequent statements of claims take microseconds in the database; SQLAlchemy's way from a composed
statement to the driver takes several times as long. Here only the text and the values go that way. Results
come as the driver gives them, so none of their columns may need a conversion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ClauseElement, Connection, CursorResult, Dialect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler

_DIALECTS: dict[str, Callable[[], Dialect]] = {
    "sqlite": cast("Callable[[], Dialect]", sqlite.dialect),
    "postgresql": lambda: postgresql.psycopg.dialect(),
}

Values = Mapping[str, Any]


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

    def run(self, connection: Connection, values: Values) -> CursorResult[Any]:
        """Run it once."""
        return connection.exec_driver_sql(self.text, self._sent(values))

    def run_many(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Run it for each of several rows."""
        connection.exec_driver_sql(self.text, [self._sent(row) for row in rows])

    def _sent(self, values: Values) -> Any:
        known = {**self._written, **values}
        for name, convert in self._converts.items():
            known[name] = convert(known[name])
        return known if self._order is None else tuple(known[name] for name in self._order)
