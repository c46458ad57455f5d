"""Webhooks, how far each got, and what they deliver.

Revision: 0015
Follows: 0014
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_LANE = "ix_notifications_subscription_state_due_at"
_NUMBER = "ix_notifications_subscription_project_number"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "webhooks",
        *(_text(name) for name in ("id", "name", "url", "address", "secret", "made_by")),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("projects", "events")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("previous_secret", "reason")),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        _moment("made_at", nullable=False),
        *(_moment(name) for name in ("previous_until", "failing_since", "held_until", "last_sent_at")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "webhook_positions",
        *(_text(name) for name in ("webhook", "project")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("after", "number")),
        sa.PrimaryKeyConstraint("webhook", "project", name=op.f("pk_webhook_positions")),
    )
    op.add_column("notifications", sa.Column("subscription", sa.Text(), nullable=True))
    op.add_column("notifications", sa.Column("number", sa.BigInteger(), nullable=True))
    op.create_index(op.f(_LANE), "notifications", ["subscription", "state", "due_at"])
    op.create_index(op.f(_NUMBER), "notifications", ["subscription", "project", "number"])


def downgrade() -> None:
    """Take it back; webhooks and what they had to deliver are gone after that."""
    op.execute("DELETE FROM notifications WHERE subscription IS NOT NULL")
    op.drop_index(op.f(_NUMBER), "notifications")
    op.drop_index(op.f(_LANE), "notifications")
    op.drop_column("notifications", "number")
    op.drop_column("notifications", "subscription")
    op.drop_table("webhook_positions")
    op.drop_table("webhooks")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _moment(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
