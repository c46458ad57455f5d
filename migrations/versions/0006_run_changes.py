"""What people changed of a run while it ran.

Revision: 0006
Follows: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "run_changes",
        _text("project"),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        _text("key"),
        _text("kind"),
        _text("target"),
        _text("text"),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _text("actor"),
        _text("reason"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project", "revision", name=op.f("pk_run_changes")),
        sa.UniqueConstraint("project", "key", name=op.f("uq_run_changes_project_key")),
    )


def downgrade() -> None:
    """Take it back; runs go on as they began."""
    op.drop_table("run_changes")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)
