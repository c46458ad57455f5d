"""Indexes for events that are few among many, and for those of one story.

Revision: 0016
Follows: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_STEERING = sa.text("name IN ('steered', 'story.reopened', 'story.carried_over')")
_RARE = sa.text(
    "name NOT IN ('agent.ran', 'agent.status', 'artifact.created', 'attempt.ended', 'attempt.started', "
    "'claim.granted', 'claim.waiting', 'story.merged', 'story.settled')"
)
_OF_STORY = sa.text("story IS NOT NULL")


def upgrade() -> None:
    """Bring the schema up."""
    op.drop_index("ix_events_steering", "events")
    op.create_index(
        "ix_events_rare",
        "events",
        ["project", "name", "number"],
        sqlite_where=_RARE,
        postgresql_where=_RARE,
    )
    op.create_index(
        "ix_events_of_story",
        "events",
        ["project", "story", "number"],
        sqlite_where=_OF_STORY,
        postgresql_where=_OF_STORY,
    )


def downgrade() -> None:
    """Take it back; reading a completion takes longer."""
    op.drop_index("ix_events_of_story", "events")
    op.drop_index("ix_events_rare", "events")
    op.create_index(
        "ix_events_steering",
        "events",
        ["project", "number"],
        sqlite_where=_STEERING,
        postgresql_where=_STEERING,
    )
