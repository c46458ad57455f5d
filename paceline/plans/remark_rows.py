"""Remarks that follow a title without brackets, such as `Title @ada, depends on US-1`."""

from __future__ import annotations

import re
from dataclasses import replace

from paceline.plans.folding import plain_signs
from paceline.plans.labels import Labels, Words, per_table
from paceline.plans.remarks import Remark, take_remark

_PLACES = re.compile(r"\s*[,;|\u00b7]\s*|\s+[\u2013\u2014-]\s+|\s+(?=@)|(?<=[)\]])\s+")
_NAME = re.compile(r"^@\w[\w.-]*$")
_ID = re.compile(r"^#?(?:[A-Za-z]+[-_ ]){0,5}[A-Za-z]*\d[\w.-]*$")
_NOBODY, _STATES = Words("value.nobody"), Words("value.open", "value.undecided", "value.nothing")
_LONGEST = 400
"""Characters at the end of a line that are looked at."""
_MOST = 12
"""Remarks in one row."""


@per_table
def _and(table: Labels) -> re.Pattern[str]:
    return re.compile(table.between("joiner.and"), re.IGNORECASE)


def take_remarks(text: str, *, bare: bool = False) -> tuple[str, Remark]:
    """Split what is known about points, priority, agents and dependencies off the end of a text.

    Args:
        text: a title with remarks behind it, with brackets or without.
        bare: whether a number alone in brackets is the points; see `take_remark`.
    """
    text, row = _take_row(text)
    text, remark = take_remark(text, bare=bare)
    if row is None:
        return text, remark
    return text, replace(
        remark,
        points=row.points if remark.points is None else remark.points,
        agents=", ".join(filter(None, [remark.agents, row.agents])) or None,
        dependencies=[*remark.dependencies, *row.dependencies],
    )


def _take_row(text: str) -> tuple[str, Remark | None]:
    """Take the longest row of remarks off the end of a text.

    The end of a sentence looks much the same, so people need their `@` or a label, and what is awaited an id.
    """
    end = plain_signs(text[-_LONGEST:])
    offset = len(text) - len(end)
    places = [place for place in _PLACES.finditer(end) if offset + place.start() > 0][-_MOST:]
    for number, place in enumerate(places):
        ends = [*(each.start() for each in places[number + 1 :]), len(end)]
        starts = [each.end() for each in places[number:]]
        parts = [end[first:last].strip() for first, last in zip(starts, ends, strict=True)]
        named = [part for part in parts if part not in _NOBODY or part in _STATES]
        if not all(map(_is_clear, named)):
            continue
        rest, found = take_remark(f"_ ({', '.join(named)})")
        if rest == "_":
            return text[: offset + place.start()].rstrip(), found
    return text, None


def _is_clear(part: str) -> bool:
    """Whether a part can be nothing but a remark, also without brackets around it."""
    _, found = take_remark(f"_ ({part})")
    if found.dependencies:
        return all(_ID.match(name.strip()) for each in found.dependencies for name in _and().split(each))
    if found.agents:
        return _NAME.match(part) is not None or ":" in part
    return found.points is not None or _ID.match(part) is not None
