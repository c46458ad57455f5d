"""Conflicts of a sprint: over something that two want, of work with work, and about scope."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from paceline.domain.chronicle import CONFLICT_CODE, Chronicle, StoryStand
from paceline.domain.events import Event
from paceline.domain.model import Model

_HELD = re.compile(r"(?P<what>.+?) (?:held by|promised to) (?P<holder>.+)", re.DOTALL)
_TAKEN = ("file:", "agent:")
"""Resources that somebody else has; a full sprint is no conflict."""
_SCOPE_QUESTIONS = frozenset({"cut_scope", "confirm_reading"})
_CONFLICT_QUESTIONS = frozenset({"resolve_conflict"})


class Conflict(Model):
    """Two stories in each other's way."""

    kind: Literal["resource", "technical", "scope"]
    about: str
    """The resource, or what is asked."""
    stories: list[str]
    """Those that wait, and the one that has it, which is the last."""
    agents: list[str]
    decided: str
    """Who has it, or who is to decide."""
    open: bool
    """Whether it still stands at the end of the period."""


def conflicts(told: Chronicle, stands: Sequence[StoryStand], news: Sequence[Event]) -> list[Conflict]:
    """The conflicts of a period: over something that two want, of work with work, and about scope.

    Args:
        told: the log up to the end of the period.
        stands: the stories of the sprint.
        news: the events of the period.
    """
    own = {each.id: each for each in stands}
    return [*_over_resources(told, own, news), *_of_work(own, news), *_about_scope(own, news)]


def _over_resources(told: Chronicle, own: Mapping[str, StoryStand], news: Sequence[Event]) -> list[Conflict]:
    holders = {each.story.workflow_id: each.id for each in told.stands.values() if each.story.workflow_id}
    wanted: dict[tuple[str, str], dict[str, bool]] = {}
    for stand in own.values():
        for what, holder in _taken(stand.waits_for):
            wanted.setdefault((what, holders.get(holder, holder)), {})[stand.id] = True
    for event in news:
        if event.name == "claim.waiting" and event.story in own:
            waits = [str(each) for each in event.data.get("waits_for") or ()]
            for what, holder in _taken(waits):
                stories = wanted.setdefault((what, holders.get(holder, holder)), {})
                stories.setdefault(event.story or "", False)
    return [
        Conflict(
            kind="resource",
            about=what,
            stories=[*stories, holder] if holder in told.stands else list(stories),
            agents=_agents(told, [*stories, holder]),
            decided=f"{holder} has it; the others wait in line",
            open=any(stories.values()),
        )
        for (what, holder), stories in wanted.items()
    ]


def _taken(waits: Iterable[str]) -> list[tuple[str, str]]:
    found = [match for each in waits if (match := _HELD.fullmatch(each))]
    return [(match["what"], match["holder"]) for match in found if match["what"].startswith(_TAKEN)]


def _agents(told: Chronicle, stories: Iterable[str]) -> list[str]:
    stands = [told.stands[story] for story in stories if story in told.stands]
    return list(dict.fromkeys(name for stand in stands for name in stand.story.agents))


def _of_work(own: Mapping[str, StoryStand], news: Sequence[Event]) -> list[Conflict]:
    asked = {event.story for event in news if event.data.get("kind") in _CONFLICT_QUESTIONS}
    person, agent = "a person was asked", "its agent resolves it in a new attempt"
    return [
        Conflict(
            kind="technical",
            about=str(event.data.get("reason") or "its work does not apply on the branch any more"),
            stories=[stand.id],
            agents=list(stand.story.agents),
            decided=person if stand.id in asked else agent,
            open=not stand.ended,
        )
        for event in news
        if event.name == "attempt.ended"
        and event.data.get("code") == CONFLICT_CODE
        and (stand := own.get(event.story or "")) is not None
    ]


def _about_scope(own: Mapping[str, StoryStand], news: Sequence[Event]) -> list[Conflict]:
    answered = {event.data.get("question") for event in news if event.name == "question.answered"}
    return [
        Conflict(
            kind="scope",
            about=str(event.data.get("text") or "")[:500],
            stories=[event.story] if event.story else [],
            agents=list(stand.story.agents) if (stand := own.get(event.story or "")) else [],
            decided="a person decides",
            open=event.data.get("question") not in answered,
        )
        for event in news
        if event.name == "question.asked" and event.data.get("kind") in _SCOPE_QUESTIONS
    ]
