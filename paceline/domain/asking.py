"""What a workflow says of the question that it waits with: enough to ask it once more under the same id."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from paceline.domain.model import Model


class OpenQuestion(Model):
    """A question that was asked, and whose answer was not recorded yet."""

    question: str
    asked_by: Literal["story", "project", "rollback"]
    step: dict[str, Any] = Field(default_factory=dict[str, Any])
    """The input of the activity that asked it."""
