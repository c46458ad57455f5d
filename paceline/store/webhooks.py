"""Webhooks: made, changed, given new secrets. Addresses and secrets are sealed before they come here."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Select, case, delete, insert, literal, select, update
from sqlalchemy.orm import Session

from paceline.domain.notifications import Notification
from paceline.domain.webhooks import PING, WebhookSubscription, ping_of
from paceline.errors import Conflict, NotFound, Refused
from paceline.store.models import (
    EventCounterRow,
    NotificationRow,
    WebhookPositionRow,
    WebhookRow,
)
from paceline.store.notifications import get_notification
from paceline.store.runs import project_name
from paceline.store.scopes import Within, is_within
from paceline.store.sealing import is_sealed
from paceline.store.statements import read_clock

MOST = 200
"""Webhooks of one database at most; each may have several messages under way."""
LONGEST_GRACE = timedelta(days=30)
RECEIVER = "webhook:"
"""Begins the receiver's name of what a webhook gets."""


class Sealed(NamedTuple):
    """What is kept of an address."""

    url: str
    address: str
    """What may be shown of it."""


def create_webhook(
    session: Session,
    name: str,
    url: Sealed,
    secret: str,
    made_by: str,
    projects: Sequence[str] = (),
    events: Sequence[str] = (),
    after: int | None = None,
) -> WebhookSubscription:
    """Make a webhook; it gets what is appended from now on.

    Args:
        session: in a write transaction.
        name: for people.
        url: sealed.
        secret: sealed.
        made_by: who makes it.
        projects: whose events it gets, by a run's id or a project's name; none: all.
        events: types, names or beginnings of names; none: all.
        after: also what runs have now with higher numbers; None: nothing of it.

    Raises:
        Conflict: there is one of this name.
        Refused: there are too many.
    """
    held = list(session.execute(select(WebhookRow.name)).scalars())
    if name.casefold() in {each.casefold() for each in held}:
        raise Conflict(f"There is a webhook called {name}; remove it, or take another name.")
    if len(held) >= MOST:
        raise Refused(f"There are {MOST} webhooks already; remove one.")
    row = WebhookRow(
        id=f"wh-{secrets.token_hex(8)}",
        name=name,
        url=url.url,
        address=url.address,
        projects=list(dict.fromkeys(project_name(session, each) for each in projects)),
        events=list(events),
        secret=secret,
        active=True,
        made_at=read_clock(session),
        made_by=made_by,
        failures=0,
    )
    session.add(row)
    session.flush()
    session.execute(
        insert(WebhookPositionRow).from_select(
            ["webhook", "project", "after", "number"], _starts(row.id, after, row.projects or None)
        )
    )
    return _webhook(row)


def list_webhooks(session: Session, within: Within = None) -> list[WebhookSubscription]:
    """Every webhook by name, for who sees these projects: those that get events of no other."""
    rows = session.execute(select(WebhookRow).order_by(WebhookRow.name)).scalars()
    return [_webhook(row) for row in rows if _is_seen(row, within)]


def get_webhook(session: Session, which: str, within: Within = None) -> WebhookSubscription:
    """One, by its id or name.

    Raises:
        NotFound: there is none, or it gets events of other projects too.
    """
    return _webhook(_find(session, which, within))


def change_webhook(
    session: Session,
    which: str,
    within: Within = None,
    *,
    url: Sealed | None = None,
    events: Sequence[str] | None = None,
    active: bool | None = None,
    reason: str | None = None,
) -> WebhookSubscription:
    """Change what is given; what is paused keeps its place, and goes on from there when it is made active.

    Raises:
        NotFound: there is none.
    """
    row = _find(session, which, within)
    if url is not None:
        row.url, row.address = url
    if events is not None and list(events) != row.events:
        row.events = list(events)
        # What the new filter would have wanted of what was passed over is not missing.
        positions = update(WebhookPositionRow).where(WebhookPositionRow.webhook == row.id)
        session.execute(positions.values(after=WebhookPositionRow.number))
    if active is not None:
        row.active, row.reason = active, None if active else reason
    if active or url is not None:
        row.failures, row.failing_since, row.held_until = 0, None, None
    session.flush()
    return _webhook(row)


