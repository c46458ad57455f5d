"""The reports of a sprint: what kinds there are, and what each covers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from paceline.domain.model import Model


class ReportKind(StrEnum):
    """What a report is about. Its number is a day, a week, or 1."""

    PLANNING = "planning"
    """At the start of a sprint; number 1."""
    STANDUP = "standup"
    """Once a day; its number is the day."""
    DAILY = "daily"
    """Once a day; its number is the day."""
    VELOCITY = "velocity"
    """Once a week; its number is the week."""
    REVIEW = "review"
    """At the end of a sprint; number 1."""
    RETROSPECTIVE = "retrospective"
    """At the end of a sprint; number 1."""


class Period(Model):
    """What a report covers: days of the sprint, moments, and events of the log."""

    sprint: str
    first_day: int
    last_day: int
    """More than the first where nobody was there to report every day."""
    planned_days: int | None = None
    """How many days the sprint was to last."""
    phases: list[str] = Field(default_factory=list[str])
    """The plan's phases that the last day belongs to."""
    since: datetime
    until: datetime
    after_event: int
    """The newest event that the report before it covered; 0 for the first."""
    last_event: int


class Report(Model):
    """A report as stored; `data` is the content of its kind."""

    project: str
    sprint: str
    kind: ReportKind
    number: int
    made_at: datetime
    data: dict[str, Any]

    @property
    def name(self) -> str:
        """A name within its project, for files."""
        return f"{self.kind.value}-{self.number:02d}"


class ReportDraft(Model):
    """A report before it is stored: the first of a kind and number stays."""

    sprint: str
    kind: ReportKind
    number: int
    data: dict[str, Any]
