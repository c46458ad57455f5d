"""An index of the events that tell what people steered.

Revision: 0009
Follows: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STEERING = sa.text("name IN ('steered', 'story.reopened', 'story.carried_over')")


def upgrade() -> None:
    """Bring the schema up."""
    op.create_index(
        "ix_events_steering",
        "events",
        ["project", "number"],
        sqlite_where=_STEERING,
        postgresql_where=_STEERING,
    )


def downgrade() -> None:
    """Take it back; reading a status takes longer."""
    op.drop_index("ix_events_steering", "events")
