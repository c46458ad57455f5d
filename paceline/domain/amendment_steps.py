"""What crosses between the API, a project's workflow and its activity when its plan is amended."""

from __future__ import annotations

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.steps import RunStep


class Amend(Model):
    """An edited plan to follow from now on. `id` makes it idempotent: the first with an id is the one."""

    id: str = Field(min_length=1, max_length=200)
    digest: str
    """The edited plan, saved beforehand under this digest."""
    renames: dict[str, str] = Field(default_factory=dict[str, str])
    """Id in the run to the id in the edited plan."""
    moves: dict[str, str] = Field(default_factory=dict[str, str])
    """Stories that have not begun to the running sprint in which they are done instead of a later one."""
    base: str = ""
    """Digest of the plan in force from which it was made; where another one is in force by now, nothing is
    changed. Empty: whichever is."""
    actor: str = Field(default="unknown", min_length=1, max_length=200)
    reason: str = Field(default="", max_length=2000)


class AmendStep(RunStep):
    """Apply an edited plan, if all of it can be."""

    amend: Amend
    ended_sprints: list[str] = Field(default_factory=list[str])


class AmendReply(Model):
    """What became of an edited plan; nothing changed where there are refusals."""

    revision: int
    applied: bool = False
    """Whether the run follows it, since now or since the request came before."""
    added: int = 0
    removed: int = 0
    changed: int = 0
    refusals: list[str] = Field(default_factory=list[str])
    """The first of them, as sentences."""
    overtaken: bool = False
    """Another plan than its `base` is in force."""
