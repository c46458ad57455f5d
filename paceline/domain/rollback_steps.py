"""What crosses Temporal's wire for a rollback: one input and one result model for each step.

Beside `paceline.contracts`, and under its rules: small, closed, with a default for what a later version adds.
"""

from __future__ import annotations

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.rollback import Choice


class RollbackInput(Model):
    """Start of a rollback that was recorded."""

    project: str
    number: int


class RollbackStep(Model):
    """Names one step of a rollback; the base of its activities' inputs."""

    project: str
    number: int


class RollbackSurvey(Model):
    """What a rollback would change; the long lists are in its row."""

    code: str = ""
    """Why it is not possible, where it is not."""
    reason: str = Field(default="", max_length=2000)
    question: str = Field(default="", max_length=20_000)
    context: dict[str, str] = Field(default_factory=dict[str, str])
    fingerprints: dict[Choice, str] = Field(default_factory=dict[Choice, str])
    confirmed_by: str | None = None
    """Who confirmed it beforehand, where no more is at stake than was named."""


class RollbackAsk(RollbackStep):
    """Ask whether it is to be done."""

    asked: int
    text: str = Field(max_length=20_000)
    context: dict[str, str] = Field(default_factory=dict[str, str])


class RollbackClaim(RollbackStep):
    """Ask for every path that a choice would change; each round is a claim of its own."""

    round: int
    choice: Choice


class RollbackClaimReply(Model):
    """`lost`: this claim was freed by somebody else, and another round is needed."""

    granted: bool = False
    fence: int | None = None
    waits_for: list[str] = Field(default_factory=list[str])
    lost: bool = False


class RollbackMake(RollbackStep):
    """Move the branch, if that changes what was confirmed."""

    round: int
    fence: int
    choice: Choice
    fingerprint: str
    decided_by: str


class RollbackReport(Model):
    """What came of moving the branch. Neither `made` nor a `code`: it would change something else now."""

    made: bool = False
    commit: str | None = None
    code: str = ""
    reason: str = Field(default="", max_length=2000)


class RollbackEnd(RollbackStep):
    """Give everything back, and record a refusal where there is a `code`."""

    code: str = ""
    reason: str = Field(default="", max_length=2000)
    decided_by: str | None = None


class RollbackResult(Model):
    """How a rollback ended."""

    number: int
    made: bool
    commit: str | None = None
    code: str = ""
