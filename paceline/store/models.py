"""The tables. Projections reference each other by id without foreign keys: they are written by activities
that may arrive in any order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Float, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from paceline.store.access_rows import ApiTokenRow, AuditHeadRow, AuditRow, BrowserSessionRow
from paceline.store.base import Base, UtcDateTime, table
from paceline.store.request_rows import KeyedRequestRow
from paceline.store.webhook_rows import WebhookPositionRow, WebhookRow

__all__ = [
    "ApiTokenRow",
    "AuditHeadRow",
    "AuditRow",
    "Base",
    "BrowserSessionRow",
    "KeyedRequestRow",
    "UtcDateTime",
    "WebhookPositionRow",
    "WebhookRow",
    "table",
]
"""What other modules import from here beside the tables below."""


class PlanRow(Base):
    """A plan's normal form and text, named by its digest; never changed."""

    __tablename__ = "plans"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    normal_form: Mapped[str]
    text: Mapped[str]
    saved_at: Mapped[datetime]


class RunRow(Base):
    """One run of a plan."""

    __tablename__ = "runs"
    __table_args__ = (Index(None, "base_id", "run_number"), Index(None, "started_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    base_id: Mapped[str]
    run_number: Mapped[int]
    title: Mapped[str]
    plan_digest: Mapped[str] = mapped_column(String(64))
    repository: Mapped[str | None]
    base_commit: Mapped[str | None]
    options: Mapped[dict[str, Any]]
    state: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ClaimScopeRow(Base):
    """The counter of one scope. Whoever changes a claim of the scope locks this row first."""

    __tablename__ = "claim_scopes"

    scope: Mapped[str] = mapped_column(primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger)
    """The last number given, as a fence or as a place in the order of asking: the database's clock in
    microseconds, or one more than the last where that is not higher."""
    state: Mapped[int] = mapped_column(BigInteger)
    """Random, new with every change; names the set of live claims after it."""
    previous_state: Mapped[int] = mapped_column(BigInteger)


class ClaimRow(Base):
    """A claim. `held` and `wanted` are parts of `needs`, each a JSON array; all three of them in one form.

    A released claim stays, so that its fence is known to be stale and its key is not granted again.
    """

    __tablename__ = "claims"
    __table_args__ = (Index(None, "scope", "state"), Index(None, "state", "holder"))

    claim: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str]
    holder: Mapped[str]
    project: Mapped[str]
    story: Mapped[str | None]
    state: Mapped[str]
    needs: Mapped[str]
    held: Mapped[str]
    wanted: Mapped[str]
    weight: Mapped[float] = mapped_column(Float)
    sequence: Mapped[int] = mapped_column(BigInteger)
    passed: Mapped[int] = mapped_column(Integer)
    fence: Mapped[int | None] = mapped_column(BigInteger)
    lost_fence: Mapped[int | None] = mapped_column(BigInteger)
    """The fence it had before it gave back everything to end a deadlock."""
    told: Mapped[bool] = mapped_column(Boolean)
    """Whether the holder knows of its grant."""
    requested_at: Mapped[datetime]
    granted_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]


class ClaimDecisionRow(Base):
    """One decision about a claim; only ever added, and removed when it is old."""

    __tablename__ = "claim_decisions"
    __table_args__ = (Index(None, "project", "number"),)

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True
    )
    scope: Mapped[str]
    project: Mapped[str]
    story: Mapped[str | None]
    claim: Mapped[str]
    holder: Mapped[str]
    kind: Mapped[str]
    needs: Mapped[str]
    reason: Mapped[str]
    fence: Mapped[int | None] = mapped_column(BigInteger)
    actor: Mapped[str]
    at: Mapped[datetime]


class EventCounterRow(Base):
    """The last event number of a project; locked while events are appended."""

    __tablename__ = "event_counters"

    project: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)


class EventPositionRow(Base):
    """The place of some events, appended together, among those of all projects, in the order of the commits.

    The project's events `last - count + 1` to `last` have the positions `position - count + 1` to `position`.
    """

    __tablename__ = "event_positions"

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    project: Mapped[str]
    last: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int]


FREQUENT = (
    *("agent.ran", "agent.status", "artifact.created", "attempt.ended", "attempt.started", "claim.granted"),
    *("claim.waiting", "story.merged", "story.settled"),
)
"""Names of the events that each story has: among a million of them, all others are few."""
RARE = f"name NOT IN ({', '.join(repr(name) for name in FREQUENT)})"
"""Of the index of the others; SQLite uses it only where a query says the same in the same words."""
_RARE = text(RARE)
_OF_STORY = text("story IS NOT NULL")


