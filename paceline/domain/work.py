"""The contract with every agent: work order in, work result out; the diff is the deliverable."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.parts import Part
from paceline.domain.plan import Change
from paceline.domain.proof import Advice

AgentKind = Literal["command", "simulated", "human"]
SandboxPolicy = Literal["auto", "required", "off"]
"""Whether commands are kept from the rest of the machine: where it can be, always or not at all, never."""
SCHEMA_VERSION = 1


class AgentDeclaration(Model):
    """How one agent works, from `paceline.toml` or a run's options.

    Durations are seconds. `command` is an argument list; in it `{order}`, `{prompt}`, `{result}` and
    `{worktree}` stand for the paths of the work order, of the same as a prompt, of the work result to write,
    and of the worktree; an argument `{files}` stands for the claimed paths.
    """

    kind: AgentKind = "command"
    command: list[str] = Field(default_factory=list[str])
    concurrency: int = Field(default=1, ge=1)
    roles: list[str] = Field(default_factory=list[str])
    skills: list[str] = Field(default_factory=list[str])
    task_queue: str | None = None
    timeout: float = Field(default=3600.0, gt=0)
    idle_timeout: float | None = Field(default=None, gt=0)
    """Stop an agent that wrote nothing to its output for this long; None: never."""
    max_attempts: int = Field(default=3, ge=1)
    environment: list[str] = Field(default_factory=list[str])
    """Names of environment variables the agent may see beside the basic ones."""
    checks: list[str] = Field(default_factory=list[str])
    """Commands that prove every story of this agent, beside the story's own."""
    output: Literal["result", "claude", "codex", "opencode", "text"] = "result"
    """How to read the outcome: a work result file, a known CLI's event stream, or plain text."""
    sandbox: SandboxPolicy | None = None
    """Whether the agent and the set-up of its worktrees are confined; None: as the run says."""
    simulated_seconds: tuple[float, float] = (0.0, 0.0)
    """Shortest and longest simulated duration."""
    seed: int = 0
    failure_rate: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of simulated attempts that fail."""


def is_rehearsal(agents: Iterable[AgentDeclaration]) -> bool:
    """Whether only simulated agents work, so that people are not asked or told what a real run would ask."""
    return all(agent.kind == "simulated" for agent in agents)


class Delivered(Model):
    """What a dependency brought."""

    story: str
    title: str
    summary: str
    commit: str | None = None


class EarlierAttempt(Model):
    """Why an earlier attempt of the same story did not end in a merge."""

    attempt: int
    reason_code: str
    reason: str
    preserved_ref: str | None = None


class Criterion(Model):
    """A criterion to review; `number` is its place among the story's criteria, from 1."""

    number: int
    text: str


class ReviewRequest(Model):
    """What a reviewing agent is asked: whether the work meets each criterion."""

    base: str
    """The commit that the work began at."""
    commit: str
    """The work, which is checked out in the worktree."""
    criteria: list[Criterion]
    lead: str = ""
    """Of a collaborative story: who did the work, and answers to what is said of it."""
    round: int = 0
    of: int = 0
    """How many rounds there are at most."""


class PeerReview(Model):
    """What one agent of a collaborative story says of its lead's work."""

    agent: str
    round: int
    approved: bool = False
    failed: bool = False
    """Whether it said nothing, because its run failed; `text` is why."""
    text: str = ""
    """Word for word."""
    dropped: list[str] = Field(default_factory=list[str])
    """Paths that it changed although a review changes nothing; they were put back."""

    @property
    def comments(self) -> bool:
        """Whether the lead has something to answer to."""
        return not self.approved and not self.failed and bool(self.text.strip())

    def told(self) -> str:
        """The review in words."""
        verdict = "approved" if self.approved else "did not review" if self.failed else "did not approve"
        changed = f" (its changes to {', '.join(self.dropped[:10])} were dropped)" if self.dropped else ""
        return f"{self.agent} {verdict}{changed}{f': {self.text}' if self.text else ''}"


