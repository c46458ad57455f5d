"""What the workflow of an absence and its activities are given, and what they give back."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.replacing import Reason
from paceline.domain.steps import RunStep

MOST_MOVED = 100
"""Stories that are moved in one round."""


class AbsenceInput(RunStep):
    """An agent is lost, or there again."""

    id: str = Field(min_length=1, max_length=100)
    """Makes it idempotent within its run and agent."""
    agent: str = Field(min_length=1, max_length=1000)
    reason: Reason = "away"
    back: bool = False
    """It is there again; its stories stay where they are."""
    wait: bool = False
    """Its stories wait for it, as a person said."""
    until: datetime | None = None
    actor: str = Field(default="paceline", min_length=1, max_length=200)
    note: str = Field(default="", max_length=2000)
    asked: int = 0
    """How many questions it asked."""


class Move(Model):
    """A story that another agent takes."""

    story: str
    sprint: str = ""
    agents: list[str] = Field(default_factory=list[str])
    """All of the story's agents then; the first leads."""
    agent: str = ""
    """Who takes the lost one's place."""
    why: str = ""
    rule: str = ""
    asked: str = ""
    """The workflow that is asked; empty where the story's sprint has not begun."""
    through_epic: bool = False
    """Whether that is the story's epic."""
    id: str = ""
    """Of the action that is sent."""


class AbsenceStep(RunStep):
    """Find out who does the stories of a lost agent, and note what was moved."""

    absence: AbsenceInput
    workflow: str
    round: int = 1
    moved: list[Move] = Field(default_factory=list[Move], max_length=MOST_MOVED)
    """What was asked for in the round before."""
    by: str = Field(default="", max_length=1000)
    """The agent that a person named; empty: by the rules."""
    by_actor: str = ""


class AbsencePlan(Model):
    """What is to be moved now, and what only a person can say."""

    over: bool = False
    """Nobody waits any more: the run has ended, or the agent is there again."""
    revision: int = 0
    moves: list[Move] = Field(default_factory=list[Move])
    left: list[Move] = Field(default_factory=list[Move])
    """Stories for which there is no other agent."""
    question: str = Field(default="", max_length=20_000)
    could: list[str] = Field(default_factory=list[str])
    """The agents that could do all of those, though no rule names them."""
    refused: str = Field(default="", max_length=2000)
    """Why the agent that a person named cannot do them."""
