"""Keeps a query to some projects, for a caller who may not see the others."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, select, true

from paceline.store.models import RunRow

Within = Collection[str] | None
"""Projects by their own ids, which all runs of a project share; None: all."""


def is_within(run: Any, within: Within) -> ColumnElement[bool]:
    """Whether a column names a run of one of these projects."""
    if within is None:
        return true()
    return run.in_(select(RunRow.id).where(RunRow.base_id.in_(within)))
