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
    """Who has it, who is to decide, or how it ended."""
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
    return [*_over_resources(told, own, news), *_of_work(told, own, news), *_about_scope(own, news)]


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


def _of_work(told: Chronicle, own: Mapping[str, StoryStand], news: Sequence[Event]) -> list[Conflict]:
    """Those of the period, and of earlier ones those whose story ended in it."""
    asked = {event.story for event in told.told if event.data.get("kind") in _CONFLICT_QUESTIONS}
    sessions = {
        (event.story, event.data.get("attempt")): event
        for event in told.told
        if event.name == "conflict.session"
    }
    numbers = {event.number for event in news}
    ended = {event.story for event in news if (event.name or "").startswith("story.")}
    found: list[Conflict] = []
    for event in told.told:
        stand = own.get(event.story or "")
        if stand is None or event.name != "attempt.ended" or event.data.get("code") != CONFLICT_CODE:
            continue
        if event.number in numbers or (stand.ended and stand.id in ended):
            session = sessions.get((stand.id, int(event.data.get("attempt") or 0) + 1))
            found.append(_of_two(stand, event, session, stand.id in asked))
    return found


def _of_two(stand: StoryStand, event: Event, session: Event | None, asked: bool) -> Conflict:
    """A story's work against what was merged before it; whose that was is known once somebody settles it."""
    told = session.data if session is not None else {}
    others = [str(each) for each in told.get("stories") or () if each != stand.id]
    return Conflict(
        kind="technical",
        about=str(event.data.get("reason") or "its work does not apply on the branch any more"),
        stories=[stand.id, *others],
        agents=[str(each) for each in told.get("agents") or stand.story.agents],
        decided=_outcome(stand, session, asked),
        open=not stand.ended,
    )


def _outcome(stand: StoryStand, session: Event | None, asked: bool) -> str:
    who = f"{session.data.get('resolves')}, attempt {session.data.get('attempt')}" if session else "a person"
    if stand.done:
        commit = f", merged as {stand.commit[:12]}" if stand.commit else ""
        return f"settled by {who}{commit}"
    if stand.ended:
        return f"not settled: {stand.state.value}"
    if asked:
        return "a person was asked"
    return f"{who} settles it" if session else "its agent resolves it in a new attempt"


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
