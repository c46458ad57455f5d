"""Lists in running text: entries between commas, and between words for `and`, outside brackets and code."""

from __future__ import annotations

import re
from collections.abc import Iterable

from paceline.plans.folding import plain_signs
from paceline.plans.labels import Labels, per_table


def split_outside(text: str, separators: str) -> list[str]:
    """Split at any of the separators, but not inside parentheses or backticks; strips, drops empty parts."""
    parts: list[str] = []
    current: list[str] = []
    depth, code = 0, False
    for written, character in zip(text, plain_signs(text), strict=True):
        if character == "`":
            code = not code
        elif not code and character in "([":
            depth += 1
        elif not code and character in ")]":
            depth = max(0, depth - 1)
        if character in separators and depth == 0 and not code:
            parts.append("".join(current))
            current = []
        else:
            current.append(written)
    parts.append("".join(current))
    return [part.strip() for part in parts if part.strip()]


def split_joined(text: str) -> list[str]:
    """Split at `and`, `&` and `+`, and at what other languages say for them, outside parentheses."""
    parts = split_words(text, _joiners())
    return [piece for part in parts for piece in _and_without_blanks().split(part) if piece]


_joiners = per_table(lambda table: table.forms("joiner.and"))


def split_words(text: str, words: Iterable[str]) -> list[str]:
    """Split at separators that stand as words of their own, outside parentheses."""
    wanted = set(words)
    parts: list[list[str]] = [[]]
    depth = 0
    for word in text.split():
        if depth == 0 and word.lower() in wanted:
            parts.append([])
        else:
            parts[-1].append(word)
        depth += word.count("(") - word.count(")")
    return [" ".join(part) for part in parts if part]


@per_table
def _and_without_blanks(table: Labels) -> re.Pattern[str]:
    """The joiners of languages that write no blanks."""
    words = [word for word in table.words("joiner.and") if not word.isascii() and word.isalpha()]
    return re.compile("|".join(rf"(?<=\w)\s*{re.escape(word)}\s*(?=\w)" for word in words) or "(?!)")
