"""What came of tries to reach webhooks: who is tried next and when, who is paused, what is sent again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from paceline.domain.events import EventDraft, EventType
from paceline.domain.notifications import Notification
from paceline.domain.webhooks import PING
from paceline.errors import NotFound
from paceline.store.events import append_events
from paceline.store.models import NotificationRow, WebhookPositionRow, WebhookRow
from paceline.store.notifications import is_due, note_failed, note_sent
from paceline.store.statements import read_clock

WIDTH = 4
"""Messages of one webhook that one process has under way at most; 1 while it cannot be reached."""
KEPT = timedelta(days=30)
"""How long it is known which single message arrived."""


class Lane(NamedTuple):
    """A webhook with messages that are to be sent now."""

    webhook: str
    width: int
    only: str | None = None
    """While it is paused or held only its pings are sent."""


class Failure(NamedTuple):
    """How a try failed, and what follows from it."""

    code: str
    reason: str
    pause: float | None
    """Seconds before the message's next try; None: it is given up."""
    hold: bool = False
    """Nobody was there to take anything, so others wait as long."""
    gone: bool = False
    """Its receiver wants nothing any more."""
    patience: float = math.inf
    """Seconds of nothing but failures after which it is paused."""


def lanes(session: Session) -> list[Lane]:
    """The webhooks that have something to be sent now."""
    now = read_clock(session)
    rows = session.execute(select(WebhookRow).execution_options(populate_existing=True)).scalars()
    found = [_lane(row, now) for row in rows]
    return [lane for lane in found if is_due(session, lane.webhook, lane.only)]


def _lane(row: WebhookRow, now: datetime) -> Lane:
    if not row.active or (row.held_until is not None and row.held_until > now):
        return Lane(row.id, 1, PING)
    return Lane(row.id, 1 if row.failures else WIDTH)


def note_arrived(session: Session, claimed: Notification) -> bool:
    """It arrived, so its receiver is there; False where somebody else claimed it meanwhile."""
    noted = note_sent(session, claimed)
    arrived = update(WebhookRow).where(WebhookRow.id == claimed.subscription)
    session.execute(
        arrived.values(
            failures=0, failing_since=None, held_until=None, last_sent_at=read_clock(session)
        ).execution_options(synchronize_session=False)
    )
    return noted


def note_missed(session: Session, claimed: Notification, failure: Failure) -> bool:
    """A try failed.

    Returns:
        Whether the webhook is paused for it; an event of the message's run says so.
    """
    noted = note_failed(session, claimed, failure.code, failure.reason, failure.pause)
    row = session.get(WebhookRow, claimed.subscription, populate_existing=True)
    if not noted or row is None or claimed.name == PING:
        return False
    now = read_clock(session)
    since = row.failing_since or now
    row.failing_since = since
    if failure.hold:
        row.failures += 1
        row.held_until = now + timedelta(seconds=failure.pause or 0.0)
    failing = (now - since).total_seconds()
    if row.active and (failure.gone or failing >= failure.patience):
        _pause(session, row, claimed, failure)
        return True
    session.flush()
    return False


def _pause(session: Session, row: WebhookRow, claimed: Notification, failure: Failure) -> None:
    since = row.failing_since
    why = (
        failure.reason
        if failure.gone
        else f"nothing arrived since {since:%Y-%m-%d %H:%M} UTC: {failure.reason}"
    )
    row.active, row.reason = False, f"{failure.code}: {why}"[:1000]
    session.flush()
    draft = EventDraft(
        key=f"{claimed.project}#webhook-paused#{row.id}#{claimed.id}#{claimed.fence}",
        type=EventType.WORKFLOW_EVENT,
        name="webhook.paused",
        data={"webhook": row.id, "name": row.name, "code": failure.code, "reason": row.reason},
    )
    append_events(session, claimed.project, [draft])


def redeliver_dead(session: Session, webhook: str, project: str | None = None) -> int:
    """Send everything again that was given up, of one run or of all; returns how many."""
    which = [NotificationRow.state == "dead", NotificationRow.name != PING]
    if project is not None:
        which.append(NotificationRow.project == project)
    return _again(session, webhook, which)


def redeliver_since(session: Session, webhook: str, project: str, since: int) -> int:
    """Send a run's events again from a number on, also those that it was not to get at first.

    Returns:
        How many of those that had been sent or given up are sent again; others follow from the events.

    Raises:
        NotFound: the webhook gets nothing of that run.
    """
    key = {"webhook": webhook, "project": project}
    place = session.get(WebhookPositionRow, key, populate_existing=True)
    if place is None:
        raise NotFound(
            f"The webhook gets no events of a run {project[:80]}; `paceline status` lists the runs."
        )
    place.after, place.number = min(place.after, since - 1), min(place.number, since - 1)
    session.flush()
    ended = NotificationRow.state.in_(["sent", "dead"])
    return _again(
        session, webhook, [ended, NotificationRow.project == project, NotificationRow.number >= since]
    )


def rewind(session: Session, webhook: str, project: str, number: int) -> None:
    """Have a run's events looked at again from after a number; what is written down stays as it is."""
    back = update(WebhookPositionRow).where(
        WebhookPositionRow.webhook == webhook,
        WebhookPositionRow.project == project,
        WebhookPositionRow.number > number,
    )
    session.execute(back.values(number=number).execution_options(synchronize_session=False))


def trim_delivered(session: Session) -> int:
    """Forget single messages that arrived long ago, where nothing before them is still to arrive.

    Returns:
        How many.
    """
    limit, gone = read_clock(session) - KEPT, 0
    for place in session.execute(select(WebhookPositionRow)).scalars():
        mine = (NotificationRow.subscription == place.webhook, NotificationRow.project == place.project)
        left = select(func.min(NotificationRow.number)).where(*mine, NotificationRow.state != "sent")
        before = session.execute(left).scalar_one_or_none() or place.number + 1
        fresh = select(func.min(NotificationRow.number)).where(
            *mine, NotificationRow.state == "sent", NotificationRow.sent_at > limit
        )
        before = min(before, session.execute(fresh).scalar_one_or_none() or before)
        old = delete(NotificationRow).where(*mine, NotificationRow.number < before)
        removed = session.execute(old.returning(NotificationRow.number)).scalars().all()
        if removed:
            place.after = max(place.after, *(each for each in removed if each is not None))
            gone += len(removed)
    pings = delete(NotificationRow).where(NotificationRow.name == PING, NotificationRow.made_at < limit)
    session.execute(pings)
    session.flush()
    return gone


def _again(session: Session, webhook: str, which: Sequence[ColumnElement[bool]]) -> int:
    again = (
        update(NotificationRow)
        .where(NotificationRow.subscription == webhook, *which)
        .values(state="waiting", tries=0, due_at=read_clock(session), sent_at=None)
        .returning(NotificationRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(session.execute(again).all())
