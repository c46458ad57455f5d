"""Requests with an `Idempotency-Key`: begun by one, answered once, and forgotten after a day.

Whoever carries a request out holds it by a lease that it renews, so that a repeat after a kill goes on when
the lease is over. A name for each try keeps the answer of one that lost its lease away.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from paceline.errors import IdempotencyKeyReused, IdempotentRequestUnderWay
from paceline.store.models import KeyedRequestRow, table
from paceline.store.statements import dialect_of, insert_into, read_clock

KEPT = timedelta(hours=24)
"""How long an answer is given again."""
LEASE = timedelta(seconds=15)
"""How long a request is believed to be carried out without a renewal."""
_AT_ONCE = 1_000
"""Rows that one sweep removes at the most."""
_REQUESTS = table(KeyedRequestRow)


class Begun(NamedTuple):
    """The caller is to carry the request out, under this name."""

    holder: str


class Answered(NamedTuple):
    """The request was carried out before."""

    status: int
    headers: dict[str, str]
    body: bytes | None
    """None: it is not kept."""


def begin_request(session: Session, id: str, fingerprint: str) -> Begun | Answered:
    """Take a request, or find the answer that it got.

    Args:
        session: in a write transaction.
        id: of caller and key.
        fingerprint: of what is asked.

    Raises:
        IdempotencyKeyReused: the key was used for something else.
        IdempotentRequestUnderWay: it is being carried out.
    """
    now, holder = read_clock(session), secrets.token_hex(16)
    values: dict[str, Any] = {
        "id": id,
        "fingerprint": fingerprint,
        "holder": holder,
        "lease_until": now + LEASE,
        "headers": {},
        "expires_at": now + KEPT,
    }
    insert = insert_into(dialect_of(session), KeyedRequestRow).values(values).on_conflict_do_nothing()
    if session.execute(insert.returning(_REQUESTS.c.id)).first() is not None:
        return Begun(holder)
    query = select(_REQUESTS).where(_REQUESTS.c.id == id).with_for_update()
    known = session.execute(query).mappings().one()
    if known["expires_at"] > now:
        if known["fingerprint"] != fingerprint:
            raise IdempotencyKeyReused(
                "This Idempotency-Key was used for another request; send a new key with a new request."
            )
        if known["status"] is not None:
            return Answered(known["status"], dict(known["headers"]), known["body"])
        if known["lease_until"] > now:
            left = (known["lease_until"] - now).total_seconds()
            raise IdempotentRequestUnderWay(
                "The request with this Idempotency-Key is being carried out; ask again in a moment.",
                retry_after=max(1, min(5, math.ceil(left))),
            )
    again = {**values, "status": None, "body": None}
    session.execute(update(_REQUESTS).where(_REQUESTS.c.id == id).values(again))
    return Begun(holder)


def renew_request(session: Session, id: str, holder: str) -> bool:
    """Say that it is still being carried out; False where somebody else does that now."""
    return _note(session, id, holder, lease_until=read_clock(session) + LEASE)


def answer_request(
    session: Session, id: str, holder: str, status: int, headers: Mapping[str, str], body: bytes | None
) -> bool:
    """Keep the answer; False where somebody else carried it out meanwhile."""
    return _note(session, id, holder, status=status, headers=dict(headers), body=body)


def give_up_request(session: Session, id: str, holder: str) -> None:
    """Forget a request that failed, so that it can be sent again under its key."""
    session.execute(
        delete(_REQUESTS).where(
            _REQUESTS.c.id == id, _REQUESTS.c.holder == holder, _REQUESTS.c.status.is_(None)
        )
    )


def forget_requests(session: Session) -> int:
    """Remove some that are older than `KEPT`; returns how many."""
    old = select(_REQUESTS.c.id).where(_REQUESTS.c.expires_at <= read_clock(session)).limit(_AT_ONCE)
    return session.connection().execute(delete(_REQUESTS).where(_REQUESTS.c.id.in_(old))).rowcount


def _note(session: Session, id: str, holder: str, **values: Any) -> bool:
    noted = (
        update(_REQUESTS)
        .where(_REQUESTS.c.id == id, _REQUESTS.c.holder == holder, _REQUESTS.c.status.is_(None))
        .values(**values)
        .returning(_REQUESTS.c.id)
    )
    return session.execute(noted).first() is not None
