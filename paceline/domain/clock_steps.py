"""What a sprint's clock and its activity are given, and what they give back; it crosses Temporal's wire."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from paceline.domain.model import Model


class ClockInput(Model):
    """Start of a sprint's clock."""

    project: str
    revision: int = 0
    sprint: str
    started_at: datetime
    """When the sprint started."""
    history_limit: int


class ClockStep(Model):
    """Make the reports of a sprint that are due at a moment."""

    project: str
    revision: int = 0
    sprint: str
    started_at: datetime
    now: datetime
    over: bool = False
    """Whether the sprint has ended, so that also its last ones are due."""


class ClockTick(Model):
    """Where the clock stands."""

    day: int
    planned_days: int | None = None
    phases: list[str] = Field(default_factory=list[str], max_length=100)
    next_day: datetime
    """When the next day begins."""
    over: bool = False
    """The sprint has ended without telling its clock."""
