"""Compares what webhooks got with the events table, number by number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from paceline.domain.webhooks import ProjectDeliveries, WebhookSubscription, matches
from paceline.store.models import EventCounterRow, EventRow, NotificationRow, WebhookPositionRow
from paceline.store.scopes import is_within
from paceline.store.webhook_deliveries import redeliver_dead, rewind

PAGE = 5_000
MOST_GAPS = 100


def compare(
    session: Session, webhook: WebhookSubscription, project: str | None = None
) -> list[ProjectDeliveries]:
    """What of each run's events was delivered, is on its way, was given up or is missing.

    Args:
        session: any transaction.
        webhook: whose deliveries.
        project: only this run's; None: of all that it gets events of.
    """
    query = select(EventCounterRow.project, EventCounterRow.last).order_by(EventCounterRow.project)
    query = query.where(is_within(EventCounterRow.project, webhook.projects or None))
    if project is not None:
        query = query.where(EventCounterRow.project == project)
    return [_compared(session, webhook, *each) for each in session.execute(query)]


def mend(session: Session, webhook: str, found: Sequence[ProjectDeliveries]) -> int:
    """Have what was found to be given up or missing delivered again; returns how many."""
    queued = 0
    for each in found:
        if each.dead:
            queued += redeliver_dead(session, webhook, each.project)
        if each.missing:
            rewind(session, webhook, each.project, each.gaps[0][0] - 1)
            queued += each.missing
    return queued


def _compared(session: Session, webhook: WebhookSubscription, project: str, last: int) -> ProjectDeliveries:
    key = {"webhook": webhook.id, "project": project}
    place = session.get(WebhookPositionRow, key, populate_existing=True)
    after, reached = (place.after, place.number) if place is not None else (0, 0)
    counts: dict[str, int] = dict.fromkeys(("sent", "waiting", "dead", "missing"), 0)
    gaps: list[tuple[int, int]] = []
    is_open = False
    for number, state in _states(session, webhook, project, after):
        state = state or ("missing" if number <= reached else "waiting")
        counts[state] += 1
        if state not in ("dead", "missing"):
            is_open = False
        elif is_open:
            gaps[-1] = (gaps[-1][0], number)
        elif len(gaps) < MOST_GAPS:
            gaps.append((number, number))
            is_open = True
    return ProjectDeliveries(
        project=project, after=after, last=last, wanted=sum(counts.values()), gaps=gaps, **counts
    )


def _states(
    session: Session, webhook: WebhookSubscription, project: str, after: int
) -> Iterator[tuple[int, str | None]]:
    """The number of each event that the webhook wants, and where its message stands; None: there is none."""
    while True:
        page = session.execute(
            select(EventRow.number, EventRow.name, EventRow.type)
            .where(EventRow.project == project, EventRow.number > after)
            .order_by(EventRow.number)
            .limit(PAGE)
        ).all()
        if not page:
            return
        through = page[-1][0]
        written = select(NotificationRow.number, NotificationRow.state).where(
            NotificationRow.subscription == webhook.id,
            NotificationRow.project == project,
            NotificationRow.number > after,
            NotificationRow.number <= through,
        )
        states = dict(session.execute(written).all())
        for number, name, type in page:
            if matches(webhook.events, name, type):
                yield number, states.get(number)
        after = through
