"""What was measured of metrics and success criteria.

Revision: 0010
Follows: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "measurements",
        _text("project"),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        *(_text(name) for name in ("id", "aim", "target", "sprint", "source", "actor", "note")),
        *(_text(name, nullable=True) for name in ("value", "unit", "verdict", "command")),
        *(_text(name, nullable=True) for name in ("evidence", "commit")),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project", "number", name=op.f("pk_measurements")),
        sa.UniqueConstraint("project", "id", name=op.f("uq_measurements_project_id")),
    )


def downgrade() -> None:
    """Take it back; the files with the commands' output stay."""
    op.drop_table("measurements")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)
