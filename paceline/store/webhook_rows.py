"""The tables of webhooks. What they deliver is in `notifications`, with the messages about questions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Integer
from sqlalchemy.orm import Mapped, mapped_column

from paceline.store.base import Base


class WebhookRow(Base):
    """An address that gets events. `url` and the secrets are sealed: see `paceline.store.sealing`."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    url: Mapped[str]
    address: Mapped[str]
    """What of the address may be shown."""
    projects: Mapped[list[str]]
    events: Mapped[list[str]]
    secret: Mapped[str]
    previous_secret: Mapped[str | None]
    previous_until: Mapped[datetime | None]
    active: Mapped[bool] = mapped_column(Boolean)
    reason: Mapped[str | None]
    made_at: Mapped[datetime]
    made_by: Mapped[str]
    failures: Mapped[int] = mapped_column(Integer)
    """Tries in a row that found nobody able to take anything; 0 after one that arrived."""
    failing_since: Mapped[datetime | None]
    held_until: Mapped[datetime | None]
    last_sent_at: Mapped[datetime | None]


class WebhookPositionRow(Base):
    """How far one run's events were written down for a webhook."""

    __tablename__ = "webhook_positions"

    webhook: Mapped[str] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(primary_key=True)
    after: Mapped[int] = mapped_column(BigInteger)
    """It wants events with a higher number than this."""
    number: Mapped[int] = mapped_column(BigInteger)
    """Every wanted event up to this one has its row in `notifications`."""
