"""What proves a story: its checks and acceptance criteria, and who or what answered for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.plan import Story


class CriteriaPolicy(StrEnum):
    """Who answers for a criterion that names no command."""

    PERSON = "person"
    """A person, before the merge."""
    REVIEWER = "reviewer"
    """A reviewing agent; its verdict is advice. Where it finds a criterion unmet, or says nothing of it, a
    person is asked."""
    RECORD = "record"
    """Nobody: the criterion is merged as unproven, and says so."""


class Verdict(StrEnum):
    """How a criterion or check stands."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not_run"
    """An earlier command failed, so this one was left out."""
    CONFIRMED = "confirmed"
    """A person says that it is met."""
    ADVISED = "advised"
    """A reviewing agent says that it is met. Advice, not proof."""
    DOUBTED = "doubted"
    """A reviewing agent says that it is not met. Advice, not proof."""
    UNPROVEN = "unproven"


class Claimed(Model):
    """One thing that must hold before a story is done; `number` is 1-based within its kind."""

    kind: Literal["criterion", "check"]
    number: int
    text: str
    command: str | None = None


class Proof(Claimed):
    """Who or what answered for it, and on which commit."""

    project: str
    story: str
    attempt: int
    commit: str
    """The candidate merge that it was proven on."""
    tested_on: str | None = None
    """Where stories were checked together: the commit with the others on top that the commands ran on."""
    verdict: Verdict
    prover: Literal["command", "person", "reviewer", "nobody"]
    by: str | None = None
    """The person's or the reviewing agent's name."""
    note: str | None = Field(default=None, max_length=2000)
    exit_code: int | None = None
    """None also for a command that did not start or ran out of time."""
    timed_out: bool = False
    output: str | None = None
    """File name of the output beside the evidence."""
    output_sha256: str | None = None
    at: datetime


class CommandResult(Model):
    """What a command came to, as the proofs of everything that names it need it."""

    command: str
    passed: bool
    exit_code: int | None
    timed_out: bool
    output: str
    output_sha256: str


class Advice(Model):
    """What a reviewing agent says of one criterion."""

    number: int
    met: bool
    note: str = Field(default="", max_length=2000)


def claims_of(story: Story, defaults: Sequence[str] = ()) -> list[Claimed]:
    """Everything that must hold for a story: criteria in their order, then checks.

    Args:
        story: as planned.
        defaults: commands that prove every story of its agent or repository, beside its own.

    Returns:
        A check for each of the story's own, its tasks' and the default commands that no criterion names.
    """
    found = [
        Claimed(kind="criterion", number=number, text=item.text, command=item.command)
        for number, item in enumerate(story.acceptance_criteria, 1)
    ]
    named = {each.command for each in found}
    commands = [command for command in dict.fromkeys([*story.proofs(), *defaults]) if command not in named]
    found.extend(
        Claimed(kind="check", number=number, text=command, command=command)
        for number, command in enumerate(commands, 1)
    )
    return found


def commands_of(claimed: Sequence[Claimed], story: Story) -> list[str]:
    """The commands to run, each once: the story's own in their order, then the defaults."""
    own = story.proofs()
    named = [each.command for each in claimed if each.command]
    return list(dict.fromkeys([*(command for command in own if command in named), *named]))


def open_criteria(claimed: Sequence[Claimed]) -> list[Claimed]:
    """Criteria that no command can answer for."""
    return [each for each in claimed if each.kind == "criterion" and each.command is None]


def undecided(open_: Sequence[Claimed], policy: CriteriaPolicy, advice: Sequence[Advice]) -> list[Claimed]:
    """The open criteria that a person has to be asked about."""
    if policy is CriteriaPolicy.RECORD:
        return []
    if policy is CriteriaPolicy.PERSON:
        return list(open_)
    met = {each.number for each in advice if each.met}
    return [each for each in open_ if each.number not in met]
