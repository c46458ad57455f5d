"""The form in which words of plans are compared: lower case, without accents, numbering and decoration."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from paceline.plans.marks import without_pictures

_NUMBERING = re.compile(
    r"^(?:(?:\d+(?:\.\d+)*[.)]|[IVX]+\.)\s+|(?:\d+|[一二三四五六七八九十]+)[\u3001\uff0e]\s*)"
)
_QUOTES = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00b4": "'", "\u00df": "ss"}
)
# Full-width signs and brackets; the ideographic comma parts the entries of a list like any other.
_SIGNS = str.maketrans("\uff1a\u3001\uff08\uff09\uff0c\uff1b\u3010\u3011\uff0f", ":,(),;[]/")


def folded(text: str) -> str:
    """A text in lower case, without accents; full-width letters, signs and curly quotes are plain ones."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.translate(_QUOTES))
    return "".join(char for char in decomposed if not unicodedata.combining(char)).lower()


def normal(label: str) -> str:
    """A label or heading as it is compared: folded, no numbering, no pictures, no colon, single blanks."""
    return _normal_of_short(label) if len(label) <= _SHORT else _normal(label)


def _normal(label: str) -> str:
    text = _NUMBERING.sub("", label)
    if not text.isascii():
        text = folded(without_pictures(text) or text)
    return " ".join(text.lower().rstrip(": ").split())


_SHORT = 80
"""Characters of labels that are remembered: a plan has few labels, and each of them a thousand times."""
_normal_of_short = lru_cache(maxsize=8_192)(_normal)


def without_numbering(title: str) -> str:
    """A heading without the number in front of it."""
    return _NUMBERING.sub("", title).strip()


def plain_signs(text: str) -> str:
    """A text whose full-width colons, commas, slashes and brackets are plain ones; as long as before."""
    return text if text.isascii() else text.translate(_SIGNS)


def split_parenthesis(text: str) -> tuple[str, str | None]:
    """Split `(...)` off the end of a text."""
    plain = plain_signs(text)
    start = plain.rfind("(")
    name, qualifier = text[:start].rstrip(), text[start + 1 : -1]
    if start <= 0 or not plain.endswith(")") or ")" in plain[start + 1 : -1] or not name:
        return text, None
    return name, qualifier.strip() or None


def at_colon(text: str) -> tuple[str, str, str]:
    """Split a text at its first colon, full-width or not, as `str.partition` does."""
    place = plain_signs(text).find(":")
    return (text, "", "") if place < 0 else (text[:place], ":", text[place + 1 :])
