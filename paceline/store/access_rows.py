"""The tables of who may do what: tokens, and the record of what was done with them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from paceline.store.base import Base


class ApiTokenRow(Base):
    """A token for the API; its secret is known to its holder only."""

    __tablename__ = "api_tokens"
    __table_args__ = (Index(None, "name"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    projects: Mapped[list[str]]
    """The projects that it is limited to; none: not limited."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the whole token, in hexadecimal digits."""
    previous_digest: Mapped[str | None] = mapped_column(String(64))
    previous_until: Mapped[datetime | None]
    """Until when the secret before the last rotation is taken too."""
    made_at: Mapped[datetime]
    made_by: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class BrowserSessionRow(Base):
    """A browser session; its secret is in the browser's cookie only."""

    __tablename__ = "browser_sessions"
    __table_args__ = (Index(None, "name"), Index(None, "expires_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the whole secret, in hexadecimal digits."""
    name: Mapped[str]
    signed_in: Mapped[str]
    token: Mapped[str]
    """Id of the token that it was made from, or empty."""
    token_digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the token's secret with which it was made, or empty."""
    issuer: Mapped[str]
    subject: Mapped[str]
    email: Mapped[str]
    groups: Mapped[list[str]]
    made_at: Mapped[datetime]
    used_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str]


class AuditRow(Base):
    """One request to change something; only ever added. Each row's hash covers the one before."""

    __tablename__ = "audit_log"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    role: Mapped[str]
    token: Mapped[str]
    method: Mapped[str]
    path: Mapped[str]
    """The endpoint's template, without the request's own values."""
    project: Mapped[str]
    request: Mapped[str]
    status: Mapped[int] = mapped_column(Integer)
    code: Mapped[str]
    body: Mapped[str] = mapped_column(String(64))
    """SHA-256 of what was read of the request's body."""
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHeadRow(Base):
    """The newest row's number and hash, in one row; whoever appends locks it first."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
