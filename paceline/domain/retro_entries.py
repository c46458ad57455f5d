"""What people add to a review or a retrospective beside its facts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.reports import ReportKind

TEXT_LIMIT = 2000


class EntryKind(StrEnum):
    """What an entry is."""

    NOTE = "note"
    """Something that somebody saw."""
    IMPROVEMENT = "improvement"
    """Something to do from the next sprint on; it is in that sprint's plan."""
    FEEDBACK = "feedback"
    """What somebody thinks of what the sprint came to; it stands in its review, not in its retrospective."""


class EntryDraft(Model):
    """An entry before it has a number. `key` makes it idempotent within its project."""

    key: str = Field(min_length=1, max_length=200)
    kind: EntryKind = EntryKind.IMPROVEMENT
    topic: str = Field(default="", max_length=200)
    """The heading that it belongs under; empty: none."""
    text: str = Field(min_length=1, max_length=TEXT_LIMIT)
    actor: str = Field(default="unknown", min_length=1, max_length=200)


class RetroEntry(EntryDraft):
    """An entry as stored; `number` starts at 1 within its project."""

    project: str
    sprint: str
    number: int
    at: datetime


def added_to(entry: RetroEntry) -> ReportKind:
    """The kind of report that an entry stands in."""
    return ReportKind.REVIEW if entry.kind is EntryKind.FEEDBACK else ReportKind.RETROSPECTIVE
