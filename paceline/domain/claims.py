"""What a claim asks for and how it was decided; the rules are in `resources`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from paceline.domain.model import Frozen, Model


class Need(Frozen):
    """An amount of one resource. Files are `file:<path or glob>` with capacity 1.

    Args (fields):
        resource: `file:<path or glob>`, `agent:<name>`, `sprint:<key>` or `merge:<branch>`.
        capacity: the most that all holders together may hold.
    """

    resource: str
    capacity: int = Field(default=1, ge=1)


class ClaimRequest(Model):
    """All that one holder needs at once.

    `scope` names the world in which resource names mean the same: one repository, or one project without a
    repository. `weight` is the longest remaining path through the plan; heavier is more critical.
    """

    claim: str
    """Idempotency key: the same key asks about the same claim."""
    scope: str
    holder: str
    """The workflow id that must be running for the claim to live."""
    project: str
    story: str | None = None
    needs: list[Need]
    weight: float = 0.0


class ClaimDecision(Model):
    """The state of a claim after asking."""

    claim: str
    state: Literal["granted", "waiting", "released"]
    fence: int | None = None
    """Set when granted; only ever rises within a scope."""
    position: int | None = None
    """1-based place in the waiting line."""
    waits_for: list[str] = Field(default_factory=list[str])
    """Resources that are taken, each as `<resource> held by <holder>`; the reason shown to people."""


class Grant(Frozen):
    """A claim that was granted by someone else's release; its holder has to be told."""

    claim: str
    holder: str
    fence: int


class ClaimRecord(Model):
    """A claim as stored: what it asked for, what of that it holds, and what it waits for."""

    claim: str
    scope: str
    holder: str
    project: str
    story: str | None = None
    state: Literal["granted", "waiting", "released"]
    fence: int | None = None
    needs: list[Need]
    held: list[Need]
    wanted: list[Need]
    weight: float
    sequence: int
    """Place in the order of asking within the scope; lower is older."""
    passed: int
    """How often younger claims passed it over while it waited."""
    requested_at: datetime
    granted_at: datetime | None = None
    released_at: datetime | None = None
