"""Words of a text in a form that can be compared: stems, without the words that say little."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[a-z0-9]+")
_STOP = frozenset(
    """a all an and are as at be by each every for from has have in into is it its no not of on only or per
    that the their this to via when with without""".split()  # noqa: SIM905 - a list would take 36 lines
)
_ENDINGS = (
    "ations", "ation", "ments", "ment", "ating", "ions", "ings", "ated", "ates", "ers",
    "ion", "ing", "ate", "ies", "ed", "es", "er", "y", "s", "e",
)  # fmt: skip
_SHORTEST = 3


def stems(text: str) -> set[str]:
    """The stems of the words that carry meaning."""
    return {stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP}


@lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """A word without its ending; `tests`, `tested` and `testing` give the same."""
    word = word.removesuffix("ly") if len(word) > _SHORTEST + 2 else word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            return word[: -len(ending)]
    return word
