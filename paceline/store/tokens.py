"""Tokens of the API: kept as hashes of long random secrets, shown once, when they are made."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from paceline.domain.access import NAME_PATTERN, PEOPLE, ApiToken, Role
from paceline.errors import Conflict, NotFound, Refused
from paceline.store.models import ApiTokenRow
from paceline.store.paging import By, Key, paged
from paceline.store.runs import project_name
from paceline.store.statements import read_clock

SECRET_BYTES = 32
LONGEST_GRACE = timedelta(days=30)
PREFIX = "pct_"
_TOKEN = re.compile(rf"{PREFIX}([0-9a-f]{{12}})_[\w-]{{43}}")
_RESERVED = frozenset({"unknown", "paceline", "system", "agent", "admin"})


class Made(NamedTuple):
    """A token with its secret, which is not kept."""

    token: ApiToken
    secret: str


class Held(NamedTuple):
    """A token that a request brought."""

    token: ApiToken
    until: datetime | None
    """When this secret ends; None: it does not."""


def create_token(
    session: Session,
    name: str,
    role: Role,
    made_by: str,
    projects: Sequence[str] = (),
    lifetime: timedelta | None = None,
) -> Made:
    """Make a token.

    Args:
        session: in a write transaction.
        name: whose it is; the actor of what is done with it.
        role: what it may do.
        made_by: who makes it.
        projects: what it is limited to, by a run's id or a project's name; none: not limited.
        lifetime: None: it does not end by itself.

    Raises:
        Refused: the name is no name, or the role is an agent's.
        Conflict: a token of this name is in force.
    """
    _refuse(name, role, lifetime)
    now = read_clock(session)
    for other in session.execute(select(ApiTokenRow).where(ApiTokenRow.revoked_at.is_(None))).scalars():
        if other.name.casefold() == name.casefold() and (other.expires_at is None or other.expires_at > now):
            raise Conflict(
                f"There is a token called {other.name}; rotate or revoke it, or take another name.",
                token=other.id,
            )
    id = secrets.token_hex(6)
    secret = _secret(id)
    row = ApiTokenRow(
        id=id,
        name=name,
        role=role.value,
        projects=list(dict.fromkeys(project_name(session, project) for project in projects)),
        digest=_digest(secret),
        previous_digest=None,
        previous_until=None,
        made_at=now,
        made_by=made_by,
        expires_at=now + lifetime if lifetime is not None else None,
        revoked_at=None,
        last_used_at=None,
    )
    session.add(row)
    session.flush()
    return Made(shown_token(row), secret)


def find_token(session: Session, given: str) -> Held | None:
    """The token that a request brought; None where it is none that is in force."""
    shape = _TOKEN.fullmatch(given)
    row = session.get(ApiTokenRow, shape[1], populate_existing=True) if shape else None
    if row is None or row.revoked_at is not None:
        return None
    now, digest = read_clock(session), _digest(given)
    if row.expires_at is not None and row.expires_at <= now:
        return None
    if hmac.compare_digest(digest, row.digest):
        return Held(shown_token(row), row.expires_at)
    if row.previous_until is None or row.previous_until <= now:
        return None
    if not hmac.compare_digest(digest, row.previous_digest or ""):
        return None
    return Held(shown_token(row), min(row.previous_until, row.expires_at or row.previous_until))


def list_tokens(session: Session, limit: int | None = None, after: Key | None = None) -> list[ApiToken]:
    """All tokens, also revoked ones, oldest first; beyond the time and id of one."""
    query = paged(select(ApiTokenRow), (By(ApiTokenRow.made_at), By(ApiTokenRow.id)), after, limit)
    return [
        shown_token(row) for row in session.execute(query.execution_options(populate_existing=True)).scalars()
    ]


def revoke_token(session: Session, which: str) -> ApiToken:
    """End a token; one that was revoked stays as it is.

    Args:
        session: in a write transaction.
        which: its id, its prefix, or its name.

    Raises:
        NotFound: there is none.
    """
    row = _find(session, which)
    if row.revoked_at is None:
        row.revoked_at = read_clock(session)
        session.flush()
    return shown_token(row)


def rotate_token(session: Session, which: str, grace: timedelta = timedelta(hours=1)) -> Made:
    """Give a token a new secret; the old one is taken for a while longer.

    Args:
        session: in a write transaction.
        which: its id, its prefix, or its name.
        grace: how long; zero: not any more. A secret before the old one ends at once.

    Raises:
        NotFound: there is none.
        Conflict: it was revoked, or has expired.
        Refused: the grace is too long.
    """
    if not timedelta(0) <= grace <= LONGEST_GRACE:
        raise Refused(f"An old secret may be taken for 0 to {LONGEST_GRACE.days} days, not for {grace}.")
    row = _find(session, which)
    now = read_clock(session)
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        raise Conflict(f"The token {row.name} has ended; make a new one.", token=row.id)
    secret = _secret(row.id)
    row.previous_digest, row.previous_until = row.digest, now + grace
    row.digest = _digest(secret)
    session.flush()
    return Made(shown_token(row), secret)


def note_used(session: Session, id: str) -> None:
    """Say that a token was used now."""
    used = update(ApiTokenRow).where(ApiTokenRow.id == id).values(last_used_at=read_clock(session))
    session.execute(used.execution_options(synchronize_session=False))


def is_name(name: str) -> bool:
    """Whether somebody may be called so: not as Paceline calls itself, and not so as to look like two."""
    return (
        bool(re.fullmatch(NAME_PATTERN, name)) and name == name.strip() and name.casefold() not in _RESERVED
    )


def _refuse(name: str, role: Role, lifetime: timedelta | None) -> None:
    if not is_name(name):
        raise Refused(
            f"{name[:80]!r} is no name for a token: take up to 60 letters, digits, blanks and . @ + - _ "
            "that begin with a letter, and none of the words that Paceline uses for itself."
        )
    if role not in PEOPLE:
        raise Refused(
            "Agents' tokens are made for each attempt, which they end with; take another role: "
            f"{', '.join(PEOPLE)}."
        )
    if lifetime is not None and lifetime <= timedelta(0):
        raise Refused("A token that has expired already is of no use; say how long it is to be good.")


def _find(session: Session, which: str) -> ApiTokenRow:
    """By id or prefix; by name the one in force, or the newest."""
    row = session.get(ApiTokenRow, which.removeprefix(PREFIX), populate_existing=True)
    if row is None:
        query = select(ApiTokenRow).where(ApiTokenRow.name == which)
        query = query.order_by(ApiTokenRow.revoked_at.is_not(None), ApiTokenRow.made_at.desc()).limit(1)
        row = session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    if row is None:
        raise NotFound(f"There is no token {which[:80]}; `paceline token list` lists them.")
    return row


def _secret(id: str) -> str:
    return f"{PREFIX}{id}_{secrets.token_urlsafe(SECRET_BYTES)}"


def _digest(secret: str) -> str:
    # A long random secret cannot be guessed, so a fast hash is enough; it is also looked up at every request.
    return hashlib.sha256(secret.encode()).hexdigest()


def shown_token(row: ApiTokenRow) -> ApiToken:
    """A token's row as it may be shown."""
    values = {name: getattr(row, name) for name in ApiToken.model_fields if name not in ("prefix", "role")}
    return ApiToken(**values, prefix=f"{PREFIX}{row.id}", role=Role(row.role))