class EventRow(Base):
    """A numbered event."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("project", "key"),
        # What people steered, gates and answers: every look at a run's status and completion asks for them.
        Index("ix_events_rare", "project", "name", "number", sqlite_where=_RARE, postgresql_where=_RARE),
        Index(
            *("ix_events_of_story", "project", "story", "number"),
            sqlite_where=_OF_STORY,
            postgresql_where=_OF_STORY,
        ),
    )

    project: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    key: Mapped[str]
    type: Mapped[str]
    name: Mapped[str]
    actor: Mapped[str]
    story: Mapped[str | None]
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class QuestionRow(Base):
    """A question and, once given, its answer."""

    __tablename__ = "questions"
    __table_args__ = (Index(None, "project", "state"), Index(None, "workflow_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    project: Mapped[str]
    workflow_id: Mapped[str]
    story: Mapped[str | None]
    text: Mapped[str]
    context: Mapped[dict[str, Any]]
    asked_at: Mapped[datetime]
    state: Mapped[str]
    decision: Mapped[str | None]
    answer_text: Mapped[str | None]
    actor: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    options: Mapped[list[dict[str, Any]]]
    chosen: Mapped[list[str]]
    waits_for_it: Mapped[list[str]]
    waiting: Mapped[int] = mapped_column(Integer)
    deadline: Mapped[datetime | None]
    escalation: Mapped[list[str]]
    escalated: Mapped[int] = mapped_column(Integer)
    reminders: Mapped[int] = mapped_column(Integer)
    overdue: Mapped[bool] = mapped_column(Boolean)


class StoryRow(Base):
    """Where a story stands."""

    __tablename__ = "story_statuses"
    __table_args__ = (Index(None, "project", "position"),)

    project: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    title: Mapped[str]
    epic: Mapped[str | None]
    sprint: Mapped[str]
    agents: Mapped[list[str]]
    state: Mapped[str]
    attempt: Mapped[int]
    reason: Mapped[str | None]
    reason_code: Mapped[str | None]
    workflow_id: Mapped[str | None]
    fence: Mapped[int | None] = mapped_column(BigInteger)
    merge_commit: Mapped[str | None]
    summary: Mapped[str | None]
    dependencies: Mapped[list[str]]
    points: Mapped[float | None] = mapped_column(Float)
    updated_at: Mapped[datetime | None]


class AgentRow(Base):
    """What an agent does now."""

    __tablename__ = "agent_statuses"

    project: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    story: Mapped[str | None]
    detail: Mapped[str | None]
    last_heartbeat: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]


class AgentHistoryRow(Base):
    """What an agent did, one row a change."""

    __tablename__ = "agent_history"
    __table_args__ = (Index(None, "agent", "id"),)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True
    )
    project: Mapped[str]
    agent: Mapped[str]
    state: Mapped[str]
    story: Mapped[str | None]
    detail: Mapped[str | None]
    at: Mapped[datetime]


class ArtifactRow(Base):
    """A file in the artifact folder."""

    __tablename__ = "artifacts"
    __table_args__ = (Index(None, "project", "story"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    project: Mapped[str]
    story: Mapped[str | None]
    kind: Mapped[str]
    path: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class ProofRow(Base):
    """Who or what answered for one criterion or check of a story, on one commit."""

    __tablename__ = "proofs"

    project: Mapped[str] = mapped_column(primary_key=True)
    story: Mapped[str] = mapped_column(primary_key=True)
    commit: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    text: Mapped[str]
    command: Mapped[str | None]
    attempt: Mapped[int]
    verdict: Mapped[str]
    prover: Mapped[str]
    by: Mapped[str | None]
    note: Mapped[str | None]
    exit_code: Mapped[int | None]
    timed_out: Mapped[bool] = mapped_column(Boolean)
    output: Mapped[str | None]
    output_sha256: Mapped[str | None]
    tested_on: Mapped[str | None]
    at: Mapped[datetime]


class MergePlaceRow(Base):
    """A story's place in the line of one branch, or how its landing ended.

    The row of an ended landing stays until its claim is released, so that a repeat finds its report.
    """

    __tablename__ = "merge_line"
    __table_args__ = (Index(None, "line", "state", "number"),)

    line: Mapped[str] = mapped_column(primary_key=True)
    claim: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    landing: Mapped[str]
    """Names the activity whose repeats keep the place."""
    step: Mapped[dict[str, Any]]
    state: Mapped[str]
    """`waiting` or `ended`."""
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    holder: Mapped[str | None]
    beat: Mapped[int] = mapped_column(BigInteger)


class BranchHeadRow(Base):
    """Where Paceline last left the branch of a line."""

    __tablename__ = "branch_heads"

    line: Mapped[str] = mapped_column(primary_key=True)
    head: Mapped[str]


class RollbackRow(Base):
    """A rollback that a person asked for. A known `request` that is open is attached to, not asked again."""

    __tablename__ = "rollbacks"

    project: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str]
    target: Mapped[str]
    asked_by: Mapped[str]
    confirmed_by: Mapped[str | None]
    state: Mapped[str]
    question: Mapped[str | None]
    decided_by: Mapped[str | None]
    branch: Mapped[str | None]
    commits: Mapped[list[dict[str, Any]]]
    code: Mapped[str | None]
    reason: Mapped[str | None]
    details: Mapped[dict[str, Any]]
    preview: Mapped[dict[str, Any]]
    """What each choice would change, as it was last found out."""
    checked: Mapped[dict[str, Any]]
    """Failing checks by the tree on which they ran."""
    noted: Mapped[dict[str, Any]]
    """Commits that the branch may have been moved to, by the last of them."""
    asked_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class NotificationRow(Base):
    """A message about an event to one receiver, written with the event and sent afterwards."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index(None, "state", "due_at"),
        Index(None, "project", "state"),
        Index(None, "subscription", "state", "due_at"),
        Index(None, "subscription", "project", "number"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    subscription: Mapped[str | None]
    """The webhook that it is delivered for; null: a message about a question, as its run's options say."""
    number: Mapped[int | None] = mapped_column(BigInteger)
    """Of the event; null where the webhook gets no event, or a question's people are told."""
    project: Mapped[str]
    event: Mapped[str]
    """The event's key."""
    name: Mapped[str]
    question: Mapped[str]
    receiver: Mapped[str]
    """`command`, or the name of a webhook."""
    body: Mapped[str]
    """What is sent, byte for byte at each try; empty where it is made of the event, which never changes."""
    state: Mapped[str]
    """`waiting`, `sent` or `dead`."""
    tries: Mapped[int] = mapped_column(Integer)
    fence: Mapped[int] = mapped_column(BigInteger)
    """Rises with each try; only who has the newest writes down what came of it."""
    due_at: Mapped[datetime]
    """When it is tried next; while it is being tried, when somebody else may."""
    code: Mapped[str | None]
    reason: Mapped[str | None]
    """Why the last try failed."""
    made_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class RunChangeRow(Base):
    """What a person changed of a run; only ever added."""

    __tablename__ = "run_changes"
    __table_args__ = (UniqueConstraint("project", "key"),)

    project: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[str]
    kind: Mapped[str]
    target: Mapped[str]
    text: Mapped[str]
    names: Mapped[list[str]]
    number: Mapped[int] = mapped_column(Integer)
    actor: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]


