"""Which of many paths and globs overlap, without comparing each with each.

Two patterns can only overlap where the literal folders that one begins with begin the other, and where
literal last segments are equal. An index by both leaves few pairs to compare; where a plan is made so that
it does not, the search stops at a limit and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from paceline.domain.globs import is_glob, normal_pattern, patterns_overlap

COMPARISONS, PAIRS = 60_000, 500_000
"""Pairs that one search compares, and those that it may find; fewer comparisons than `globs` remembers, so
that the same search costs less when it is made again."""


@dataclass(slots=True)
class _Folder:
    """Patterns whose literal beginning ends here, and the folders below."""

    patterns: list[int] = field(default_factory=list[int])
    children: dict[str, _Folder] = field(default_factory=dict[str, "_Folder"])


@dataclass(slots=True)
class Overlaps:
    """What was found: for each pattern the places of those it overlaps, itself left out, rising.

    `complete` is False where the limit ended the search; then some pairs of globs are missing.
    """

    neighbours: list[list[int]]
    complete: bool = True
    comparisons: int = 0


def overlaps(patterns: Sequence[str], limit: int = COMPARISONS) -> Overlaps:
    """All pairs of patterns that have a path in common.

    Args:
        patterns: paths and globs, each once in its normal form; two paths never overlap.
        limit: the most pairs to compare.

    Returns:
        The neighbours of every pattern, by its place in `patterns`.
    """
    index = _Index(patterns)
    found = Overlaps([[] for _ in patterns])
    seen: set[tuple[int, int]] = set()
    for place, pattern in enumerate(patterns):
        if not is_glob(pattern):
            continue
        for other, surely in index.candidates(pattern):
            pair = (place, other) if place < other else (other, place)
            if other == place or pair in seen:
                continue
            if found.comparisons >= limit or len(seen) >= PAIRS:
                found.complete = False
                return _sorted(found)
            found.comparisons += not surely
            seen.add(pair)
            if surely or patterns_overlap(pattern, patterns[other]):
                found.neighbours[place].append(other)
                found.neighbours[other].append(place)
    return _sorted(found)


def distinct(patterns: Iterable[str]) -> list[str]:
    """The patterns in their normal form, each once, in the order of their first use; no empty ones."""
    normal = (normal_pattern(pattern) for pattern in patterns)
    return list(dict.fromkeys(pattern for pattern in normal if pattern))


def _sorted(found: Overlaps) -> Overlaps:
    for neighbours in found.neighbours:
        neighbours.sort()
    return found


class _Index:
    """Patterns by the literal folders they begin with: all of them, and apart by literal last segment."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._all = _Folder()
        self._by_ending: dict[str | None, _Folder] = {}
        for place, pattern in enumerate(patterns):
            beginning = _beginning(pattern)
            _insert(self._all, beginning, place)
            _insert(self._by_ending.setdefault(_ending(pattern), _Folder()), beginning, place)

    def candidates(self, pattern: str) -> Iterator[tuple[int, bool]]:
        """Every pattern that might overlap this one, and whether it surely does."""
        ending, beginning = _ending(pattern), _beginning(pattern)
        if ending is None:
            everything_below = pattern == "/".join([*beginning, "**"])
            yield from _along(self._all, beginning, everything_below)
            return
        for each in (ending, None):
            if each in self._by_ending:
                yield from _along(self._by_ending[each], beginning, False)


def _insert(folder: _Folder, beginning: Sequence[str], place: int) -> None:
    for part in beginning:
        folder = folder.children.setdefault(part, _Folder())
    folder.patterns.append(place)


def _along(folder: _Folder, beginning: Sequence[str], surely_below: bool) -> Iterator[tuple[int, bool]]:
    """Patterns of the folders on the way, and of all below its end."""
    for part in beginning:
        yield from ((each, False) for each in folder.patterns)
        below = folder.children.get(part)
        if below is None:
            return
        folder = below
    waiting = [folder]
    while waiting:
        folder = waiting.pop()
        yield from ((each, surely_below) for each in folder.patterns)
        waiting.extend(folder.children.values())


def _beginning(pattern: str) -> list[str]:
    parts: list[str] = []
    for part in pattern.split("/"):
        if is_glob(part):
            break
        parts.append(part)
    return parts


def _ending(pattern: str) -> str | None:
    """The last segment, where it can only be itself."""
    last = pattern.rsplit("/", 1)[-1]
    return None if is_glob(last) else last
