"""What sprint assignment tables say of the whole plan: total, velocity, number of sprints, team size."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from paceline.plans.fields import Field, contents_of, normal
from paceline.plans.labels import SECTION_WORDS, Words, concept_of
from paceline.plans.outline import Section
from paceline.plans.quantities import number_range
from paceline.plans.reading import Reading

_SPRINT_COUNTS = Words("sprint_count")
_CADENCE = re.compile(r"\b(?P<count>\d{1,2})[- ]weeks?[- ](?:long )?(?:sprint|iteration)", re.IGNORECASE)
_STORIES = re.compile(r"\b(?:the|all) (?P<count>\d{1,6}) (?:user )?stories\b", re.IGNORECASE)
_NUMBERS = re.compile(r"(?<!\d)\d{1,18}(?!\d)(?:\.\d+)?")
_PARENTHESIS = re.compile(r"\([^()]{0,200}\)")
_WEEKS = re.compile(r"(\d{1,4})(?:\s*(?:-|\u2013|to)\s*(\d{1,4}))?\s*weeks?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stated:
    """A number or a range of numbers that the plan states."""

    text: str
    low: float
    high: float
    line: int

    def fits(self, count: float) -> bool:
        """Whether a number is within the range."""
        return self.low <= count <= self.high


@dataclass(slots=True)
class Overview:
    """Collects what is stated of all sprints together."""

    reading: Reading
    project: str | None = None
    goal: str | None = None
    capacity: str | None = None
    sprint_length: str | None = None
    total: Stated | None = None
    team: Stated | None = None
    sprints: Stated | None = None
    stories: Stated | None = None
    _known: set[str] = field(default_factory=set[str])

    def announced(self, section: Section) -> bool:
        """Whether a section has a label that only an overview has."""
        return any(
            _kind(entry.label) is not None
            for entry in contents_of(replace(section, sections=[]), SECTION_WORDS).fields
        )

    def read(self, section: Section) -> None:
        """Read the labels and the prose of a section."""
        name = section.title.text
        found = contents_of(replace(section, sections=[]), SECTION_WORDS)
        for entry in found.fields:
            self._field(name, entry)
        for text in found.prose:
            self._prose(text.text, text.line)
        self.reading.keep_rest(name, found)
        self.reading.keep_others(name, section, fields_read=True)

    def _field(self, section: str, entry: Field) -> None:
        match _kind(entry.label):
            case "sprints":
                self.sprints = self._stated(section, entry) or self.sprints
            case "team":
                self.team = self._stated(section, entry) or self.team
            case "points":
                self.total = self._stated(section, entry) or self.total
            case "capacity":
                self.capacity = self.capacity or entry.value or None
                self._stated(section, entry)
            case "sprint_length":
                self.sprint_length = self.sprint_length or entry.value or None
            case "goal" if self.goal is None and entry.value:
                self.goal = entry.value
            case "project" if self.project is None and entry.value:
                self.project = entry.value
            case _:
                self.reading.keep_field(section, entry)

    def _stated(self, section: str, entry: Field) -> Stated | None:
        """The number or range of a label, kept as a fact; None where it is neither."""
        bare = _PARENTHESIS.sub("", entry.value)
        span = number_range(bare)
        numbers = _NUMBERS.findall(bare)
        value: dict[str, Any] = {"as_written": entry.value}
        if span is None and len(numbers) == 1:
            span = (float(numbers[0]), float(numbers[0]))
        if span is not None and len(numbers) <= 2:
            value |= {"min": _whole(span[0]), "max": _whole(span[1])}
        weeks = _WEEKS.search(entry.value)
        if weeks:
            value["weeks"] = [int(weeks[1]), int(weeks[2] or weeks[1])]
        self.reading.keep_cell(section, entry.label, value, entry.line)
        return Stated(entry.value, *span, entry.line) if span is not None and "min" in value else None

    def _prose(self, text: str, line: int) -> None:
        match = _CADENCE.search(text)
        if match and self.sprint_length is None:
            count = int(match["count"])
            self.sprint_length = f"{count} week{'' if count == 1 else 's'}"
        match = _STORIES.search(text)
        if match and self.stories is None:
            count = float(match["count"])
            self.stories = Stated(match[0], count, count, line)


def _kind(label: str) -> str | None:
    name = normal(label)
    if label in _SPRINT_COUNTS:
        return "sprints"
    concept = concept_of(label)
    if concept == "duration" and "sprint" in name:
        return "sprint_length"
    return "goal" if concept == "objective" else concept if concept in _KINDS else None


_KINDS = frozenset({"team", "points", "capacity", "sprint_length", "goal", "project"})


def _whole(number: float) -> float | int:
    return int(number) if number.is_integer() else number
