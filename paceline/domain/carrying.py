"""What becomes of stories that a sprint ended without: they stay where they are, or go on in the next one."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.states import StoryState
from paceline.domain.status import CarryOver, StoryStatus
from paceline.domain.steps import RunStep
from paceline.domain.texts import called

CARRIED = "CARRIED_OVER"
"""Reason code of a story that goes on in a later sprint."""
UNFINISHED_STATES = frozenset({StoryState.FAILED, StoryState.BLOCKED})
"""What a person ended on purpose, as cancelled or skipped, is not asked about again."""


class CarryLook(RunStep):
    """Look for what a sprint ended without."""

    sprint: str
    into: str
    """The next sprint."""


class CarryReport(Model):
    """The stories that could go on in the next sprint, and who decides."""

    stories: list[str] = Field(default_factory=list[str])
    policy: CarryOver = CarryOver.NEVER
    question: str = Field(default="", max_length=20_000)


class CarryStep(CarryLook):
    """Let stories go on in the next sprint."""

    stories: list[str]
    actor: str
    note: str = ""


class CarryReply(Model):
    """The newest change of the run, and how many stories left which state."""

    revision: int
    left: dict[StoryState, int] = Field(default_factory=dict[StoryState, int])


def unfinished(rows: Sequence[StoryStatus], sprint: str) -> list[StoryStatus]:
    """The stories of a sprint that did not succeed, in plan order."""
    return [row for row in rows if row.sprint == sprint and row.state in UNFINISHED_STATES]


def carry_question(sprint: str, into: str, stories: Sequence[StoryStatus]) -> str:
    """What a person is asked, with why each story did not succeed."""
    count = "1 story" if len(stories) == 1 else f"{len(stories)} stories"
    lines = [
        f"- {row.id} ({row.title}): {row.state.value}{f', {row.reason}' if row.reason else ''}"[:400]
        for row in stories[:40]
    ]
    more = [f"- and {len(stories) - len(lines)} more"] if len(stories) > len(lines) else []
    text = "\n".join([*lines, *more])
    name = called("Sprint", sprint)
    asked = f"{name} ended without {count}. Carry them over into {into}?\n\n{text}"
    return asked[:20_000]
