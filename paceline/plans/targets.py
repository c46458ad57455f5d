"""What a plan's references can name: stories and epics by every form of their names."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from paceline.plans.labels import Labels, per_table
from paceline.plans.quantities import numbers_in, whole_number

Kind = Literal["story", "epic"]
_KINDS: tuple[Kind, ...] = ("story", "epic")

_EPIC_WORDS = ("heading.epic", "plural.epic")
_WORK_WORDS = ("heading.story", "plural.story", "heading.task", "plural.task", "heading.work_item")


@per_table
def _kind_word(table: Labels) -> re.Pattern[str]:
    epics, work = table.alternation(*_EPIC_WORDS), table.alternation(*_WORK_WORDS)
    return re.compile(rf"^(?:(?P<epic>{epics})|{work})(?!-?[^\W\d])[\s:\uff1a#]*(?P<rest>.*)$", re.IGNORECASE)


_NUMBERS = re.compile(r"\d+")


def key(text: str) -> str:
    """The form in which names are compared: lower case, single blanks, no backticks or closing stop."""
    return " ".join(text.replace("`", "").lower().split()).rstrip(".")


@dataclass(frozen=True, slots=True)
class Target:
    """Something that a dependency can name."""

    id: str
    title: str
    kind: Kind


class Targets:
    """The stories and epics of a plan by every form in which a plan may name them."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._ordered = {kind: [t for t in targets if t.kind == kind] for kind in _KINDS}
        self._places: dict[Kind, dict[Target, int]] = {}
        self._numbered: dict[Kind, list[tuple[tuple[int, ...], int]]] = {}
        for kind in _KINDS:
            ordered = self._ordered[kind]
            # Of equal ones the first counts.
            self._places[kind] = {target: place for place, target in reversed(list(enumerate(ordered)))}
            self._numbered[kind] = sorted((numbers_in(t.id), place) for place, t in enumerate(ordered))
        self._full: dict[str, Target] = {}
        self._short: dict[Kind, dict[str, Target | None]] = {"story": {}, "epic": {}}
        for target in targets:
            self._full.setdefault(key(target.id), target)
            for form in _short_forms(target.id):
                self._add_short(target, form)
        for target in targets:
            self._full.setdefault(key(target.title), target)

    def find(self, name: str, kind: Kind | None) -> Target | None:
        """The target that a name stands for; a bare number is a story's before it is an epic's."""
        wanted = key(name)
        exact = self._full.get(wanted)
        if exact is not None and (kind is None or exact.kind == kind):
            return exact
        kinds: tuple[Kind, ...] = _KINDS if kind is None else (kind,)
        for each in kinds:
            for form in (wanted, *_short_forms(name)):
                found = self._short[each].get(form)
                if found is not None:
                    return found
        return None

    def between(self, first: Target, last: Target) -> list[Target]:
        """The targets of a range, both ends included: by their numbers, else by their places in the plan."""
        ordered = self._ordered[first.kind]
        low, high = numbers_in(first.id), numbers_in(last.id)
        if low and high and len(low) == len(high):
            numbered = self._numbered[first.kind]
            start, end = bisect_left(numbered, (low,)), bisect_right(numbered, (high, len(ordered)))
            return [ordered[place] for place in sorted(place for _, place in numbered[start:end])]
        places = self._places[first.kind]
        return ordered[places[first] : places[last] + 1]

    def _add_short(self, target: Target, form: str) -> None:
        known = self._short[target.kind]
        # Two targets with one short form: it names neither.
        known[form] = target if form not in known or known[form] == target else None


def _short_forms(name: str) -> list[str]:
    """`Story 1.1` is also `1.1`; `STORY-001` also `001` and `1`."""
    bare = key(name)
    match = _kind_word().match(bare)
    if match:
        bare = match["rest"].lstrip("-")
    forms = [bare]
    head, dash, tail = bare.rpartition("-")
    if dash and head.isalpha() and len(head) > 1 and _NUMBERS.match(tail):
        forms.append(tail)
        forms.extend(_without_zeros(tail))
    forms.extend(_without_zeros(bare))
    return forms


def _without_zeros(text: str) -> list[str]:
    number = whole_number(text)
    return [] if number is None else [str(number)]


def split_kind(text: str) -> tuple[Kind | None, str]:
    match = _kind_word().match(text.strip())
    if match is None:
        return None, text.strip()
    return ("epic" if match["epic"] else "story"), match["rest"].strip()
