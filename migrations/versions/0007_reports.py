"""Reports of sprints, and what people add to retrospectives.

Revision: 0007
Follows: 0006
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "reports",
        _text("project"),
        _text("sprint"),
        _text("kind"),
        _number("number"),
        _moment("made_at"),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("project", "sprint", "kind", "number", name=op.f("pk_reports")),
    )
    op.create_table(
        "retrospective_entries",
        _text("project"),
        _number("number"),
        *(_text(name) for name in ("key", "sprint", "kind", "topic", "text", "actor")),
        _moment("at"),
        sa.PrimaryKeyConstraint("project", "number", name=op.f("pk_retrospective_entries")),
        sa.UniqueConstraint("project", "key", name=op.f("uq_retrospective_entries_project_key")),
    )


def downgrade() -> None:
    """Take it back; the files of the reports stay."""
    op.drop_table("retrospective_entries")
    op.drop_table("reports")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), autoincrement=False, nullable=False)


def _moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
