"""Work that a plan still names and that nobody is to do now: cancelled, or put off.

Such a task is no story, because a story that is not done is scheduled; it is kept as a fact with a warning.
"""

from __future__ import annotations

import re
from typing import Literal, cast

from paceline.plans.folding import folded
from paceline.plans.labels import Labels, Meanings, per_table
from paceline.plans.marks import without_pictures

LeftOut = Literal["cancelled", "deferred"]

_CONCEPTS = ("value.cancelled", "value.deferred")
_STATES = Meanings({"value.cancelled": "cancelled", "value.deferred": "deferred"})
_END = r"(?=\s*(?:$|[\])(:;,.\u2014\u2013\uff1a\uff08-]))"
_STRUCK = re.compile(r"^~~(?P<inner>[^~]+)~~(?P<rest>.*)$")


@per_table
def _capitals(table: Labels) -> re.Pattern[str]:
    """A word in capital letters that is a remark of its own."""
    words = "|".join(sorted((re.escape(w.upper()) for w in table.words(*_CONCEPTS)), key=len, reverse=True))
    return re.compile(
        rf"(?:(?:^|[\[(\u2014\u2013\u2192-]\s*)(?P<word>{words}){_END}"
        rf"|(?<=[^,/|]\s)(?P<inside>{words})(?=\s*[:\u2014\u2013-]\s))"
    )


@per_table
def _in_brackets(table: Labels) -> re.Pattern[str]:
    """A remark at the end, such as `(deferred to the next release)`."""
    return re.compile(
        rf"[\[(](?P<word>{table.alternation(*_CONCEPTS)})(?=[\s\]),:;.\u2014\u2013-])[^\])]*[\])]\s*$",
        re.IGNORECASE,
    )


@per_table
def _at_start(table: Labels) -> re.Pattern[str]:
    return re.compile(rf"^(?P<word>{table.alternation(*_CONCEPTS)}){_END}", re.IGNORECASE)


def left_out(status: str | None) -> LeftOut | None:
    """Whether a status such as `deferred` says that the work is not to be done now."""
    return _state(without_pictures(status)) if status else None


def left_out_in_text(text: str, *, marked: bool = False) -> LeftOut | None:
    """Whether a remark in running text says so.

    Args:
        text: without its box, such as `~~T005 Text~~`, `Text — DEFERRED (reason)` or `Text (cancelled)`.
        marked: whether its box has a mark such as `[~]`, so that a word at its start is a remark too.
    """
    struck: LeftOut | None = "cancelled" if _STRUCK.match(text) else None
    match = _in_brackets().search(text) or _capitals().search(text)
    match = match or (_at_start().match(text) if marked else None)
    if match is None:
        return struck
    groups = match.groupdict()
    return _state(groups["word"] or groups["inside"]) or struck


def without_strike(text: str) -> str:
    """A text without the tildes that strike it out."""
    match = _STRUCK.match(text)
    return f"{match['inner']}{match['rest']}" if match else text


def _state(word: str) -> LeftOut | None:
    return cast("LeftOut | None", _STATES.get(word) or _STATES.get(folded(word)))