class MergedMeanwhile(Model):
    """A commit of the branch that changed a path in conflict."""

    commit: str
    subject: str
    story: str | None = None


class ConflictOrder(Model):
    """Why earlier work does not apply on the branch any more; the attempt starts on the branch's new head.

    What applied of the work is in the worktree; the paths in conflict are there as the branch has them. All
    texts are bounded.
    """

    branch: str
    head: str
    base: str | None = None
    """The commit that the work and the branch both come from."""
    work: str
    """The ref with the earlier work."""
    paths: list[str]
    hunks: dict[str, str] = Field(default_factory=dict[str, str])
    """By path; the branch's side comes first."""
    story_changed: str = ""
    """What the earlier work changed in these paths, as a diff."""
    branch_changed: str = ""
    """What the branch changed in them since then, as a diff."""
    merged: list[MergedMeanwhile] = Field(default_factory=list[MergedMeanwhile])
    """Who changed them on the branch, oldest first."""


class TurnOrder(Model):
    """The turn of one agent of a story that several do together in one worktree."""

    number: int
    of: int
    before: list[str] = Field(default_factory=list[str])
    """What each of those before it says that it did."""


class WorkOrder(Model):
    """Everything an agent needs for one attempt."""

    schema_version: int = SCHEMA_VERSION
    project: str
    goal: str | None = None
    story: str
    title: str
    epic: str | None = None
    agent: str
    agents: list[str]
    attempt: int
    description: str | None = None
    tasks: list[str] = Field(default_factory=list[str])
    acceptance_criteria: list[str] = Field(default_factory=list[str])
    checks: list[str] = Field(default_factory=list[str])
    change: Change = None
    """`optional` where the story may change nothing."""
    claimed: list[str] = Field(default_factory=list[str])
    """Paths and globs the attempt may change."""
    delivered: list[Delivered] = Field(default_factory=list[Delivered])
    earlier_attempts: list[EarlierAttempt] = Field(default_factory=list[EarlierAttempt])
    amendments: list[str] = Field(default_factory=list[str])
    """What people said, word for word, oldest first."""
    improvements: list[str] = Field(default_factory=list[str])
    """What the retrospective of the sprint before asks for."""
    conflict: ConflictOrder | None = None
    """Where the work of the last attempt does not apply on the branch any more."""
    turn: TurnOrder | None = None
    """Set where several agents work one after the other on what the others left."""
    part: Part | None = None
    """Of a story that several sprints do together: the part that this attempt is for."""
    reviews: list[PeerReview] = Field(default_factory=list[PeerReview])
    """What the other agents of a collaborative story said of the work so far, oldest first."""
    worktree: str | None = None
    review: ReviewRequest | None = None
    """Set where the agent is to review another's work and not to change anything."""


class WorkOutcome(StrEnum):
    """What the agent says of its attempt."""

    DONE = "done"
    NEEDS_PERSON = "needs_person"
    BLOCKED = "blocked"
    FAILED = "failed"


class WorkResult(Model):
    """What an agent returns; the diff in its worktree is the deliverable."""

    outcome: WorkOutcome
    summary: str = Field(default="", max_length=20_000)
    question: str | None = Field(default=None, max_length=20_000)
    """What it asks, where it needs a person or is blocked."""
    options: list[str] = Field(default_factory=list[str], max_length=50)
    """What a person may choose from as the answer, each said to its next attempt word for word."""
    tokens: int | None = Field(default=None, ge=0)
    cost_usd: float | None = Field(default=None, ge=0)
    needs_files: list[str] = Field(default_factory=list[str], max_length=1000)
    """Paths it has to change beside those it may; its work is kept until the story has them."""
    advice: list[Advice] = Field(default_factory=list[Advice], max_length=1000)
    """A reviewing agent's answer for each criterion."""
    approved: bool | None = None
    """Of an agent that reviews its story's lead: whether the work is done; if not, `summary` is why."""
