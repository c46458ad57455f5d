"""What a plan writes of its ceremonies: how long, when, and what they are to be about.

Readers keep these words as facts, in the shapes of each format; reports use them as their own headings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.plan import Fact, Plan
from paceline.domain.reports import ReportKind

_NAMES = {
    ReportKind.STANDUP: r"stand-?\s?ups?|daily scrum",
    ReportKind.PLANNING: r"(sprint|iteration) planning",
    ReportKind.REVIEW: r"(sprint|iteration) reviews?",
    ReportKind.RETROSPECTIVE: r"retro(spective)?s?",
}
_IMPROVING = re.compile(r"improve|improving", re.IGNORECASE)


class Ceremony(Model):
    """One ceremony as the plan writes it."""

    minutes: int | None = None
    when: str | None = None
    topics: list[str] = Field(default_factory=list[str])
    """What it is to be about, word for word."""
    improvements: list[str] = Field(default_factory=list[str])
    """Of a retrospective: what is to be better in the next sprint."""


def ceremony(plan: Plan, kind: ReportKind) -> Ceremony:
    """What the plan says of the ceremony that a report is for; nothing where it says nothing.

    Args:
        plan: any plan.
        kind: of the report.
    """
    found = Ceremony()
    pattern = _NAMES.get(kind)
    if pattern is None:
        return found
    named = re.compile(rf"\b({pattern})\b", re.IGNORECASE)
    for fact in plan.facts:
        items = _items(fact.value)
        if named.search(f"{fact.section or ''}\n{fact.name or ''}") and not _lists_ceremonies(items):
            _take_topics(found, fact, items)
        for item in items:
            if named.search(str(item.get("name") or "")):
                found.minutes = found.minutes or _minutes(item)
                found.when = found.when or _text(item, "when") or _text(item, "text")
    return found


def headed(topics: Iterable[str], words: Mapping[str, str]) -> dict[str, str]:
    """The plan's own heading for each section that one of its topics is about.

    Args:
        topics: word for word.
        words: for each section a pattern that is found in a topic about it.

    Returns:
        Section to topic; a topic is the heading of the first section that it is about and that has none.
    """
    found: dict[str, str] = {}
    for topic in topics:
        for section, pattern in words.items():
            if section not in found and re.search(pattern, topic, re.IGNORECASE):
                found[section] = topic
                break
    return found


def _take_topics(found: Ceremony, fact: Fact, items: Sequence[Mapping[str, Any]]) -> None:
    texts = list(_topics(items))
    if _IMPROVING.search(fact.name or ""):
        found.improvements += texts
    else:
        found.topics += texts


def _topics(items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for item in items:
        listed = item.get("list")
        if isinstance(listed, list):
            yield from (str(each) for each in cast(list[object], listed))
        elif text := _text(item, "text"):
            yield text


def _lists_ceremonies(items: Sequence[Mapping[str, Any]]) -> bool:
    return any("minutes" in item for item in items)


def _items(value: object) -> list[Mapping[str, Any]]:
    """The entries of a fact, in whichever of the readers' shapes it is kept."""
    inner = cast(Mapping[str, object], value).get("items") if isinstance(value, Mapping) else value
    if not isinstance(inner, list):
        return []
    entries = cast(list[object], inner)
    return [
        cast(Mapping[str, Any], each) if isinstance(each, Mapping) else {"text": str(each)}
        for each in entries
    ]


def _minutes(item: Mapping[str, Any]) -> int | None:
    minutes = item.get("minutes")
    return minutes if isinstance(minutes, int) else None


def _text(item: Mapping[str, Any], name: str) -> str | None:
    text = item.get(name)
    return text if isinstance(text, str) and text else None
