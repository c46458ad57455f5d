"""Records of the decisions about claims, and the fence that a claim lost when it gave back everything.

Revision: 0003
Follows: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("claims", sa.Column("lost_fence", sa.BigInteger(), nullable=True))
    op.create_table(
        "claim_decisions",
        # SQLite numbers rows by itself only where the type is exactly INTEGER.
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        _text("scope"),
        _text("project"),
        _text("story", nullable=True),
        _text("claim"),
        _text("holder"),
        _text("kind"),
        _text("needs"),
        _text("reason"),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        _text("actor"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_claim_decisions"),
    )
    op.create_index("ix_claim_decisions_project_number", "claim_decisions", ["project", "number"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("claim_decisions")
    with op.batch_alter_table("claims") as claims:
        claims.drop_column("lost_fence")


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)
