"""Rollbacks that people asked for, and what became of them.

Revision: 0005
Follows: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "rollbacks",
        _text("project"),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        _text("kind"),
        _text("target"),
        _text("asked_by"),
        _text("confirmed_by", nullable=True),
        _text("state"),
        _text("question", nullable=True),
        _text("decided_by", nullable=True),
        _text("branch", nullable=True),
        sa.Column("commits", sa.JSON(), nullable=False),
        _text("code", nullable=True),
        _text("reason", nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("preview", sa.JSON(), nullable=False),
        sa.Column("checked", sa.JSON(), nullable=False),
        sa.Column("noted", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("project", "number", name=op.f("pk_rollbacks")),
    )


def downgrade() -> None:
    """Take it back; stories that were rolled back are shown as the merges that they also are."""
    op.execute("UPDATE story_statuses SET state = 'merged' WHERE state = 'reverted'")
    op.drop_table("rollbacks")


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)
