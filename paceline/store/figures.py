"""What the database knows in numbers, for metrics: every query is bounded by what goes on now.

None of them counts events: their numbers have no gaps, so the last one of a project is its count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Integer, cast, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from paceline.domain.states import FINAL_STATES, AgentState, RunState
from paceline.store.models import (
    AgentRow,
    ClaimRow,
    EventCounterRow,
    EventRow,
    MergePlaceRow,
    NotificationRow,
    QuestionRow,
    RunRow,
    StoryRow,
    table,
)
from paceline.store.statements import dialect_of, read_clock
from paceline.store.webhook_rows import WebhookRow

NAMED = 50
"""The most running projects that are named; those that began before them count together."""
OTHERS = "others"
"""Stands for them."""
AGENTS_NAMED = 200
"""The most agents at work whose heartbeat is told one by one: those that were silent longest."""
_FINAL = [state.value for state in FINAL_STATES]


@dataclass
class ProjectFigures:
    """Of one running project, or of the `OTHERS` together. Ages are seconds."""

    stories: dict[str, int] = field(default_factory=dict[str, int])
    oldest: dict[str, float] = field(default_factory=dict[str, float])
    """By state that is not final: since its longest waiting story entered it, or last changed in it."""
    agents: dict[str, int] = field(default_factory=dict[str, int])
    questions: int = 0
    oldest_question: float = 0.0
    overdue: int = 0
    last_event: int = 0
    quiet: float = 0.0
    """Since its last event."""


@dataclass
class Figures:
    """Everything at one moment. Ages are seconds."""

    runs: dict[str, int]
    projects: dict[str, ProjectFigures]
    heartbeats: dict[tuple[str, str], float]
    """Since the last heartbeat of agents at work, by project and agent."""
    claims: dict[str, int]
    oldest_wait: float
    events: int
    merge_line: int
    notifications: dict[str, int]
    oldest_notification: float
    database_bytes: int


def read_figures(session: Session, dead_after: float = 30.0) -> Figures:
    """Look once.

    Args:
        session: a read transaction.
        dead_after: an agent that works and was silent for more than so many seconds is DEAD.
    """
    reading = _Reading(session, read_clock(session))
    by_state = select(_RUNS.c.state, func.count()).group_by(_RUNS.c.state)
    reading.stories()
    heartbeats = reading.agents(dead_after)
    reading.questions()
    reading.events()
    runs = _counts(session.connection().execute(by_state).all())
    claims, oldest_wait = reading.claims()
    notifications, oldest_notification = reading.notifications()
    events = session.connection().execute(select(func.sum(_COUNTERS.c.last))).scalar_one()
    line = select(func.count()).where(_LINE.c.state == "waiting")
    return Figures(
        runs={state.value: runs.get(state.value, 0) for state in RunState},
        projects=reading.projects,
        heartbeats=heartbeats,
        claims=claims,
        oldest_wait=oldest_wait,
        events=int(events or 0),
        merge_line=session.connection().execute(line).scalar_one(),
        notifications=notifications,
        oldest_notification=oldest_notification,
        database_bytes=_bytes(session),
    )


_RUNS, _STORIES, _AGENTS = table(RunRow), table(StoryRow), table(AgentRow)
_QUESTIONS, _CLAIMS, _LINE = table(QuestionRow), table(ClaimRow), table(MergePlaceRow)
_EVENTS, _COUNTERS, _MESSAGES = table(EventRow), table(EventCounterRow), table(NotificationRow)
_WEBHOOKS = table(WebhookRow)
_RUNNING = select(_RUNS.c.id).where(_RUNS.c.state == RunState.RUNNING.value)


class _Reading:
    """One look, with the projects that it has found so far."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._connection = session.connection()
        self._now = now
        newest = _RUNNING.order_by(_RUNS.c.started_at.desc(), _RUNS.c.id).limit(NAMED)
        self.projects = {name: ProjectFigures() for name in self._connection.execute(newest).scalars()}

    def _of(self, project: str) -> ProjectFigures:
        named = self.projects.get(project)
        return named if named is not None else self.projects.setdefault(OTHERS, ProjectFigures())

    def _named(self, project: str) -> str:
        return project if project in self.projects else OTHERS

    def _age(self, moment: datetime | None) -> float:
        return max(0.0, (self._now - moment).total_seconds()) if moment is not None else 0.0

    def stories(self) -> None:
        where = (_STORIES.c.project, _STORIES.c.state)
        query = select(*where, func.count(), func.min(_STORIES.c.updated_at))
        query = query.where(_STORIES.c.project.in_(_RUNNING)).group_by(*where)
        for project, state, count, since in self._connection.execute(query):
            found = self._of(project)
            found.stories[state] = found.stories.get(state, 0) + count
            if state not in _FINAL:
                found.oldest[state] = max(found.oldest.get(state, 0.0), self._age(since))

    def agents(self, dead_after: float) -> dict[tuple[str, str], float]:
        query = select(_AGENTS.c.project, _AGENTS.c.agent, _AGENTS.c.state, _AGENTS.c.last_heartbeat)
        silent: dict[tuple[str, str], float] = {}
        for project, agent, state, beat in self._connection.execute(
            query.where(_AGENTS.c.project.in_(_RUNNING))
        ):
            age, told = self._age(beat), state
            if state == AgentState.WORKING.value:
                told = AgentState.DEAD.value if beat is None or age > dead_after else state
                silent[self._named(project), agent] = age
            found = self._of(project)
            found.agents[told] = found.agents.get(told, 0) + 1
        longest = sorted(silent, key=lambda name: -silent[name])[:AGENTS_NAMED]
        return {name: silent[name] for name in longest if name[0] != OTHERS}

    def questions(self) -> None:
        query = select(
            _QUESTIONS.c.project,
            func.count(),
            func.min(_QUESTIONS.c.asked_at),
            func.sum(cast(_QUESTIONS.c.overdue, Integer)),
        )
        query = query.where(_QUESTIONS.c.project.in_(_RUNNING), _QUESTIONS.c.state == "open")
        for project, count, since, overdue in self._connection.execute(query.group_by(_QUESTIONS.c.project)):
            found = self._of(project)
            found.questions += count
            found.oldest_question = max(found.oldest_question, self._age(since))
            found.overdue += int(overdue or 0)

    def events(self) -> None:
        last = (_EVENTS.c.project == _COUNTERS.c.project) & (_EVENTS.c.number == _COUNTERS.c.last)
        query = select(_COUNTERS.c.project, _COUNTERS.c.last, _EVENTS.c.at).select_from(
            _COUNTERS.outerjoin(_EVENTS, last)
        )
        for project, number, at in self._connection.execute(query.where(_COUNTERS.c.project.in_(_RUNNING))):
            found = self._of(project)
            found.last_event += number
            found.quiet = max(found.quiet, self._age(at))

    def claims(self) -> tuple[dict[str, int], float]:
        query = select(_CLAIMS.c.state, func.count(), func.min(_CLAIMS.c.requested_at))
        query = query.where(_CLAIMS.c.state.in_(("granted", "waiting"))).group_by(_CLAIMS.c.state)
        found = {state: (count, since) for state, count, since in self._connection.execute(query)}
        nobody = (0, None)
        held, waiting = found.get("granted", nobody), found.get("waiting", nobody)
        return {"held": held[0], "waiting": waiting[0]}, self._age(waiting[1])

    def notifications(self) -> tuple[dict[str, int], float]:
        query = select(_MESSAGES.c.state, func.count()).where(_MESSAGES.c.state.in_(("waiting", "dead")))
        found = _counts(self._connection.execute(query.group_by(_MESSAGES.c.state)).all())
        # What waits for a webhook that somebody paused waits because it should.
        paused = select(_WEBHOOKS.c.id).where(_WEBHOOKS.c.active.is_(False)).scalar_subquery()
        goes_out = _MESSAGES.c.subscription.is_(None) | _MESSAGES.c.subscription.not_in(paused)
        oldest = select(func.min(_MESSAGES.c.made_at)).where(_MESSAGES.c.state == "waiting", goes_out)
        since = self._connection.execute(oldest).scalar_one()
        return {state: found.get(state, 0) for state in ("waiting", "dead")}, self._age(since)


def _counts(rows: Iterable[Any]) -> dict[str, int]:
    return {row[0]: row[1] for row in rows}


def _bytes(session: Session) -> int:
    """What the database takes on its disk."""
    if dialect_of(session) != "sqlite":
        return session.connection().execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    path = make_url(str(session.get_bind().engine.url)).database or ""
    files = (Path(f"{path}{ending}") for ending in ("", "-wal", "-shm"))
    return sum(file.stat().st_size for file in files if file.exists())
