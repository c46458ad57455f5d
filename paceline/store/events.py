"""Numbered events: appended with the change they tell of, read in commit order, without gaps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Executable, Text, bindparam, delete, func, select, text, update
from sqlalchemy.orm import Session

from paceline.domain.events import Event, EventDraft, EventType
from paceline.domain.texts import storable
from paceline.store.models import FREQUENT, RARE, EventCounterRow, EventPositionRow, EventRow, table
from paceline.store.statements import dialect_of, insert_into, now

APPENDED_TO = "paceline.appended_to"
"""Key in `session.info`: the projects that got events in this transaction."""
CHANNEL = "paceline_events"
"""PostgreSQL notifies of it, with a project's id, when a transaction commits that appended events."""

_EVENTS = table(EventRow)
_COUNTERS = table(EventCounterRow)
_POSITIONS = table(EventPositionRow)
_IS_RARE = text(RARE)
_AFTER = (
    select(_EVENTS)
    .where(_EVENTS.c.project == bindparam("of"), _EVENTS.c.number > bindparam("after"))
    .order_by(_EVENTS.c.number)
    .limit(bindparam("limit"))
)
_PLACED_AFTER = (
    select(_POSITIONS)
    .where(_POSITIONS.c.position > bindparam("after"))
    .order_by(_POSITIONS.c.position)
    .limit(bindparam("limit"))
)
# Only one process writes at a time, so the highest position cannot change before this is committed.
_PLACING = _POSITIONS.insert().from_select(
    ["position", "project", "last", "count"],
    select(
        func.coalesce(func.max(_POSITIONS.c.position), 0) + bindparam("added", type_=BigInteger),
        bindparam("of", type_=Text),
        bindparam("newest", type_=BigInteger),
        bindparam("added", type_=BigInteger),
    ),
)


class Placed(NamedTuple):
    """An event and its place among those of all projects."""

    position: int
    event: Event


def append_events(session: Session, project: str, drafts: Sequence[EventDraft]) -> list[Event]:
    """Give drafts their numbers and store them.

    The project's counter row stays locked until the transaction ends, so numbers appear in commit order.
    Claim before you append: transactions that lock in the same order do not wait for each other in a circle.

    Args:
        session: in a write transaction.
        project: the run's id.
        drafts: what happened, in order; a known key stands for the event that has it.

    Returns:
        The stored event of every draft, in the order of the drafts.
    """
    fresh = {draft.key: draft for draft in drafts}
    if not fresh:
        return []
    last, at = _advance(session, project, len(fresh))
    rows = _numbered(project, list(fresh.values()), last - len(fresh), at)
    if len(_insert(session, rows)) == len(rows):
        stored = {row["key"]: to_event(row) for row in rows}
        _place(session, project, last, len(rows))
    else:
        stored = _append_unknown(session, project, fresh, last - len(fresh), at)
    session.info.setdefault(APPENDED_TO, set[str]()).add(project)
    return [stored[draft.key] for draft in drafts]


def events_after(session: Session, project: str, after: int = 0, limit: int = 1000) -> list[Event]:
    """The events with a number above `after`, in order, at most `limit`."""
    found = session.connection().execute(_AFTER, {"of": project, "after": after, "limit": limit})
    return [to_event(row) for row in found.mappings()]


def placed_after(session: Session, position: int, limit: int = 1000) -> list[Placed]:
    """The events of all projects above a position, in the order of their commits.

    Positions begin at 1 with the first event that was given one, and have no gaps.

    Args:
        session: a transaction.
        position: of the last event that the caller has.
        limit: about the most events; those that were appended together come together.
    """
    found = session.connection().execute(_PLACED_AFTER, {"after": position, "limit": limit}).all()
    placed: list[Placed] = []
    for row in found:
        if len(placed) >= limit:
            break
        first = max(row.last - row.count, row.last - (row.position - position))
        page = events_after(session, row.project, first, row.last - first)
        placed += [Placed(row.position - (row.last - event.number), event) for event in page]
    return placed


def last_position(session: Session) -> int:
    """The position of the newest event; 0 before the first."""
    return session.connection().execute(select(func.max(_POSITIONS.c.position))).scalar_one() or 0


def find_events(
    session: Session,
    project: str,
    after: int = 0,
    limit: int = 1000,
    *,
    types: Collection[EventType] = (),
    names: Collection[str] = (),
    story: str | None = None,
) -> list[Event]:
    """The events above a number that are of one of these types, have one of these names, and are of a story.

    Args:
        session: any transaction.
        project, after, limit: as for `events_after`.
        types, names: none: of any.
        story: None: of any.
    """
    if not types and not names and story is None:
        return events_after(session, project, after, limit)
    query = select(_EVENTS).where(_EVENTS.c.project == project, _EVENTS.c.number > after)
    if types:
        query = query.where(_EVENTS.c.type.in_([each.value for each in types]))
    if names:
        query = query.where(_EVENTS.c.name.in_(names))
    if story is not None:
        query = query.where(_EVENTS.c.story == story)
    rows = session.connection().execute(query.order_by(_EVENTS.c.number).limit(limit)).mappings()
    return [to_event(row) for row in rows]


