"""Paths and globs against each other: exact intersection, by segments, case-sensitive.

`**` as a whole segment stands for any number of segments, also none; `*` for any characters within one
segment, `?` for one, `[...]` for one of a class (`[!...]` and `[^...]`: one that is not in it). A pattern
that ends in `/` means everything below. A pattern always also means the path that is spelt like it, because
files are really called `[id].tsx`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

_Item = TypeVar("_Item")
_Ranges = tuple[tuple[int, int], ...]
"""Code points of one character, as closed ranges; empty where nothing matches."""
_Segment = str | tuple[_Ranges | None, ...]
"""A literal segment, or its characters, where None is a star."""

_SLASH = ord("/")
_ANY: _Ranges = ((1, _SLASH - 1), (_SLASH + 1, 0x10FFFF))
_WILD = frozenset("*?[")


def is_glob(pattern: str) -> bool:
    """Whether the pattern may mean more than one path."""
    return not _WILD.isdisjoint(pattern)


@lru_cache(maxsize=16_384)
def normal_pattern(pattern: str) -> str:
    """The pattern without `.` and empty segments, and with `dir/` written as `dir/**`."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if pattern.endswith("/") or (pattern and not parts):
        parts.append("**")
    return "/".join(parts)


def patterns_overlap(a: str, b: str) -> bool:
    """Whether some path is meant by both patterns.

    Args:
        a: a path or glob relative to the repository's root.
        b: another.

    Returns:
        Exactly whether the two have a path in common; no files are looked at.
    """
    a, b = normal_pattern(a), normal_pattern(b)
    if a == "" or b == "":
        return False
    if a == b:
        return True
    if is_glob(a) or is_glob(b):
        return _overlap(a, b) if a < b else _overlap(b, a)
    return False


def covers(patterns: Iterable[str], path: str) -> bool:
    """Whether one of the patterns means this path.

    Args:
        patterns: claimed paths and globs.
        path: a changed path as git names it, taken literally.
    """
    literal = path.split("/")
    for pattern in patterns:
        normal = normal_pattern(pattern)
        if normal == path or (is_glob(normal) and _common(_segments(normal), literal, _segments_meet)):
            return True
    return False


@lru_cache(maxsize=65_536)
def _overlap(a: str, b: str) -> bool:
    if _common(_segments(a), _segments(b), _segments_meet):
        return True
    return ("[" in b and _common(_segments(a), b.split("/"), _segments_meet)) or (
        "[" in a and _common(a.split("/"), _segments(b), _segments_meet)
    )


def _common(
    a: Sequence[_Item | None], b: Sequence[_Item | None], meet: Callable[[_Item, _Item], bool]
) -> bool:
    """Whether two sequences, in which None stands for any number of items, have a common reading.

    Walks the pairs of positions that are reachable together: time and memory are the product of the lengths,
    whatever the patterns are.
    """
    if a and b and a[0] is not None and b[0] is not None and not meet(a[0], b[0]):
        return False
    reached = {(0, 0)}
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            if (i, j) in reached:
                reached.update(_steps(a, b, i, j, meet))
    return (len(a), len(b)) in reached


def _steps(
    a: Sequence[_Item | None],
    b: Sequence[_Item | None],
    i: int,
    j: int,
    meet: Callable[[_Item, _Item], bool],
) -> Iterable[tuple[int, int]]:
    more_a, more_b = i < len(a), j < len(b)
    x = a[i] if more_a else None
    y = b[j] if more_b else None
    star_a, star_b = more_a and x is None, more_b and y is None
    # An item may be empty of meaning, such as the class [z-a]: then not even a star can swallow it.
    if star_a or (star_b and x is not None and meet(x, x)):
        yield i + 1, j
    if star_b or (star_a and y is not None and meet(y, y)):
        yield i, j + 1
    if x is not None and y is not None and meet(x, y):
        yield i + 1, j + 1


@lru_cache(maxsize=16_384)
def _segments(pattern: str) -> tuple[_Segment | None, ...]:
    return tuple(None if part == "**" else _parse(part) for part in pattern.split("/"))


def _segments_meet(a: _Segment, b: _Segment) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return a == b
    return _common(_characters(a), _characters(b), _characters_meet)


def _characters(segment: _Segment) -> tuple[_Ranges | None, ...]:
    return tuple(_one(c) for c in segment) if isinstance(segment, str) else segment


def _characters_meet(a: _Ranges, b: _Ranges) -> bool:
    return any(low <= top and bottom <= high for low, high in a for bottom, top in b)


def _one(character: str) -> _Ranges:
    return ((ord(character), ord(character)),)


def _parse(segment: str) -> _Segment:
    if not is_glob(segment):
        return segment
    parsed: list[_Ranges | None] = []
    at = 0
    while at < len(segment):
        character = segment[at]
        # "]" directly after the opening is a member, as everywhere else.
        end = segment.find("]", at + (3 if segment[at + 1 : at + 2] in ("!", "^") else 2))
        if character == "[" and end > 0:
            parsed.append(_character_class(segment[at + 1 : end]))
            at = end
        elif character == "*":
            parsed.append(None)
        else:
            parsed.append(_ANY if character == "?" else _one(character))
        at += 1
    return tuple(parsed)


def _character_class(body: str) -> _Ranges:
    negated = body[0] in "!^"
    members = body[1:] if negated else body
    ranges: list[tuple[int, int]] = []
    at = 0
    while at < len(members):
        is_range = members[at + 1 : at + 2] == "-" and at + 2 < len(members)
        last = members[at + 2] if is_range else members[at]
        ranges.append((ord(members[at]), ord(last)))
        at += 3 if is_range else 1
    excluded = ranges if negated else _gaps(ranges)
    return _gaps([*excluded, (_SLASH, _SLASH)])  # no segment contains a slash


def _gaps(ranges: Iterable[tuple[int, int]]) -> _Ranges:
    """What the ranges leave of all characters."""
    left: list[tuple[int, int]] = []
    start = 1
    for low, high in sorted(pair for pair in ranges if pair[0] <= pair[1]):
        if low > start:
            left.append((start, low - 1))
        start = max(start, high + 1)
    if start <= _ANY[-1][1]:
        left.append((start, _ANY[-1][1]))
    return tuple(left)
