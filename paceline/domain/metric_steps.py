"""What the workflows and activities that measure are given, and what they give back."""

from __future__ import annotations

from pydantic import Field

from paceline.domain.aims import Aim
from paceline.domain.model import Model
from paceline.domain.questions import Answer
from paceline.domain.steps import RunStep


class MeasureStep(RunStep):
    """Measure what can be at the end of a sprint."""

    sprint: str
    ends: int = 0
    """How often its stories had all ended before, in the same run of its workflow; others came then."""


class MeasureReport(Model):
    """Whether a person is asked for the rest, and whether the sprint waits for the answer."""

    ask: bool = False
    wait: bool = False


class MeasuresInput(RunStep):
    """Start of the workflow that asks."""

    sprint: str
    wait: bool = False
    """The sprint waits for its success criteria, so that a part of an answer is not enough."""


class OpenStep(RunStep):
    """Look what nobody measured up to the end of a sprint."""

    sprint: str


class OpenAims(Model):
    """What nobody measured yet."""

    aims: list[Aim] = Field(default_factory=list[Aim])
    question: str = ""
    holding: bool = False
    """One of them is a success criterion of the sprint."""
    older: list[str] = Field(default_factory=list[str])
    """The workflows of earlier sprints that still ask for them."""
    revision: int = 0


class SaidStep(RunStep):
    """Write down what an answer says of the aims that it was asked for."""

    sprint: str
    answer: Answer
    aims: list[Aim]
