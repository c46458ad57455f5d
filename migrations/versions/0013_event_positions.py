"""The order of the events of all projects.

Revision: 0013
Follows: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up; events that are there already stay without a position."""
    op.create_table(
        "event_positions",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_event_positions")),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("event_positions")
