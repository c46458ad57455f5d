"""The merge line of each branch, where Paceline left the branch, and what a proof of a batch was tested on.

Revision: 0004
Follows: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("proofs", sa.Column("tested_on", sa.Text(), nullable=True))
    op.create_table(
        "merge_line",
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("landing", sa.Text(), nullable=False),
        sa.Column("step", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("line", "claim", name=op.f("pk_merge_line")),
    )
    op.create_index("ix_merge_line_line_state_number", "merge_line", ["line", "state", "number"])
    op.create_table(
        "branch_heads",
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("line", name=op.f("pk_branch_heads")),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("branch_heads")
    op.drop_table("merge_line")
    with op.batch_alter_table("proofs") as proofs:
        proofs.drop_column("tested_on")
