"""Browser sessions: kept as hashes of long random secrets, which only the browsers' cookies hold."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from paceline.domain.access import ApiToken
from paceline.domain.sessions import BrowserSession, SignedInBy
from paceline.errors import NotFound, Unauthorized
from paceline.store.models import ApiTokenRow, BrowserSessionRow
from paceline.store.statements import read_clock
from paceline.store.tokens import find_token, shown_token

PREFIX = "pcs_"
SECRET_BYTES = 32
KEPT = timedelta(days=30)
"""How long the row of a session stays after its end."""
_SECRET = re.compile(rf"{PREFIX}([0-9a-f]{{12}})_[\w-]{{43}}")


class Begun(NamedTuple):
    """A session with its secret, which is not kept."""

    session: BrowserSession
    secret: str


class Person(NamedTuple):
    """Who signs in, and by what."""

    name: str
    signed_in: SignedInBy
    token: str = ""
    """The token itself, where one is shown."""
    issuer: str = ""
    subject: str = ""
    email: str = ""
    groups: tuple[str, ...] = ()


class HeldSession(NamedTuple):
    """A session that a request brought."""

    session: BrowserSession
    token: ApiToken | None
    """The token that it was made from."""
    token_digest: str
    until: datetime
    """When it ends if it is not used."""


def begin_session(
    session: Session, person: Person, lifetime: timedelta, replaced: str | None = None
) -> Begun:
    """Make a session under an id that nobody knew before.

    Args:
        session: in a write transaction.
        person: who signed in; a token of the database is looked up again.
        lifetime: after which it ends, however much it is used.
        replaced: the secret of a session of the same browser, which ends.

    Raises:
        Unauthorized: the token has ended meanwhile.
    """
    now = read_clock(session)
    session.execute(delete(BrowserSessionRow).where(BrowserSessionRow.expires_at < now - KEPT))
    token = ""
    if person.signed_in is SignedInBy.TOKEN:
        held = find_token(session, person.token)
        if held is None:
            raise Unauthorized("The token is not good any more; sign in with another.")
        token = held.token.id
    if replaced is not None and (old := _row_of(session, replaced)) is not None:
        _end(old, now, person.name)
    id = secrets.token_hex(6)
    secret = f"{PREFIX}{id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    row = BrowserSessionRow(
        id=id,
        digest=digest_of(secret),
        name=person.name,
        signed_in=person.signed_in.value,
        token=token,
        token_digest=digest_of(person.token) if person.token else "",
        issuer=person.issuer,
        subject=person.subject,
        email=person.email,
        groups=list(person.groups),
        made_at=now,
        used_at=now,
        expires_at=now + lifetime,
        ended_at=None,
        ended_by="",
    )
    session.add(row)
    session.flush()
    return Begun(_shown(row), secret)


def find_session(session: Session, given: str, idle: timedelta) -> HeldSession | None:
    """The session that a cookie brought; None where it is over.

    Args:
        session: any transaction.
        given: the cookie's value.
        idle: after which a session ends that nobody uses.
    """
    row = _row_of(session, given)
    return _held(session, row, read_clock(session), idle) if row is not None else None


def list_sessions(session: Session, idle: timedelta, name: str | None = None) -> list[BrowserSession]:
    """The sessions that are not over, oldest first, of one name or of all."""
    query = select(BrowserSessionRow).where(BrowserSessionRow.ended_at.is_(None))
    if name is not None:
        query = query.where(BrowserSessionRow.name == name)
    query = query.order_by(BrowserSessionRow.made_at, BrowserSessionRow.id)
    now = read_clock(session)
    rows = session.execute(query.execution_options(populate_existing=True)).scalars().all()
    return [_shown(row) for row in rows if _held(session, row, now, idle) is not None]


def end_session(session: Session, id: str, by: str) -> BrowserSession:
    """End one session; one that is over stays as it is.

    Raises:
        NotFound: there is none of this id.
    """
    row = session.get(BrowserSessionRow, id.removeprefix(PREFIX), populate_existing=True)
    if row is None:
        raise NotFound(f"There is no session {id[:80]}; `paceline session list` lists them.")
    _end(row, read_clock(session), by)
    session.flush()
    return _shown(row)


def end_sessions_of(session: Session, name: str, by: str) -> list[BrowserSession]:
    """End all sessions of a name; those that were not over before."""
    query = select(BrowserSessionRow).where(
        BrowserSessionRow.name == name, BrowserSessionRow.ended_at.is_(None)
    )
    now = read_clock(session)
    rows = [row for row in session.execute(query).scalars() if row.expires_at > now]
    for row in rows:
        _end(row, now, by)
    session.flush()
    return [_shown(row) for row in rows]


def note_session_used(session: Session, id: str) -> None:
    """Say that a session was used now."""
    used = update(BrowserSessionRow).where(BrowserSessionRow.id == id).values(used_at=read_clock(session))
    session.execute(used.execution_options(synchronize_session=False))


def digest_of(secret: str) -> str:
    """SHA-256 in hexadecimal digits; enough for long random secrets, which cannot be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _row_of(session: Session, given: str) -> BrowserSessionRow | None:
    shape = _SECRET.fullmatch(given)
    row = session.get(BrowserSessionRow, shape[1], populate_existing=True) if shape else None
    return row if row is not None and hmac.compare_digest(row.digest, digest_of(given)) else None


def _held(session: Session, row: BrowserSessionRow, now: datetime, idle: timedelta) -> HeldSession | None:
    until = min(row.expires_at, row.used_at + idle)
    if row.ended_at is not None or until <= now:
        return None
    if not row.token:
        return HeldSession(_shown(row), None, row.token_digest, until)
    token = session.get(ApiTokenRow, row.token, populate_existing=True)
    if token is None or token.revoked_at is not None:
        return None
    ends = _ends_of(token, row.token_digest)
    if any(end <= now for end in ends):
        return None
    return HeldSession(_shown(row), shown_token(token), row.token_digest, min([until, *ends]))


def _ends_of(token: ApiTokenRow, digest: str) -> list[datetime]:
    """When the secret that a session was made with ends; the session does with it."""
    ends = [token.expires_at] if token.expires_at is not None else []
    if digest == token.digest:
        return ends
    if digest == token.previous_digest and token.previous_until is not None:
        return [*ends, token.previous_until]
    return [token.made_at]


def _end(row: BrowserSessionRow, now: datetime, by: str) -> None:
    if row.ended_at is None:
        row.ended_at, row.ended_by = now, by


def _shown(row: BrowserSessionRow) -> BrowserSession:
    values = {name: getattr(row, name) for name in BrowserSession.model_fields if name != "signed_in"}
    return BrowserSession(**values, signed_in=SignedInBy(row.signed_in))
