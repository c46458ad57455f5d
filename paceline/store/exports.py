"""Pages of a run's tables, so that an export of any size holds few rows at a time."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from paceline.domain.events import Event
from paceline.domain.questions import Question
from paceline.domain.status import StoryStatus
from paceline.store.events import events_after, to_event
from paceline.store.models import EventRow, QuestionRow, StoryRow, table
from paceline.store.questions import to_question
from paceline.store.statements import read_clock
from paceline.store.status import to_story

_STORIES, _EVENTS = table(StoryRow), table(EventRow)


def stories_from(session: Session, project: str, last: StoryStatus | None, limit: int) -> list[StoryStatus]:
    """The next stories in plan order, after one of them or from the first."""
    query = select(_STORIES).where(_STORIES.c.project == project)
    if last is not None:
        found = select(_STORIES.c.position).where(_STORIES.c.project == project, _STORIES.c.id == last.id)
        place = found.scalar_subquery()
        beside = and_(_STORIES.c.position == place, _STORIES.c.id > last.id)
        query = query.where(or_(_STORIES.c.position > place, beside))
    query = query.order_by(_STORIES.c.position, _STORIES.c.id).limit(limit)
    return [to_story(row) for row in session.connection().execute(query).mappings()]


def events_from(
    session: Session, project: str, last: Event | None, limit: int, names: Sequence[str] = ()
) -> list[Event]:
    """The next events in order, after one of them or from the first; only those of some names, if given."""
    after = last.number if last is not None else 0
    if not names:
        return events_after(session, project, after, limit)
    query = select(_EVENTS).where(
        _EVENTS.c.project == project, _EVENTS.c.number > after, _EVENTS.c.name.in_(names)
    )
    rows = session.connection().execute(query.order_by(_EVENTS.c.number).limit(limit)).mappings()
    return [to_event(row) for row in rows]


def questions_from(session: Session, project: str, last: Question | None, limit: int) -> list[Question]:
    """The next questions, the oldest first, after one of them or from the first."""
    query = select(QuestionRow).where(QuestionRow.project == project)
    if last is not None:
        beside = and_(QuestionRow.asked_at == last.asked_at, QuestionRow.id > last.id)
        query = query.where(or_(QuestionRow.asked_at > last.asked_at, beside))
    query = query.order_by(QuestionRow.asked_at, QuestionRow.id).limit(limit)
    return [to_question(row) for row in session.execute(query).scalars()]


def seconds_waiting(session: Session, project: str) -> dict[str, float]:
    """How long the questions of each story were open, in seconds and added up; open ones count until now.

    Those that were withdrawn do not count: nobody was waited for in the end.
    """
    query = select(QuestionRow.story, QuestionRow.asked_at, QuestionRow.answered_at)
    query = query.where(QuestionRow.project == project, QuestionRow.story.is_not(None))
    query = query.where(QuestionRow.state != "withdrawn")
    now = read_clock(session)
    waited: dict[str, float] = {}
    for story, asked, answered in session.execute(query):
        name = story or ""
        waited[name] = waited.get(name, 0.0) + ((answered or now) - asked).total_seconds()
    return waited
