"""What a workflow says of the question that it waits with, and what it has done while nobody answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.questions import Option
from paceline.domain.steps import RunStep
from paceline.domain.waiting_rules import Pressing


class OpenQuestion(Model):
    """A question that was asked, and whose answer was not recorded yet."""

    question: str
    asked_by: Literal["story", "project", "rollback"]
    step: dict[str, Any] = Field(default_factory=dict[str, Any])
    """The input of the activity that asked it."""
    options: list[Option] = Field(default_factory=list[Option])
    """What an answer may choose from."""


class PressStep(RunStep):
    """Remind people of a question, or tell the next of them."""

    question: str
    what: Pressing
    reminders: int = 0
    escalated: int = 0
    """How many of the escalation were told, this one included."""
    deadline: datetime | None = None
    """The next one."""
