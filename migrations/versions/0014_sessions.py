"""Browser sessions.

Revision: 0014
Follows: 0013
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    texts = ("id", "name", "signed_in", "token", "issuer", "subject", "email", "ended_by")
    op.create_table(
        "browser_sessions",
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        *(sa.Column(name, sa.String(64), nullable=False) for name in ("digest", "token_digest")),
        sa.Column("groups", sa.JSON(), nullable=False),
        *(_moment(name) for name in ("made_at", "used_at", "expires_at")),
        _moment("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_browser_sessions")),
    )
    for column in ("name", "expires_at"):
        op.create_index(op.f(f"ix_browser_sessions_{column}"), "browser_sessions", [column])


def downgrade() -> None:
    """Take it back; everybody has to sign in again."""
    op.drop_table("browser_sessions")


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
