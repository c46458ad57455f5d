"""One input and one result model for what steering sends between workflows and activities."""

from __future__ import annotations

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.steering import Steer, SteerReceipt, SteerScope
from paceline.domain.steps import FailedAttempt, RunStep, StoryStep


class SteeredInput(RunStep):
    """What every workflow that people steer carries through continue-as-new."""

    paused: list[SteerScope] = Field(default_factory=list[SteerScope])
    """What holds it: itself, and each of what is above it."""
    receipts: list[SteerReceipt] = Field(default_factory=list[SteerReceipt])
    """The newest of the actions that it took."""
    ending: Steer | None = None
    """The action that ends all its stories."""
    amended: int = 0
    """Revision of the newest amendment of the plan that it was told of; 0: of none."""


class Unbegun(Model):
    """What people did to a sprint before it began, and to its parts."""

    paused: bool = False
    epics: list[str] = Field(default_factory=list[str])
    """Those that are paused."""
    stories: list[str] = Field(default_factory=list[str])
    """Those that are paused."""
    ended_epics: list[str] = Field(default_factory=list[str])
    ending: Steer | None = None
    """The action that ended it; it does not begin."""


class FromAbove(Model):
    """Signal to a child: what holds the workflows above it now, and the newest change of the run."""

    paused: list[SteerScope]
    revision: int = 0
    amended: int = 0


class Again(Model):
    """Where a story goes on that is started again after it had ended."""

    round: int
    """How often it was started again."""
    attempt: int
    questions_asked: int = 0
    extra_attempts: int = 0
    """Attempts that do not count against the agent's limit: those of the parts before."""
    failures: list[FailedAttempt] = Field(default_factory=list[FailedAttempt])


class SteerStep(RunStep):
    """Record an action that a workflow took, and make the change of the run that it is."""

    steer: Steer
    scope: SteerScope
    sprint: str = ""
    epic: str = ""
    story: str = ""
    workflow: str
    """The workflow that took it."""
    effect: str
    """What it does, in words; or why it was refused."""
    held_by: list[SteerScope] = Field(default_factory=list[SteerScope])
    """What holds the target when it was done."""
    started: bool = True
    """Whether the story has a workflow of its own."""
    unbegun: bool = False
    """Whether the sprint of the target has not begun."""


class SteerRecorded(Model):
    """What came of it."""

    revision: int = 0
    """The newest change of the run, where the action made one; 0: it made none."""
    refused: str = ""
    """Why it was not done after all; then nothing was changed."""
    agent: str = ""
    """The story's agents now, for display."""
    weight: float = 0.0
    """The story's weight in the waiting line now."""
    rank: int = 0
    effect: str = ""
    """What it did, where only the story's status says; empty: what the workflow says."""


class PauseStep(StoryStep):
    """The story stands still: give back its slots and keep its files."""

    number: int
    held_by: list[SteerScope]


class PauseReply(Model):
    claimed: bool
    """Whether it has a claim, or waits in line for one."""


class ReopenStep(RunStep):
    """Open stories that had ended: one that starts again, and those that wait for it again."""

    sprint: str
    epic: str
    steer: str
    """Id of the action."""
    story: str = ""
    """The one that starts again; empty where it is of another epic."""
    freed: list[str] = Field(default_factory=list[str])


class EndStep(RunStep):
    """End stories that do not run: they never started, or had ended without success."""

    steer: Steer
    sprint: str
    stories: list[str]
    """Empty: all of the sprint, or of `epic` in it, that have not ended."""
    epic: str = ""
    withdraw: bool = False
    """Whether the run's own open question is about it, and is taken back."""
