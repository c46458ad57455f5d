"""The days on which the shed is open."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date


def is_open(day: date, holidays: Collection[date] = ()) -> bool:
    """Whether somebody is at the desk: never on a Sunday, never on a holiday."""
    raise NotImplementedError


def due_date(lent: date, days: int, holidays: Collection[date] = ()) -> date:
    """The first open day at least so many days after the loan."""
    raise NotImplementedError
