"""Writes down what webhooks are to get: from the events table, after the place that each has reached.

The events are the outbox. A page of them and the new place are written in one transaction, so whoever is
killed leaves either both or neither, and two processes do not write the same twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import Session

from paceline.domain.events import Event
from paceline.domain.notifications import notification_id
from paceline.domain.webhooks import matches
from paceline.store.events import events_after
from paceline.store.models import EventCounterRow, NotificationRow, WebhookPositionRow, WebhookRow
from paceline.store.scopes import is_within
from paceline.store.statements import dialect_of, insert_into
from paceline.store.webhooks import RECEIVER

WINDOW = 500
"""Messages of a webhook that wait at most; the rest stays in the events table until there is room."""
PAGE = 200
"""Events that are looked at in one transaction."""
_RUNS = 50
"""Runs of a webhook that are looked at before the next webhook's turn."""


class Behind(NamedTuple):
    """A run with events that a webhook has not looked at."""

    webhook: str
    name: str
    events: list[str]
    project: str
    number: int
    """The last event that it has looked at."""


def news_mark(session: Session) -> tuple[int, ...]:
    """Changes with every event, and with every place that a webhook has reached."""
    counters = select(func.count(), func.coalesce(func.sum(EventCounterRow.last), 0))
    places = select(func.count(), func.coalesce(func.sum(WebhookPositionRow.number), 0))
    active = select(func.count()).where(WebhookRow.active.is_(True))
    found = (*session.execute(counters).one(), *session.execute(places).one())
    return (*(int(each) for each in found), session.execute(active).scalar_one())


def runs_behind(session: Session) -> list[Behind]:
    """What has to be looked at for webhooks that are active and have room."""
    rows = session.execute(select(WebhookRow).where(WebhookRow.active.is_(True)).order_by(WebhookRow.id))
    return [behind for row in rows.scalars() if has_room(session, row.id) for behind in _behind(session, row)]


def has_room(session: Session, webhook: str) -> bool:
    """Whether more may be written down for a webhook."""
    waiting = (
        select(NotificationRow.id)
        .where(NotificationRow.subscription == webhook, NotificationRow.state == "waiting")
        .offset(WINDOW - 1)
        .limit(1)
    )
    return session.execute(waiting).first() is None


def read_page(session: Session, behind: Behind) -> list[Event]:
    """The next events of the run."""
    return events_after(session, behind.project, behind.number, PAGE)


def write_down(session: Session, behind: Behind, page: Sequence[Event]) -> int:
    """Write down those of the next events that the webhook wants, and that it has looked at all of them.

    Args:
        session: in a write transaction.
        behind: as it was read.
        page: what follows on it, at least one event.

    Returns:
        How many were written; 0 too where somebody else was faster, or the webhook was changed meanwhile.
    """
    row = session.get(WebhookRow, behind.webhook, populate_existing=True)
    if row is None or not row.active or row.events != behind.events:
        return 0
    if not _advance(session, behind, page[-1].number):
        return 0
    rows = [_row(behind, event) for event in page if matches(behind.events, event.name, event.type)]
    if rows:
        session.execute(insert_into(dialect_of(session), NotificationRow).on_conflict_do_nothing(), rows)
    return len(rows)


def _behind(session: Session, row: WebhookRow) -> list[Behind]:
    reached = func.coalesce(WebhookPositionRow.number, 0)
    query = (
        select(EventCounterRow.project, reached)
        .outerjoin(WebhookPositionRow, _place_of(row.id))
        .where(EventCounterRow.last > reached, is_within(EventCounterRow.project, row.projects or None))
        .limit(_RUNS)
    )
    return [
        Behind(row.id, row.name, row.events, project, number) for project, number in session.execute(query)
    ]


def _place_of(webhook: str) -> ColumnElement[bool]:
    return and_(WebhookPositionRow.webhook == webhook, WebhookPositionRow.project == EventCounterRow.project)


def _advance(session: Session, behind: Behind, number: int) -> bool:
    """Take the next place, if it is still the one that was read."""
    place = {"webhook": behind.webhook, "project": behind.project, "after": 0, "number": 0}
    session.execute(insert_into(dialect_of(session), WebhookPositionRow).on_conflict_do_nothing(), [place])
    moved = (
        update(WebhookPositionRow)
        .where(
            WebhookPositionRow.webhook == behind.webhook,
            WebhookPositionRow.project == behind.project,
            WebhookPositionRow.number == behind.number,
        )
        .values(number=number)
        .returning(WebhookPositionRow.number)
        .execution_options(synchronize_session=False)
    )
    return session.execute(moved).first() is not None


def _row(behind: Behind, event: Event) -> dict[str, object]:
    return {
        "id": notification_id(event, f"{RECEIVER}{behind.webhook}"),
        "subscription": behind.webhook,
        "number": event.number,
        "project": event.project,
        "event": event.key,
        "name": event.name,
        "question": "",
        "receiver": f"{RECEIVER}{behind.name}",
        "body": "",
        "state": "waiting",
        "tries": 0,
        "fence": 0,
        "due_at": event.at,
        "made_at": event.at,
    }
