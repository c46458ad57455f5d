"""Work that a plan still names and that nobody is to do now: cancelled, or put off.

Such a task is no story, because a story that is not done is scheduled; it is kept as a fact with a warning.
The words stand in the same shape as those of `labels`.
"""

from __future__ import annotations

import re
from typing import Literal

from paceline.plans.fields import normal
from paceline.plans.marks import without_pictures

LeftOut = Literal["cancelled", "deferred"]

LEFT_OUT: dict[LeftOut, dict[str, str]] = {
    "cancelled": {
        "en": "cancelled, canceled, abandoned, dropped, removed, deleted, superseded, obsolete, rejected, "
        "duplicate, skipped, won't do, wont do, won't fix, wontfix, not needed, no longer needed, archived, "
        "out of scope, not doing",
        "de": "abgebrochen, verworfen, entf\u00e4llt, gestrichen, abgelehnt",
        "es": "cancelado, cancelada, descartado, descartada, rechazado, eliminado",
        "fr": "annul\u00e9, annul\u00e9e, abandonn\u00e9, abandonn\u00e9e, rejet\u00e9, supprim\u00e9",
        "zh": "\u53d6\u6d88, \u5df2\u53d6\u6d88, \u5e9f\u5f03, \u5df2\u5e9f\u5f03, \u8df3\u8fc7, "
        "\u5df2\u8df3\u8fc7",
    },
    "deferred": {
        "en": "deferred, postponed, parked, on hold, icebox, later, future, someday",
        "de": "zur\u00fcckgestellt, verschoben, sp\u00e4ter",
        "es": "aplazado, aplazada, pospuesto, pospuesta, diferido",
        "fr": "report\u00e9, report\u00e9e, diff\u00e9r\u00e9, diff\u00e9r\u00e9e",
        "zh": "\u63a8\u8fdf, \u5df2\u63a8\u8fdf, \u5ef6\u671f, \u6401\u7f6e",
    },
}  # fmt: skip

_WORDS: dict[str, LeftOut] = {
    word.strip(): state
    for state, languages in LEFT_OUT.items()
    for words in languages.values()
    for word in words.split(",")
}
# In running text only words that nobody writes for something else, and only as a remark of their own.
_REMARKS: dict[str, LeftOut] = {word: _WORDS[word] for word in _WORDS if word not in {"later", "future"}}
_WORD_AT = "|".join(sorted((re.escape(word) for word in _REMARKS), key=len, reverse=True))
_END = r"(?=\s*(?:$|[\])(:;.\u2014\u2013\uff1a\uff08-]))"
_CAPITALS = re.compile(
    rf"(?:(?:^|[\[(\u2014\u2013\u2192-]\s*)(?P<word>{_WORD_AT.upper()}){_END}"
    rf"|(?<=[^,/|]\s)(?P<inside>{_WORD_AT.upper()})(?=\s*[:\u2014\u2013-]\s))"
)
_AT_START = re.compile(rf"^(?P<word>{_WORD_AT}){_END}", re.IGNORECASE)
_BRACKETED = re.compile(rf"[\[(](?P<word>{_WORD_AT})\b[^\])]*[\])]\s*$", re.IGNORECASE)
_STRUCK = re.compile(r"^~~(?P<inner>[^~]+)~~(?P<rest>.*)$")


def left_out(status: str | None) -> LeftOut | None:
    """Whether a status such as `deferred` says that the work is not to be done now."""
    return _WORDS.get(normal(without_pictures(status))) if status else None


def left_out_in_text(text: str, *, marked: bool = False) -> LeftOut | None:
    """Whether a remark in running text says so.

    Args:
        text: without its box, such as `~~T005 Text~~`, `Text \u2014 DEFERRED (reason)` or `Text (cancelled)`.
        marked: whether its box has a mark such as `[~]`, so that a word at its start is a remark too.
    """
    struck = "cancelled" if _STRUCK.match(text) else None
    match = _BRACKETED.search(text) or _CAPITALS.search(text) or (_AT_START.match(text) if marked else None)
    if match is None:
        return struck
    groups = match.groupdict()
    return _REMARKS[(groups["word"] or groups["inside"]).lower()]


def without_strike(text: str) -> str:
    """A text without the tildes that strike it out."""
    match = _STRUCK.match(text)
    return f"{match['inner']}{match['rest']}" if match else text