class ReportRow(Base):
    """A report of a sprint; the first of a kind and number stays."""

    __tablename__ = "reports"

    project: Mapped[str] = mapped_column(primary_key=True)
    sprint: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    made_at: Mapped[datetime]
    data: Mapped[dict[str, Any]]


class RetroEntryRow(Base):
    """What a person added to a sprint's retrospective; only ever added."""

    __tablename__ = "retrospective_entries"
    __table_args__ = (UniqueConstraint("project", "key"),)

    project: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[str]
    sprint: Mapped[str]
    kind: Mapped[str]
    topic: Mapped[str]
    text: Mapped[str]
    actor: Mapped[str]
    at: Mapped[datetime]


class MeasurementRow(Base):
    """What was measured of a metric or success criterion; only ever added."""

    __tablename__ = "measurements"
    __table_args__ = (UniqueConstraint("project", "id"),)

    project: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[str]
    aim: Mapped[str]
    """The name of the metric or criterion."""
    target: Mapped[str]
    """As it was then."""
    sprint: Mapped[str]
    source: Mapped[str]
    actor: Mapped[str]
    note: Mapped[str]
    value: Mapped[str | None]
    """The number, exactly as digits."""
    unit: Mapped[str | None]
    verdict: Mapped[str | None]
    """What was said in words; where it is null the number decides."""
    command: Mapped[str | None]
    evidence: Mapped[str | None]
    commit: Mapped[str | None]
    at: Mapped[datetime]
