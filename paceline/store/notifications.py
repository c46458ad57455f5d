"""Messages to people outside: written with the event that they tell of, claimed by who sends them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from paceline.domain.events import Event
from paceline.domain.notifications import (
    LONGEST_TRY,
    Notification,
    NotifyOptions,
    message,
    notification_id,
)
from paceline.errors import NotFound
from paceline.store.models import NotificationRow
from paceline.store.paging import By, Key, paged
from paceline.store.scopes import Within, is_within
from paceline.store.statements import dialect_of, insert_into, read_clock

LEASE = timedelta(seconds=LONGEST_TRY + 15)
"""How long a message belongs to who claimed it; by the database's clock."""


def queue_notifications(session: Session, options: NotifyOptions | None, events: Sequence[Event]) -> None:
    """Write down who is to be told of events, in the transaction that appends them; twice is once."""
    if options is None:
        return
    rows = [
        {
            "id": (id := notification_id(event, receiver)),
            "project": event.project,
            "event": event.key,
            "name": event.name,
            "question": str(event.data.get("question", "")),
            "receiver": receiver,
            "body": message(id, event),
            "state": "waiting",
            "tries": 0,
            "fence": 0,
            "due_at": event.at,
            "made_at": event.at,
        }
        for event in events
        if event.name in options.events
        for receiver in options.receivers()
    ]
    if rows:
        insert = insert_into(dialect_of(session), NotificationRow).on_conflict_do_nothing()
        session.execute(insert, rows)


def any_due(session: Session) -> bool:
    """Whether there is a message about a question to be sent now."""
    return session.execute(_due(session, None).limit(1)).first() is not None


def claim_due(
    session: Session, limit: int, webhook: str | None = None, only: str | None = None
) -> list[Notification]:
    """Take messages that are to be sent now; nobody else gets them before the lease is over.

    Args:
        session: in a write transaction.
        limit: how many at most.
        webhook: whose; None: those about questions.
        only: of this name only.

    Returns:
        Them, the longest due first, each with a fence of its own.
    """
    now = read_clock(session)
    due = _due(session, webhook, only).order_by(
        NotificationRow.due_at, NotificationRow.number, NotificationRow.id
    )
    ids = list(session.execute(due.limit(limit)).scalars())
    if not ids:
        return []
    session.execute(
        update(NotificationRow)
        .where(NotificationRow.id.in_(ids))
        .values(fence=NotificationRow.fence + 1, tries=NotificationRow.tries + 1, due_at=now + LEASE)
        .execution_options(synchronize_session=False)
    )
    return [get_notification(session, id) for id in ids]


def is_due(session: Session, webhook: str, only: str | None = None) -> bool:
    """Whether a webhook has a message to be sent now."""
    return session.execute(_due(session, webhook, only).limit(1)).first() is not None


def note_sent(session: Session, claimed: Notification) -> bool:
    """It arrived; False where somebody else claimed it meanwhile."""
    return _note(session, claimed, state="sent", sent_at=read_clock(session), code=None, reason=None)


def note_failed(session: Session, claimed: Notification, code: str, reason: str, pause: float | None) -> bool:
    """A try failed.

    Args:
        session: in a write transaction.
        claimed: as `claim_due` returned it.
        code, reason: why.
        pause: seconds before the next try; None: it is given up.
    """
    changes: dict[str, Any] = {"code": code, "reason": reason[:2000]}
    if pause is None:
        return _note(session, claimed, state="dead", **changes)
    return _note(session, claimed, due_at=read_clock(session) + timedelta(seconds=pause), **changes)


def redeliver(
    session: Session, ids: Sequence[str], within: Within = None, webhook: str | None = None
) -> list[Notification]:
    """Send messages again that were sent or given up, from their first try on.

    Args:
        session: in a write transaction.
        ids: of the messages.
        within: projects whose messages may be sent.
        webhook: whose messages they are; None: they are about questions.

    Raises:
        NotFound: there is no such message, or it is of another project or webhook; nothing is changed.
    """
    for id in ids:
        if get_notification(session, id, within).subscription != webhook:
            raise _no_notification(id)
    again = update(NotificationRow).where(
        NotificationRow.id.in_(ids), NotificationRow.state.in_(["sent", "dead"])
    )
    now = read_clock(session)
    session.execute(
        again.values(state="waiting", tries=0, due_at=now, sent_at=None).execution_options(
            synchronize_session=False
        )
    )
    return [get_notification(session, id) for id in ids]


def get_notification(session: Session, id: str, within: Within = None) -> Notification:
    """The message of this id.

    Raises:
        NotFound: there is none, or it is of another project.
    """
    query = select(NotificationRow).where(NotificationRow.id == id)
    if within is not None:
        query = query.where(is_within(NotificationRow.project, within))
    row = session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    if row is None:
        raise _no_notification(id)
    return _notification(row)


def list_notifications(
    session: Session,
    project: str | None = None,
    state: str | None = None,
    limit: int | None = 200,
    within: Within = None,
    after: Key | None = None,
    webhook: str | None = None,
) -> list[Notification]:
    """Messages about questions, or what one webhook gets, newest first, for who sees these projects.

    Args:
        session: any transaction.
        project, state, limit, within: None: any.
        after: time and id of the message before the first.
        webhook: id of one.
    """
    order = (By(NotificationRow.made_at, True), By(NotificationRow.id))
    mine = select(NotificationRow).where(NotificationRow.subscription == webhook)
    query = paged(mine, order, after, limit)
    if project is not None:
        query = query.where(NotificationRow.project == project)
    if state is not None:
        query = query.where(NotificationRow.state == state)
    if within is not None:
        query = query.where(is_within(NotificationRow.project, within))
    query = query.execution_options(populate_existing=True)
    return [_notification(row) for row in session.execute(query).scalars()]


def _no_notification(id: str) -> NotFound:
    return NotFound(f"There is no notification {id}; `paceline notifications` lists them.")


def _due(session: Session, webhook: str | None, only: str | None = None) -> Select[str]:
    query = select(NotificationRow.id).where(
        NotificationRow.subscription == webhook,
        NotificationRow.state == "waiting",
        NotificationRow.due_at <= read_clock(session),
    )
    return query if only is None else query.where(NotificationRow.name == only)


def _note(session: Session, claimed: Notification, **changes: Any) -> bool:
    noted = (
        update(NotificationRow)
        .where(
            NotificationRow.id == claimed.id,
            NotificationRow.fence == claimed.fence,
            NotificationRow.state == "waiting",
        )
        .values(**changes)
        .returning(NotificationRow.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(noted).first() is not None


def _notification(row: NotificationRow) -> Notification:
    return Notification(**{name: getattr(row, name) for name in Notification.model_fields})
