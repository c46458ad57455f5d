"""What questions offer and who waits for them; notifications.

Revision: 0008
Follows: 0007
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_LISTS = ("options", "chosen", "waits_for_it", "escalation")
_COUNTS = ("waiting", "escalated", "reminders")


def upgrade() -> None:
    """Bring the schema up."""
    for name in _LISTS:
        op.add_column("questions", sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
    for name in _COUNTS:
        op.add_column("questions", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.add_column("questions", sa.Column("overdue", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("questions", _moment("deadline", nullable=True))
    op.create_table(
        "notifications",
        *(
            _text(name)
            for name in ("id", "project", "event", "name", "question", "receiver", "body", "state")
        ),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        _moment("due_at"),
        _text("code", nullable=True),
        _text("reason", nullable=True),
        _moment("made_at"),
        _moment("sent_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    op.create_index(op.f("ix_notifications_state_due_at"), "notifications", ["state", "due_at"])
    op.create_index(op.f("ix_notifications_project_state"), "notifications", ["project", "state"])


def downgrade() -> None:
    """Take it back; what was answered stays answered."""
    op.drop_table("notifications")
    for name in (*_LISTS, *_COUNTS, "overdue", "deadline"):
        op.drop_column("questions", name)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
