"""The table of requests that bring an `Idempotency-Key`, with the answers they got."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from paceline.store.base import Base


class KeyedRequestRow(Base):
    """A request under a key of its caller's, and its answer once there is one."""

    __tablename__ = "keyed_requests"
    __table_args__ = (Index(None, "expires_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of caller and key, neither of which is kept."""
    fingerprint: Mapped[str] = mapped_column(String(64))
    """SHA-256 of what is asked."""
    holder: Mapped[str] = mapped_column(String(32))
    """Names the try; only the newest writes the answer."""
    lease_until: Mapped[datetime]
    """Until when the process that carries it out is believed to live."""
    status: Mapped[int | None] = mapped_column(Integer)
    """Null: it is being carried out."""
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Null with a status: it is not kept, as it holds a secret or is too long."""
    expires_at: Mapped[datetime]
