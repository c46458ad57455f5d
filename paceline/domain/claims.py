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


class Grant(Frozen):
    """A claim that was granted by someone else's release; its holder has to be told."""

    claim: str
    holder: str
    fence: int


class Retreat(Frozen):
    """A claim that gave back all it held to end a deadlock; it stands in the line at its old place."""

    claim: str
    holder: str
    fence: int
    """The number that is void now."""


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
    grants: list[Grant] = Field(default_factory=list[Grant])
    """Claims of others that this change granted; their holders have to be told."""
    retreats: list[Retreat] = Field(default_factory=list[Retreat])
    """Claims that had to give back all they held; their holders have to be told."""


class GrowDecision(Model):
    """The answer to a holder that needs more than it holds.

    `granted`: it holds more now, under the same fence, because nobody took its place in between.
    `waiting`: it keeps what it holds and stands in the line; somebody who can go on holds the rest.
    `deadlock`: it would wait for one who waits for it, and is the younger one. It preserves its work and
    retreats, unless `retreated` says that it has lost everything already.
    """

    claim: str
    state: Literal["granted", "waiting", "deadlock"]
    fence: int
    position: int | None = None
    """1-based place in the waiting line."""
    waits_for: list[str] = Field(default_factory=list[str])
    cycle: list[str] = Field(default_factory=list[str])
    """The holders of the circle, beginning with the one who asked: each waits for the next."""
    retreated: bool = False
    grants: list[Grant] = Field(default_factory=list[Grant])
    """Claims of others that this change granted; their holders have to be told."""
    retreats: list[Retreat] = Field(default_factory=list[Retreat])
    """Claims of others that had to give back all they held; their holders have to be told."""


class ClaimRecord(Model):
    """A claim as stored: what it asked for, what of that it holds, and what it waits for."""

    claim: str
    scope: str
    holder: str
    project: str
    story: str | None = None
    state: Literal["granted", "waiting", "released"]
    fence: int | None = None
    lost_fence: int | None = None
    """The number it had before it last gave back all to end a deadlock."""
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


class LiveClaim(Model):
    """A claim as people see it while it lives."""

    story: str | None = None
    holder: str
    state: Literal["granted", "waiting"]
    fence: int | None = None
    held: list[str]
    wanted: list[str] = Field(default_factory=list[str])
    """Resources that it waits for."""
    waits_for: list[str] = Field(default_factory=list[str])
    """Those of them that are taken, and by whom."""
    position: int | None = None
    """1-based place in the waiting line of the repository."""
    passed: int = 0
    """How often younger claims passed it over."""
    requested_at: datetime
    granted_at: datetime | None = None


DecisionKind = Literal[
    "granted",
    "waiting",
    "passed_over",
    "reduced",
    "restored",
    "grown",
    "deadlock",
    "retreated",
    "released",
    "swept",
    "reinstated",
    "arbitrated",
]
"""What was decided about a claim."""


class DecisionRecord(Model):
    """One decision about a claim, as it was made; never changed."""

    number: int
    """Rises in the order of the decisions of one scope."""
    scope: str
    project: str
    story: str | None = None
    claim: str
    holder: str
    kind: DecisionKind
    needs: list[Need]
    """What was granted, waited for or given back."""
    reason: str
    fence: int | None = None
    actor: str
    """Who caused it: a holder, `sweep`, or a person."""
    at: datetime


class Look(Frozen):
    """Whose claims were alive at one moment; what came later is not judged by it."""

    scope: str
    number: int
    """The scope's counter at that moment."""
    holders: list[str]


class Reconciled(Model):
    """What comparing the claims with the running workflows changed."""

    freed: list[str] = Field(default_factory=list[str])
    """Claims that nobody holds any more."""
    reinstated: list[Grant] = Field(default_factory=list[Grant])
    """Grants that the database had forgotten and knows again, under the number the holder has."""
    lost: list[Retreat] = Field(default_factory=list[Retreat])
    """Holders of a grant that the database does not know and cannot give back: they stop and ask again."""
    grants: list[Grant] = Field(default_factory=list[Grant])
    """Claims that this granted; their holders have to be told."""
