"""The first schema: plans, runs, claims, events, questions, status and artifacts.

Revision: 0001
Follows: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "plans",
    "runs",
    "claim_scopes",
    "claims",
    "event_counters",
    "events",
    "questions",
    "story_statuses",
    "agent_statuses",
    "agent_history",
    "artifacts",
)


def upgrade() -> None:
    """Bring the schema up."""
    _create_plans_and_runs()
    _create_claims()
    _create_events()
    _create_questions()
    _create_stories()
    _create_agents()
    _create_artifacts()


def downgrade() -> None:
    """Take it back."""
    for name in reversed(TABLES):
        op.drop_table(name)


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _moment(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=False)


def _create_plans_and_runs() -> None:
    op.create_table(
        "plans",
        sa.Column("digest", sa.String(64), nullable=False),
        _text("normal_form"),
        _text("text"),
        _moment("saved_at"),
        sa.PrimaryKeyConstraint("digest", name="pk_plans"),
    )
    op.create_table(
        "runs",
        _text("id"),
        _text("base_id"),
        sa.Column("run_number", sa.Integer(), nullable=False),
        _text("title"),
        sa.Column("plan_digest", sa.String(64), nullable=False),
        _text("repository", nullable=True),
        _text("base_commit", nullable=True),
        _json("options"),
        _text("state"),
        _moment("started_at"),
        _moment("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_base_id_run_number", "runs", ["base_id", "run_number"])
    op.create_index("ix_runs_started_at", "runs", ["started_at"])


def _create_claims() -> None:
    op.create_table(
        "claim_scopes",
        _text("scope"),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.BigInteger(), nullable=False),
        sa.Column("previous_state", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_claim_scopes"),
    )
    op.create_table(
        "claims",
        _text("claim"),
        _text("scope"),
        _text("holder"),
        _text("project"),
        _text("story", nullable=True),
        _text("state"),
        _text("needs"),
        _text("held"),
        _text("wanted"),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.Boolean(), nullable=False),
        _moment("requested_at"),
        _moment("granted_at", nullable=True),
        _moment("released_at", nullable=True),
        sa.PrimaryKeyConstraint("claim", name="pk_claims"),
    )
    op.create_index("ix_claims_scope_state", "claims", ["scope", "state"])
    op.create_index("ix_claims_state_holder", "claims", ["state", "holder"])


def _create_events() -> None:
    op.create_table(
        "event_counters",
        _text("project"),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", name="pk_event_counters"),
    )
    op.create_table(
        "events",
        _text("project"),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        _text("key"),
        _text("type"),
        _text("name"),
        _text("actor"),
        _text("story", nullable=True),
        _json("data"),
        _moment("at"),
        sa.PrimaryKeyConstraint("project", "number", name="pk_events"),
        sa.UniqueConstraint("project", "key", name="uq_events_project_key"),
    )


def _create_questions() -> None:
    op.create_table(
        "questions",
        _text("id"),
        _text("kind"),
        _text("project"),
        _text("workflow_id"),
        _text("story", nullable=True),
        _text("text"),
        _json("context"),
        _moment("asked_at"),
        _text("state"),
        _text("decision", nullable=True),
        _text("answer_text", nullable=True),
        _text("actor", nullable=True),
        _moment("answered_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_questions"),
    )
    op.create_index("ix_questions_project_state", "questions", ["project", "state"])
    op.create_index("ix_questions_workflow_id", "questions", ["workflow_id"])


def _create_stories() -> None:
    op.create_table(
        "story_statuses",
        _text("project"),
        _text("id"),
        sa.Column("position", sa.Integer(), nullable=False),
        _text("title"),
        _text("epic", nullable=True),
        _text("sprint"),
        _json("agents"),
        _text("state"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        _text("reason", nullable=True),
        _text("reason_code", nullable=True),
        _text("workflow_id", nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        _text("merge_commit", nullable=True),
        _text("summary", nullable=True),
        _json("dependencies"),
        sa.Column("points", sa.Float(), nullable=True),
        _moment("updated_at", nullable=True),
        sa.PrimaryKeyConstraint("project", "id", name="pk_story_statuses"),
    )
    op.create_index("ix_story_statuses_project_position", "story_statuses", ["project", "position"])


def _create_agents() -> None:
    op.create_table(
        "agent_statuses",
        _text("project"),
        _text("agent"),
        _text("state"),
        _text("story", nullable=True),
        _text("detail", nullable=True),
        _moment("last_heartbeat", nullable=True),
        _moment("updated_at", nullable=True),
        sa.PrimaryKeyConstraint("project", "agent", name="pk_agent_statuses"),
    )
    op.create_table(
        "agent_history",
        # SQLite numbers rows by itself only where the type is exactly INTEGER.
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        _text("project"),
        _text("agent"),
        _text("state"),
        _text("story", nullable=True),
        _text("detail", nullable=True),
        _moment("at"),
        sa.PrimaryKeyConstraint("id", name="pk_agent_history"),
    )
    op.create_index("ix_agent_history_agent_id", "agent_history", ["agent", "id"])


def _create_artifacts() -> None:
    op.create_table(
        "artifacts",
        _text("id"),
        _text("project"),
        _text("story", nullable=True),
        _text("kind"),
        _text("path"),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_artifacts"),
    )
    op.create_index("ix_artifacts_project_story", "artifacts", ["project", "story"])
