"""Alembic's entry: runs migrations on the connection that `paceline.store.migrate` gives, or on a URL.

From a shell: `alembic -x url=sqlite:///path revision --autogenerate -m "..."`.
"""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, create_engine

from paceline.store.database import engine_url
from paceline.store.models import Base, UtcDateTime


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our own column type as what it is in the database, so that old revisions need no code of ours."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def migrate(connection: Connection) -> None:
    """Run in the transaction the connection is in, or in one of its own."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite changes a table by copying it
        render_item=render_item,
        transactional_ddl=True,  # also on SQLite, where BEGIN is sent by us
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    with create_engine(engine_url(context.get_x_argument(as_dictionary=True)["url"])).begin() as own:
        migrate(own)
