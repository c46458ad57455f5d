"""Headings and entries without the pictures that decorate them."""

from __future__ import annotations

import unicodedata

_DECORATION = frozenset({"So", "Sk", "Mn", "Cf", "Co", "Cn", "Zs"})
_UNFINISHED = ("\u274c", "\u2716", "\u26a0", "\u23f3", "\U0001f6a7", "\U0001f504")


def without_pictures(text: str) -> str:
    """A text without emoji and blanks at its start and end."""
    start, end = 0, len(text)
    while start < end and _is_picture(text[start]):
        start += 1
    while end > start and _is_picture(text[end - 1]):
        end -= 1
    return text[start:end]


def unfinished(text: str) -> bool:
    """Whether a text starts with a sign for failed, blocked or unfinished work."""
    return text.startswith(_UNFINISHED)


def _is_picture(character: str) -> bool:
    return character.isspace() or (not character.isascii() and unicodedata.category(character) in _DECORATION)
