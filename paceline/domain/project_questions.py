"""The steps of a question that a project asks, or a workflow beside it, and not a story."""

from __future__ import annotations

from pydantic import Field

from paceline.domain.questions import Answer, Option, QuestionKind
from paceline.domain.steps import RunStep


class ProjectAsk(RunStep):
    """A question asked by a project, not by a story."""

    number: int
    kind: QuestionKind
    text: str
    context: dict[str, str] = Field(default_factory=dict[str, str])
    options: list[Option] = Field(default_factory=list[Option])
    waits: list[str] | None = None
    """The stories that cannot go on before it is answered; None: all that have not ended."""
    workflow: str = ""
    """The workflow beside the project's own that asks."""


class ProjectAnswered(RunStep):
    """Its answer, to be written down."""

    answer: Answer
    kind: QuestionKind
    asked: ProjectAsk | None = None
    """As in `AnsweredStep`."""
