"""The standup of a day: what each agent completed, works on and is held up by, derived from the event log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from paceline.domain.changes import ChangeKind, RunChange
from paceline.domain.chronicle import COUNTED_STATES, Chronicle, StoryStand
from paceline.domain.conflicts import Conflict, conflicts
from paceline.domain.events import Event
from paceline.domain.model import Model
from paceline.domain.parts import PART_DONE
from paceline.domain.replacing import absences
from paceline.domain.reports import Period, ReportKind
from paceline.domain.sprint_record import SprintRecord, agents_of
from paceline.domain.states import SUCCESS_STATES, StoryState
from paceline.domain.status import Away

_NO_FAILURES = frozenset({"REASSIGNED", "PAUSED", "NEEDS_FILES", "CLAIM_LOST", PART_DONE})
"""Codes of attempts that ended because somebody or something else wanted it."""
FOCUS_STATES = frozenset({StoryState.WORKING, StoryState.VERIFYING, StoryState.MERGING})


class StoryLine(Model):
    """A story in a report."""

    story: str
    title: str
    state: StoryState


class Blocker(Model):
    """What holds up a story."""

    story: str
    agents: list[str]
    kind: Literal["claim", "person", "paused", "attempt", "ended", "dependency"]
    text: str


class AgentStandup(Model):
    """One agent's part of a standup."""

    agent: str
    completed: list[StoryLine]
    focus: list[StoryLine]
    blockers: list[Blocker]


class Waiting(Model):
    """A story that waits for another."""

    story: str
    agents: list[str]
    waits_for: str
    waits_for_agents: list[str]
    state: StoryState


class Reassignment(Model):
    """A change of a story's agents since the last standup."""

    revision: int
    story: str
    agents: list[str]
    actor: str
    reason: str
    at: datetime
    after_standup: int | None
    """The standup that it followed; None for one before the first."""


class Standup(Model):
    """The standup of a day, or of several where nobody was there."""

    period: Period
    agents: list[AgentStandup]
    conflicts: list[Conflict]
    dependencies: list[Waiting]
    reassignments: list[Reassignment] = Field(default_factory=list[Reassignment])
    away: list[Away] = Field(default_factory=list[Away])
    """The agents that were away at the end of the period."""


def standup(record: SprintRecord, until: datetime) -> Standup:
    """The standup for a moment, from where the last stored one ended.

    Args:
        record: the sprint.
        until: events after it do not count.
    """
    told = record.told(until)
    before = record.last_of(ReportKind.STANDUP)
    period = record.period(told, until, before)
    stands = told.of_sprint(record.sprint)
    news = told.after(period.after_event)
    waiting = dependencies(told, stands)
    completed, ended = _completed(news), ended_attempts(news)
    number = before.number if before else None
    return Standup(
        period=period,
        agents=[
            _of_agent(name, [each for each in stands if name in each.story.agents], completed, ended, waiting)
            for name in agents_of(record.plan, stands)
        ],
        conflicts=conflicts(told, stands, news),
        dependencies=waiting,
        reassignments=_reassignments(record.changes, period, number, {each.id for each in stands}),
        away=absences([change for change in record.changes if change.at <= until], until, {}),
    )


def _of_agent(
    name: str,
    stands: Sequence[StoryStand],
    completed: set[str],
    ended: Mapping[str, Event],
    waiting: Sequence[Waiting],
) -> AgentStandup:
    focus = [_line(each) for each in stands if each.state in FOCUS_STATES]
    held_up = [blocker for each in stands for blocker in blockers_of(each, ended)]
    if not focus:
        mine = {each.id for each in stands}
        held_up += [_dependency(each) for each in waiting if each.story in mine]
    return AgentStandup(
        agent=name,
        completed=[_line(each) for each in stands if each.counts and each.id in completed],
        focus=focus,
        blockers=held_up,
    )


def _completed(news: Iterable[Event]) -> set[str]:
    names = {f"story.{state.value}" for state in COUNTED_STATES} | {"story.restored"}
    return {event.story for event in news if event.name in names and event.story}


def ended_attempts(news: Iterable[Event]) -> dict[str, Event]:
    """By story, the end of its last attempt that did not merge."""
    return {event.story: event for event in news if event.name == "attempt.ended" and event.story}


def blockers_of(stand: StoryStand, ended: Mapping[str, Event]) -> list[Blocker]:
    """What holds a story up.

    Args:
        stand: where the story stands.
        ended: the attempts that ended within the period.
    """

    def blocker(kind: Literal["claim", "person", "paused", "attempt", "ended"], text: str) -> Blocker:
        return Blocker(story=stand.id, agents=list(stand.story.agents), kind=kind, text=text)

    if stand.state is StoryState.CLAIMING and stand.waits_for:
        return [blocker("claim", f"waits for {', '.join(stand.waits_for)}")]
    if stand.state is StoryState.WAITING_FOR_PERSON:
        return [blocker("person", f"waits for an answer to {stand.question}")]
    if stand.state is StoryState.PAUSED:
        return [blocker("paused", stand.reason or "is paused")]
    if stand.ended and not stand.counts and stand.state not in SUCCESS_STATES:
        why = stand.reason or stand.code
        return [blocker("ended", f"{stand.state.value}{f': {why}' if why else ''}")]
    failed = ended.get(stand.id)
    if failed is not None and not stand.ended and failed.data.get("code") not in _NO_FAILURES:
        data = failed.data
        return [blocker("attempt", f"attempt {data.get('attempt')} ended: {data.get('code')}")]
    return []


def dependencies(told: Chronicle, stands: Sequence[StoryStand]) -> list[Waiting]:
    """Who waits for whom: stories that cannot start, each with the stories that it needs next."""
    found: list[Waiting] = []
    for stand in stands:
        if stand.state is not StoryState.PENDING:
            continue
        found += [
            Waiting(
                story=stand.id,
                agents=list(stand.story.agents),
                waits_for=other.id,
                waits_for_agents=list(other.story.agents),
                state=other.state,
            )
            for other in _nearest(told, stand)
        ]
    return found


def _nearest(told: Chronicle, stand: StoryStand) -> list[StoryStand]:
    """The stories that one still needs, without those that one of these waits for itself."""
    needed = [told.stands[name] for name in stand.story.dependencies if name in told.stands]
    left = [each for each in needed if each.state not in SUCCESS_STATES]
    behind = {name for each in left for name in each.story.dependencies}
    return [each for each in left if each.id not in behind]


def _dependency(waiting: Waiting) -> Blocker:
    return Blocker(
        story=waiting.story,
        agents=waiting.agents,
        kind="dependency",
        text=f"waits for {waiting.waits_for} ({waiting.state.value})",
    )


def _reassignments(
    changes: Sequence[RunChange], period: Period, before: int | None, own: set[str]
) -> list[Reassignment]:
    return [
        Reassignment(
            revision=change.revision,
            story=change.target,
            agents=list(change.names),
            actor=change.actor,
            reason=change.reason,
            at=change.at,
            after_standup=before,
        )
        for change in changes
        if change.kind is ChangeKind.AGENTS
        and change.target in own
        and period.since < change.at <= period.until
    ]


def _line(stand: StoryStand) -> StoryLine:
    return StoryLine(story=stand.id, title=stand.story.title, state=stand.state)
