"""What every step of a run names."""

from __future__ import annotations

from paceline.domain.model import Model


class RunStep(Model):
    """Names a run, and the least of its changes that the step has to know."""

    project: str
    revision: int = 0
    """Number of the newest change that the workflow was told of; 0: of none."""


class SprintStep(RunStep):
    sprint: str


class EpicStep(RunStep):
    sprint: str
    epic: str


class StoryStep(RunStep):
    """Names one step of one attempt; the base of every activity input of a story."""

    sprint: str
    epic: str
    story: str
    attempt: int


class FailedAttempt(Model):
    attempt: int
    code: str
    reason: str
