"""Pages by keyset: the next rows are those beyond the last one, so that new rows move nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

Key = tuple[Any, ...]
"""Where a page ended: the last row's values of the columns by which the list is ordered."""


class By(NamedTuple):
    """One column of an order. Of the columns of one list no two rows have the same values."""

    column: Any
    descending: bool = False


def paged(query: Select[Any], order: Sequence[By], after: Key | None, limit: int | None) -> Select[Any]:
    """A query in this order, from beyond a row on, at most so many rows.

    Args:
        query: without an order of its own.
        order: the columns, the first weighs most.
        after: the last row's values of them; None: from the first.
        limit: None: all.
    """
    if after is not None:
        query = query.where(_beyond(order, after))
    ordered = [each.column.desc() if each.descending else each.column for each in order]
    return query.order_by(*ordered).limit(limit)


def _beyond(order: Sequence[By], after: Key) -> ColumnElement[bool]:
    first, *rest = zip(order, after, strict=True)
    (by, value) = first
    further = by.column < value if by.descending else by.column > value
    if not rest:
        return further
    there = by.column <= value if by.descending else by.column >= value
    beside = and_(by.column == value, _beyond(order[1:], after[1:]))
    # The first condition says nothing new; it is the one that an index can begin at.
    return and_(there, or_(further, beside))


def has_member(session: Session, column: Any, value: str) -> ColumnElement[bool]:
    """Whether a list of texts, kept as JSON, has this one."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    entries = func.json_each(column) if sqlite else func.json_array_elements_text(column)
    members = entries.table_valued("value")
    return select(members.c.value).where(members.c.value == value).exists()
