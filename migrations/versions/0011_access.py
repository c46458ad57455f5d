"""Tokens of the API, and the audit log.

Revision: 0011
Follows: 0010
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "api_tokens",
        *(_text(name) for name in ("id", "name", "role", "made_by")),
        sa.Column("projects", sa.JSON(), nullable=False),
        _hash("digest"),
        _hash("previous_digest", nullable=True),
        _moment("previous_until", nullable=True),
        _moment("made_at"),
        *(_moment(name, nullable=True) for name in ("expires_at", "revoked_at", "last_used_at")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
    )
    op.create_index(op.f("ix_api_tokens_name"), "api_tokens", ["name"])
    op.create_table(
        "audit_log",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        _moment("at"),
        *(_text(name) for name in ("actor", "role", "token", "method", "path", "project", "request", "code")),
        sa.Column("status", sa.Integer(), nullable=False),
        *(_hash(name) for name in ("body", "previous", "hash")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_log")),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        _hash("hash"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )


def downgrade() -> None:
    """Take it back; tokens and the audit log are gone after that."""
    op.drop_table("audit_head")
    op.drop_table("audit_log")
    op.drop_table("api_tokens")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _hash(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
