"""The table `[metrics]`: what measures an aim, and whether people are asked for the rest."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from paceline.domain.model import Model


class MetricsAsking(StrEnum):
    """Whether people are asked at a sprint's end for what has no actual value."""

    BESIDE = "beside"
    """They are; nothing waits for the answer, and the question stays when the run has ended."""
    WAIT = "wait"
    """They are; the sprint does not end before each of its own success criteria has a verdict."""
    NOBODY = "nobody"


class MetricsOptions(Model):
    """From the table `[metrics]` or a run's options."""

    ask: MetricsAsking = MetricsAsking.BESIDE
    commands: dict[str, str] = Field(default_factory=dict[str, str], max_length=1000)
    """The name of a metric or criterion, as in the plan, to a command that measures it."""
