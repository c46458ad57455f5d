"""What stands at the head of a plan made of bullets: labels of the whole plan, its title and its project."""

from __future__ import annotations

import re
from typing import Any

from paceline.domain.plan import Fact
from paceline.plans.document import Document
from paceline.plans.fields import Field
from paceline.plans.labels import Labels, concept_of, per_table
from paceline.plans.quantities import number_range, total_of
from paceline.plans.reading import Reading

_PLAN_WORDS = frozenset(
    """sprint sprints plan plans planning project backlog roadmap agile scrum schedule breakdown overview the
    for of release iteration document and""".split()  # noqa: SIM905 - a list would take 20 lines
)
_NUMBER = re.compile(r"^\D{0,20}?(\d{1,9})\b")
_PARTS = re.compile(r"\s+[-\u2013\u2014]\s+|\s*[:\uff1a]\s+")


@per_table
def _counted(table: Labels) -> dict[str, re.Pattern[str]]:
    """`6 sprints` and `12 weeks`."""
    sprints = table.alternation("heading.sprint", "heading.iteration", "plural.sprint")
    words = {"sprints": sprints, "weeks": table.alternation("heading.week")}
    return {
        name: re.compile(rf"(?<![\w-])(\d{{1,9}})\s*\u4e2a?(?:{each})", re.IGNORECASE)
        for name, each in words.items()
    }


class PlanHead:
    """Labels of the whole plan; `stated` holds numbers that can be compared with the body."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.project: str | None = None
        self.goal: str | None = None
        self.capacity: str | None = None
        self.capacity_range: tuple[float, float] | None = None
        self.capacity_points: float | None = None
        self.sprint_duration: str | None = None
        self.stated: dict[str, tuple[int, int]] = {}
        """`sprints` and `weeks` that the head states, each with its line."""
        self.points_stated: tuple[float, int] | None = None

    def field(self, section: str, entry: Field) -> None:
        """Read one label."""
        value = entry.value
        match concept_of(entry.label):
            case "project":
                self.project = self.project or value or None
            case "goal" | "objective":
                self.goal = self.goal or value or None
            case "capacity":
                self.capacity = self.capacity or value or None
                self.capacity_range = number_range(value)
                self.capacity_points = total_of(value) if self.capacity_range is None else None
            case "duration":
                self._counted(section, entry)
            case "sprint_length":
                self.sprint_duration = value or None
                self._reading.keep_field(section, entry)
            case "team":
                self._keep(section, entry, _team(value))
            case "points":
                number = _NUMBER.match(value)
                points = total_of(value) or (float(number[1]) if number else None)
                self.points_stated = (points, entry.line) if points is not None else None
                self._reading.keep_field(section, entry)
            case _:
                self._counted(section, entry)

    def _counted(self, section: str, entry: Field) -> None:
        """A label whose value may say how many sprints and weeks there are."""
        found: dict[str, Any] = {}
        about_length = concept_of(entry.label) == "duration"
        for name, pattern in _counted().items():
            match = pattern.search(entry.value) if about_length else None
            number = _NUMBER.match(entry.value) if name in entry.label.lower().split() else None
            if (match or number) and number_range(entry.value) is None:
                found[name] = int((match or number or [0, 0])[1])
                self.stated.setdefault(name, (found[name], entry.line))
        if found:
            self._keep(section, entry, found)
        else:
            self._reading.keep_field(section, entry)

    def _keep(self, section: str, entry: Field, found: dict[str, Any]) -> None:
        value = {"as_written": entry.value, **found}
        self._reading.facts.append(Fact(section=section, name=entry.label, value=value, line=entry.line))


def title_of(document: Document) -> str | None:
    """The first heading of the highest level that names the plan; None where there is no heading."""
    headings = [section for section in document.outline.walk() if section.level > 0 and section.title.text]
    first = next((section for section in headings if section.level == 1), None)
    found = first or (headings[0] if headings else None)
    return found.title.text if found is not None else None


def project_of(title: str) -> str | None:
    """The project that a title such as `Sprint Planning - AutoLynx Project` names.

    Returns:
        What is left without the words that plans have in their titles; None where nothing is left, where
        several parts are left, or where the title has no such word and so is no plan's.
    """
    kept: list[str] = []
    dropped = False
    for part in _PARTS.split(" ".join(title.split())):
        words = part.split()
        while words and _is_plan_word(words[-1]):
            words.pop()
            dropped = True
        while words and _is_plan_word(words[0]):
            words.pop(0)
            dropped = True
        if words:
            kept.append(" ".join(words))
    return kept[0] if dropped and len(kept) == 1 else None


def _is_plan_word(word: str) -> bool:
    return word.lower().strip(".,#") in _PLAN_WORDS or word.strip("#.,").isdigit()


def _team(text: str) -> dict[str, Any]:
    span = number_range(text)
    if span is not None:
        return {"min": int(span[0]), "max": int(span[1])}
    match = _NUMBER.match(text)
    return {"min": int(match[1]), "max": int(match[1])} if match else {}
