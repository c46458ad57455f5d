"""Notes that a model read: where a quotation stands in them, and whether they say a thing at all."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right

_NEWLINE = re.compile(r"\r\n?|\n")
_WORD = re.compile(r"[^\W_]+")
_SHORTEST = 4
"""Letters of a quotation; fewer are in any text by chance. Scripts without blanks need half as many."""


class Notes:
    """A text, searched without regard to case, punctuation, marks and line breaks.

    Args:
        text: all of it.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        parts: list[str] = []
        self._starts: list[int] = []
        self._lines: list[int] = []
        self._whole: set[str] = set()
        length = 0
        for line, written in enumerate(_NEWLINE.split(text), 1):
            plain = _plain(written)
            if plain:
                parts.append(plain)
                self._starts.append(length)
                self._lines.append(line)
                self._whole.add(plain)
                length += len(plain) + 1
        self._plain = " ".join(parts)
        self._words = frozenset(self._plain.split())
        self._spaced = " ".join(text.split())

    def line_of(self, quotation: str) -> int | None:
        """The 1-based line where a quotation begins; None where it does not stand in the text."""
        plain = _plain(quotation)
        enough = _SHORTEST if plain.isascii() else _SHORTEST // 2
        if len(plain) < enough and plain not in self._whole:
            return None
        at = self._plain.find(plain) if plain else -1
        return self._lines[bisect_right(self._starts, at) - 1] if at >= 0 else None

    def says(self, words: str) -> bool:
        """Whether all of these words are in the text, in any place."""
        return set(_plain(words).split()) <= self._words

    def has_verbatim(self, text: str) -> bool:
        """Whether the text has these whole words letter for letter, blanks aside."""
        wanted = " ".join(text.split())
        found = re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", self._spaced)
        return bool(wanted) and found is not None


def related(text: str, quotation: str) -> bool:
    """Whether a text has anything of what it quotes: a word's beginning, or two signs beside each other.

    Args:
        text: in a model's words.
        quotation: in the notes' words.
    """
    pieces = _pieces(text)
    return not pieces or bool(pieces & _pieces(quotation))


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def _pieces(text: str) -> set[str]:
    found: set[str] = set()
    for word in _plain(text).split():
        if word.isascii():
            found |= {word[:_SHORTEST]} if len(word) >= _SHORTEST else set()
        else:
            found |= {word[at : at + 2] for at in range(len(word) - 1)}
    return found