def remove_webhook(session: Session, which: str, within: Within = None) -> WebhookSubscription:
    """Forget it, with everything that it has not got yet.

    Raises:
        NotFound: there is none.
    """
    row = _find(session, which, within)
    found = _webhook(row)
    session.execute(delete(NotificationRow).where(NotificationRow.subscription == row.id))
    session.execute(delete(WebhookPositionRow).where(WebhookPositionRow.webhook == row.id))
    session.delete(row)
    session.flush()
    return found


def rotate_secret(
    session: Session, which: str, secret: str, grace: timedelta, within: Within = None
) -> WebhookSubscription:
    """Give it a new secret; for a while messages are signed with both.

    Raises:
        NotFound: there is none.
        Refused: the grace is too long.
    """
    if not timedelta(0) <= grace <= LONGEST_GRACE:
        raise Refused(f"An old secret may be used for 0 to {LONGEST_GRACE.days} days, not for {grace}.")
    row = _find(session, which, within)
    row.previous_secret, row.previous_until = row.secret, read_clock(session) + grace
    if not grace:
        row.previous_secret, row.previous_until = None, None
    row.secret = secret
    session.flush()
    return _webhook(row)


def queue_ping(session: Session, which: str, within: Within = None) -> Notification:
    """Write down a message that only tries the address; also of a webhook that is paused.

    Raises:
        NotFound: there is none.
    """
    row = _find(session, which, within)
    id, now = f"n-{secrets.token_hex(12)}", read_clock(session)
    session.add(
        NotificationRow(
            id=id,
            subscription=row.id,
            number=None,
            project="",
            event="",
            name=PING,
            question="",
            receiver=f"{RECEIVER}{row.name}",
            body=ping_of(row.id, now),
            state="waiting",
            tries=0,
            fence=0,
            due_at=now,
            made_at=now,
        )
    )
    session.flush()
    return get_notification(session, id)


class Target(NamedTuple):
    """Where a message goes and what it is signed with, both sealed."""

    webhook: WebhookSubscription
    url: str
    secrets: list[str]
    """The newest first."""


def target_of(session: Session, id: str) -> Target:
    """What the sender needs of a webhook, by its id.

    Raises:
        NotFound: it was removed.
    """
    row = session.get(WebhookRow, id, populate_existing=True)
    if row is None:
        raise NotFound(f"There is no webhook {id} any more.")
    kept = [row.secret]
    if row.previous_secret and row.previous_until and row.previous_until > read_clock(session):
        kept.append(row.previous_secret)
    return Target(_webhook(row), row.url, kept)


def _starts(id: str, after: int | None, within: Within) -> Select[str, str, int, int]:
    """Where it begins in every run that there is; later runs are delivered from their first event."""
    last = EventCounterRow.last
    begin = last if after is None else case((last < after, last), else_=after)
    query = select(literal(id), EventCounterRow.project, begin, begin)
    return query.where(is_within(EventCounterRow.project, within))


def _find(session: Session, which: str, within: Within) -> WebhookRow:
    query = select(WebhookRow).where((WebhookRow.id == which) | (WebhookRow.name == which))
    # An id goes before another one's name.
    query = query.order_by(WebhookRow.id != which).limit(1)
    row = session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    if row is None or not _is_seen(row, within):
        raise NotFound(f"There is no webhook {which[:80]}; `paceline webhook list` lists them.")
    return row


def _is_seen(row: WebhookRow, within: Within) -> bool:
    return within is None or (bool(row.projects) and set(row.projects) <= set(within))


def _webhook(row: WebhookRow) -> WebhookSubscription:
    given = {name: getattr(row, name) for name in WebhookSubscription.model_fields if name != "sealed"}
    return WebhookSubscription(**given, sealed=is_sealed(row.secret))
