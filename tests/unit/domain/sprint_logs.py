"""Logs of sprints for tests: plans, events in order, and random courses of a sprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from paceline.domain.calendar import Calendar, CalendarOptions
from paceline.domain.changes import ChangeKind, RunChange
from paceline.domain.chronicle import PlannedStory
from paceline.domain.events import Event, EventType
from paceline.domain.plan import Fact, Plan, Source, Sprint
from paceline.domain.sprint_record import SprintRecord

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SPRINT = "Sprint 1"


def story(name: str, agent: str = "Ada", points: float | None = 2, *after: str) -> PlannedStory:
    """A story of the sprint; its workflow id is `w/` and its id."""
    return PlannedStory(
        name, f"Piece {name}", SPRINT, "Epic 1", (agent,), points, tuple(after), workflow_id=f"w/{name}"
    )


def log(*happened: tuple[float, str, str | None, dict[str, Any]], actor: str = "paceline") -> list[Event]:
    """Events: when in days from the start, name, story, data."""
    return [
        Event(
            key=f"{number}",
            type=EventType.WORKFLOW_EVENT,
            name=name,
            actor=actor,
            story=about,
            data=data,
            project="p",
            number=number,
            at=START + timedelta(days=days),
        )
        for number, (days, name, about, data) in enumerate(happened, 1)
    ]


def reassignment(days: float, target: str, *names: str) -> RunChange:
    """A change of a story's agents."""
    return RunChange(
        key=f"c{days}",
        kind=ChangeKind.AGENTS,
        target=target,
        names=list(names),
        actor="kim",
        reason="she knows it",
        project="p",
        revision=1,
        at=START + timedelta(days=days),
    )


def record(
    stories: Sequence[PlannedStory],
    events: Sequence[Event],
    *,
    facts: Sequence[Fact] = (),
    changes: Sequence[RunChange] = (),
    **sprint: Any,
) -> SprintRecord:
    """A sprint of two weeks."""
    plan = Plan(
        title="Harbour",
        source=Source(kind="test", lines=1, digest="0" * 64),
        sprints=[Sprint.model_validate({"id": SPRINT, "duration_text": "2 weeks", **sprint})],
        facts=list(facts),
    )
    calendar = Calendar(START, CalendarOptions())
    return SprintRecord(plan, SPRINT, stories, events, calendar, changes=changes)


ENDS = ("merged", "settled", "failed", "skipped", "cancelled", "blocked")


@st.composite
def courses(draw: st.DrawFn) -> tuple[list[PlannedStory], list[Event]]:
    """A sprint of up to eight stories, each of which takes any course, also back by a rollback."""
    count = draw(st.integers(1, 8))
    points = st.none() | st.integers(0, 13).map(float)
    agents = st.sampled_from(["Ada", "Bo", "Cy"])
    stories = [story(f"s{number}", draw(agents), draw(points)) for number in range(count)]
    happened: list[tuple[float, str, str | None, dict[str, Any]]] = []
    for each in stories:
        days = sorted(draw(st.lists(st.floats(0, 20), min_size=4, max_size=4)))
        steps = draw(st.integers(0, 4))
        end = draw(st.sampled_from(ENDS))
        course = [
            (days[0], "claim.granted", {"attempt": 1, "fence": 1}),
            (days[1], f"story.{end}", {"state": end, "attempts": 1}),
        ]
        if end == "merged":
            course += [
                (days[2], "story.reverted", {"state": "reverted"}),
                (days[3], "story.restored", {"state": "merged"}),
            ]
        happened += [(day, name, each.id, data) for day, name, data in course[:steps]]
    happened.sort(key=lambda each: each[0])
    return stories, log(*happened)


def with_epics(stories: Sequence[PlannedStory], *epics: str) -> list[PlannedStory]:
    """The stories, each with the epic at its place."""
    return [replace(each, epic=epic) for each, epic in zip(stories, epics, strict=True)]