def events_named(session: Session, project: str, names: Sequence[str]) -> list[Event]:
    """The events of these names, in order; where these are few, it is fast among any number of others."""
    query = select(_EVENTS).where(_EVENTS.c.project == project, _EVENTS.c.name.in_(names))
    if not set(names) & set(FREQUENT):
        query = query.where(_IS_RARE)
    found = [to_event(row) for row in session.connection().execute(query).mappings()]
    # Asked to do it, SQLite would walk all events in this order instead of looking for the names.
    return sorted(found, key=lambda each: each.number)


def event_of(session: Session, project: str, key: str) -> Event | None:
    """The event with this key; None where there is none."""
    query = select(_EVENTS).where(_EVENTS.c.project == project, _EVENTS.c.key == key)
    found = session.connection().execute(query).mappings().one_or_none()
    return to_event(found) if found is not None else None


def latest_event(session: Session, project: str, name: str, story: str) -> Event | None:
    """The newest event of a name that is about a story; None where there is none."""
    query = (
        select(_EVENTS)
        .where(_EVENTS.c.project == project, _EVENTS.c.story == story, _EVENTS.c.name == name)
        .order_by(_EVENTS.c.number.desc())
        .limit(1)
    )
    found = session.connection().execute(query).mappings().one_or_none()
    return to_event(found) if found is not None else None


def last_number(session: Session, project: str) -> int:
    """The number of the newest event; 0 before the first."""
    query = select(_COUNTERS.c.last).where(_COUNTERS.c.project == project)
    return session.connection().execute(query).scalar_one_or_none() or 0


def last_numbers(session: Session, projects: Sequence[str] | None = None) -> dict[str, int]:
    """The number of the newest event by project, of the given ones or of all; silent ones are left out."""
    query = select(_COUNTERS.c.project, _COUNTERS.c.last)
    if projects is not None:
        query = query.where(_COUNTERS.c.project.in_(projects))
    return {row.project: row.last for row in session.connection().execute(query)}


def _advance(session: Session, project: str, count: int) -> tuple[int, datetime]:
    counted = {"project": project, "last": count}
    row = session.connection().execute(_advancing(dialect_of(session)), counted).one()
    return row[0], row[1]


@cache
def _advancing(dialect: str) -> Executable:
    insert = insert_into(dialect, EventCounterRow)
    upsert = insert.on_conflict_do_update(
        index_elements=["project"], set_={"last": _COUNTERS.c.last + insert.excluded.last}
    )
    if dialect == "sqlite":
        return upsert.returning(_COUNTERS.c.last, now(dialect))
    # Delivered at the commit, once a project, and not at all where the transaction is taken back.
    notified = func.pg_notify(CHANNEL, _COUNTERS.c.project, type_=Text)
    return upsert.returning(_COUNTERS.c.last, now(dialect), notified)


@cache
def _inserting(dialect: str) -> Executable:
    insert = insert_into(dialect, EventRow).on_conflict_do_nothing(index_elements=["project", "key"])
    return insert.returning(_EVENTS.c.number)


def _place(session: Session, project: str, newest: int, added: int) -> None:
    session.connection().execute(_PLACING, {"of": project, "newest": newest, "added": added})


def _append_unknown(
    session: Session, project: str, fresh: Mapping[str, EventDraft], before: int, at: datetime
) -> dict[str, Event]:
    """The rare second try, after some keys were known: take back what went in, and number only the new ones.

    Nobody sees the first numbering, because the counter is locked.
    """
    connection = session.connection()
    connection.execute(delete(_EVENTS).where(_EVENTS.c.project == project, _EVENTS.c.number > before))
    known = select(_EVENTS).where(_EVENTS.c.project == project, _EVENTS.c.key.in_(list(fresh)))
    stored = {row["key"]: to_event(row) for row in connection.execute(known).mappings()}
    rows = _numbered(project, [draft for key, draft in fresh.items() if key not in stored], before, at)
    if rows:
        _insert(session, rows)
        _place(session, project, before + len(rows), len(rows))
    connection.execute(
        update(_COUNTERS).where(_COUNTERS.c.project == project).values(last=before + len(rows))
    )
    return stored | {row["key"]: to_event(row) for row in rows}


def _numbered(project: str, drafts: Sequence[EventDraft], before: int, at: datetime) -> list[dict[str, Any]]:
    return [
        {
            "project": project,
            "number": before + place,
            "key": draft.key,
            "type": draft.type.value,
            "name": draft.name,
            "actor": draft.actor,
            "story": draft.story,
            "data": storable(draft.data),
            "at": at,
        }
        for place, draft in enumerate(drafts, 1)
    ]


def _insert(session: Session, rows: list[dict[str, Any]]) -> Sequence[Any]:
    return session.connection().execute(_inserting(dialect_of(session)), rows).all()


def to_event(row: Mapping[str, Any] | Any) -> Event:
    """An event from its row."""
    return Event.model_validate(dict(row))
