"""The table `[questions]` of a repository's `paceline.toml`: what is asked, and who hears of it when."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from paceline.agents.toml_tables import options_of
from paceline.domain.status import RunOptions
from paceline.domain.waiting_rules import QuestionOptions


class QuestionTable(QuestionOptions):
    """The repository's defaults; what the person who starts a run says goes before them."""

    approve_start: Literal["run", "sprints"] | None = None
    approve_sprints: bool = False
    confirm_reading: list[str] = Field(default_factory=list[str])


def load_question_options(toml_text: str, file: str = "paceline.toml") -> QuestionTable:
    """The table `[questions]`; the defaults where there is none.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit; the message names the key.
    """
    return options_of(QuestionTable, toml_text, "questions", file)


def with_questions(options: RunOptions, table: QuestionTable) -> RunOptions:
    """A run's options with what the repository says of questions, where they say nothing."""
    waiting = QuestionOptions.model_validate(table.model_dump(include=set(QuestionOptions.model_fields)))
    asked, reading = options.approve_sprints, options.confirm_reading
    return options.model_copy(
        update={
            "questions": options.questions or waiting,
            "approve_start": options.approve_start or table.approve_start,
            "approve_sprints": table.approve_sprints if asked is None else asked,
            "confirm_reading": table.confirm_reading if reading is None else reading,
        }
    )
