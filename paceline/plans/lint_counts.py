"""Findings about numbers that the head of a plan states of its body: all points, sprints, weeks, stories."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from paceline.domain.plan import Fact, Finding, Plan, Sprint
from paceline.plans.findings import Code, finding_at
from paceline.plans.labels import concept_of

_NOUNS = {
    "sprints": "sprints iterations",
    "weeks": "weeks",
    "stories": "stories",
    "epics": "epics",
    "agents": "agents",
    "tasks": "tasks",
    "phases": "phases",
}
_NOUN_OF = {word: noun for noun, words in _NOUNS.items() for word in words.split()}
_ALL = "|".join(_NOUN_OF)
_STATED = re.compile(
    r"(?:(?P<before>[^\W\d_]+)\s+)?(?<![\w.,/-])(?P<low>\d{1,5})(?:\s*[-\u2013]\s*(?P<high>\d{1,5}))?"
    rf"\s+(?:[a-z][a-z-]*\s+)?(?P<noun>{_ALL})\b(?P<after>\s+(?:each|per|every|a|of)\b)?",
    re.IGNORECASE,
)
_LABELLED = re.compile(r"^\s*(?P<low>\d{1,5})(?:\s*[-\u2013]\s*(?P<high>\d{1,5}))?(?![\w.%-])")
_NOT_ALL = frozenset(
    """week day sprint phase epic story task iteration version first last next each every per another with
    under within over max maximum up least most than about around""".split()  # noqa: SIM905 - 20 lines else
)
"""Words before a number that make it something else than how many there are."""
_POINTS = re.compile(r"^\D{0,20}?(?P<points>\d{1,9}(?:[.,]\d+)?)(?!\s*[-\u2013/%\d])")
_WEEK_LENGTHS = (7, 5)
"""Days of a week: all of them, or those on which people work."""


@dataclass(frozen=True, slots=True)
class _Stated:
    """A number, or two for a range, of something."""

    place: Fact | Sprint
    text: str
    noun: str
    low: int
    high: int


def check_counts(plan: Plan) -> Iterator[Finding]:
    """Numbers of sprints, weeks, stories, epics, agents, tasks and phases that the plan does not have."""
    told = {
        (found.file or plan.source.file, found.line)
        for found in plan.warnings
        if found.code in {Code.COUNT_DIFFERS, Code.TEAM_SIZE_DIFFERS}
    }
    for stated in _stated(plan):
        counts = {count for count in _COUNTS[stated.noun](plan) if count}
        place = (stated.place.file or plan.source.file, stated.place.line)
        if not counts or place in told or any(stated.low <= count <= stated.high for count in counts):
            continue
        told.add(place)
        yield finding_at(
            stated.place,
            Code.COUNT_DIFFERS,
            f"The head of the plan speaks of {stated.text}, and the plan has {max(counts)}.",
            "Change the number that is wrong; both are kept as written.",
        )


def check_totals(plan: Plan) -> Iterator[Finding]:
    """Points that the head of a plan states for all of it, where no reader has compared them."""
    points = [story.points for story in plan.stories]
    if any(found.code == Code.POINTS_DIFFER for found in plan.warnings) or None in points or not points:
        return
    sums = {sum(value or 0.0 for value in points)}
    sums |= {sum(part.points for story in plan.stories for part in story.allocations)}
    for fact in _head(plan):
        match = _POINTS.match(_text(fact)) if fact.name and concept_of(fact.name) == "points" else None
        if match and float(match["points"].replace(",", ".")) not in sums:
            total = sum(value or 0.0 for value in points)
            yield finding_at(
                fact,
                Code.POINTS_DIFFER,
                f"The plan states {match['points']} points, and its stories add up to {total:g}.",
                "Change the number that is wrong; both are kept as written.",
            )


def _stated(plan: Plan) -> Iterator[_Stated]:
    for fact in _head(plan):
        about = concept_of(fact.name) if fact.name else None
        # These speak of one sprint or of points.
        if about in {"sprint_length", "capacity", "points", "goal"}:
            continue
        words = (fact.name or "").lower().split()
        noun = _NOUN_OF.get(words[-1]) if words else None
        match = _LABELLED.match(_text(fact)) if noun else None
        if noun and match:
            low, high = int(match["low"]), int(match["high"] or match["low"])
            yield _Stated(fact, f"{match[0].strip()} {noun}", noun, low, high)
        else:
            yield from _stated_in(_text(fact), fact)
    for sprint in plan.sprints:
        if len(plan.sprints) == 1 and sprint.duration_text:
            yield from _stated_in(sprint.duration_text, sprint)


def _stated_in(text: str, place: Fact | Sprint) -> Iterator[_Stated]:
    for match in _STATED.finditer(text):
        if match["after"] or (match["before"] or "").lower() in _NOT_ALL:
            continue
        low, high = int(match["low"]), int(match["high"] or match["low"])
        noun = _NOUN_OF[match["noun"].lower()]
        number = match["low"] if low == high else f"{low}-{high}"
        yield _Stated(place, f"{number} {noun}", noun, low, high)


def _head(plan: Plan) -> Iterator[Fact]:
    """What the plan says before its first work, as far as no field holds it."""
    # An only sprint may begin with the plan's own heading.
    sprints = plan.sprints if len(plan.sprints) > 1 else []
    work = [*plan.stories, *(each for each in [*plan.epics, *sprints] if not each.implicit)]
    lines = [each.line for each in work if each.line is not None and each.file in {None, plan.source.file}]
    first = min(lines, default=0)
    for fact in plan.facts:
        if fact.line is not None and fact.line < first and fact.file in {None, plan.source.file}:
            yield fact


def _text(fact: Fact) -> str:
    value = fact.value
    if isinstance(value, dict):
        value = cast("dict[str, Any]", value).get("as_written")
    return value if isinstance(value, str) else ""


def _sprints(plan: Plan) -> set[int]:
    written = [sprint for sprint in plan.sprints if not sprint.implicit]
    if len(written) == 1 and written[0].number is None:
        # That is what the plan's own heading says, and no sprint of several.
        return set()
    return {len(written), sum(not sprint.optional for sprint in written)}


def _weeks(plan: Plan) -> set[int]:
    spans = [sprint.weeks for sprint in plan.sprints if sprint.weeks is not None]
    if spans and len(spans) == len(plan.sprints):
        return {max(last for _, last in spans) - min(first for first, _ in spans) + 1}
    days = [phase.days[1] for phase in plan.phases if phase.days is not None]
    if days and len(days) == len(plan.phases):
        return {math.ceil(max(days) / length) for length in _WEEK_LENGTHS}
    return set()


def _stories(plan: Plan) -> set[int]:
    return {len(plan.stories), sum(story.kind == "story" for story in plan.stories)}


def _agents(plan: Plan) -> set[int]:
    described = [agent for agent in plan.agents if agent.title or agent.role]
    return {len(described), sum(not agent.coordinator for agent in described)}


def _tasks(plan: Plan) -> set[int]:
    inner = sum(len(story.tasks) for story in plan.stories)
    return {inner, sum(story.kind == "task" for story in plan.stories), len(plan.stories)}


_COUNTS: dict[str, Callable[[Plan], set[int]]] = {
    "sprints": _sprints,
    "weeks": _weeks,
    "stories": _stories,
    "epics": lambda plan: {sum(not epic.implicit for epic in plan.epics)},
    "agents": _agents,
    "tasks": _tasks,
    "phases": lambda plan: {len(plan.phases)},
}
