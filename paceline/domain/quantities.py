"""Numbers with units as people and programs write them: read exactly, and brought to the unit of a target."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

_MULTIPLES = {"k": 1_000, "K": 1_000, "M": 1_000_000}
_KNOWN: dict[str, tuple[str, Fraction]] = {
    **dict.fromkeys(("%", "percent", "pct"), ("percent", Fraction(1))),
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), ("time", Fraction(1, 1_000_000_000))),
    **dict.fromkeys(("us", "\u00b5s", "microsecond", "microseconds"), ("time", Fraction(1, 1_000_000))),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), ("time", Fraction(1, 1_000))),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("time", Fraction(1))),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("time", Fraction(60))),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), ("time", Fraction(3600))),
    **dict.fromkeys(("day", "days"), ("time", Fraction(86_400))),
    **dict.fromkeys(("week", "weeks"), ("time", Fraction(604_800))),
    **dict.fromkeys(("b", "byte", "bytes"), ("size", Fraction(1))),
    **dict.fromkeys(("kb",), ("size", Fraction(1_000))),
    **dict.fromkeys(("mb",), ("size", Fraction(1_000_000))),
    **dict.fromkeys(("gb",), ("size", Fraction(1_000_000_000))),
}
"""Units by their names in lower case: what they measure, and how much of its first unit each is."""
_DIGITS = r"[+-]?(?:\d{1,3}(?:,\d{3}){1,9}(?:\.\d{1,30})?|\d{1,30}(?!\d)(?:\.\d{1,30})?)"
_WRITTEN = re.compile(rf"(?P<number>{_DIGITS})(?P<gap>\s?)(?P<unit>%|[^\W\d_]+)?(?![\w.]*\d)")
_NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True)
class Quantity:
    """A number with its unit as it was written; without one it is in the unit of what it is compared with."""

    value: Decimal
    unit: str | None = None

    def __str__(self) -> str:
        return with_unit(self.value, self.unit)


def with_unit(value: Decimal, unit: str | None) -> str:
    """A number for people, without zeros at its end."""
    plain = format(value, "f")
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return f"{plain} {unit}" if unit else plain


def dimension(unit: str | None) -> str | None:
    """What a unit measures: `percent`, `time` or `size`; None for what is counted, and without a unit."""
    found = _KNOWN.get(unit.lower()) if unit else None
    return found[0] if found else None


def leading(text: str) -> tuple[Quantity, str] | None:
    """The number that a text begins with, and what stands behind it; None where it begins with none."""
    match = _WRITTEN.match(text)
    return (_quantity(match), text[_end(match) :]) if match else None


def last(text: str) -> Quantity | None:
    """The last number of a text that is no part of a word or of a version."""
    found = None
    for match in _WRITTEN.finditer(text):
        before = text[match.start() - 1] if match.start() else " "
        if not (before.isalnum() or before in "._,"):
            found = match
    return _quantity(found) if found else None


def numbers_in(text: str) -> int:
    """How many numbers a text has that are no part of a word."""
    return len(_NUMBER.findall(text))


def in_unit(found: Quantity, unit: str | None) -> Decimal | None:
    """A quantity in the unit of a target; None where it measures something else.

    Args:
        found: as written; without a unit it is taken to be in the target's.
        unit: of the target, such as `ms`, `percent` or `bugs`; None: it has none.
    """
    if found.unit is None:
        return found.value
    mine, theirs = _KNOWN.get(found.unit.lower()), _KNOWN.get(unit.lower()) if unit else None
    if mine is None and theirs is None:
        same = unit is None or _singular(found.unit) == _singular(unit)
        return found.value if same else None
    if mine is None or theirs is None or mine[0] != theirs[0]:
        return None
    exact = Fraction(found.value) * mine[1] / theirs[1]
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def _quantity(match: re.Match[str]) -> Quantity:
    value, unit = Decimal(match["number"].replace(",", "")), match["unit"]
    if unit in _MULTIPLES and not match["gap"]:
        return Quantity(value * _MULTIPLES[unit])
    return Quantity(value, unit if _is_unit(match) else None)


def _is_unit(match: re.Match[str]) -> bool:
    """A word behind a blank is only a unit where it is a known one: `3 of 4` has none."""
    unit = match["unit"]
    return unit is not None and (not match["gap"] or unit.lower() in _KNOWN)


def _end(match: re.Match[str]) -> int:
    if match["unit"] in _MULTIPLES and not match["gap"]:
        return match.end()
    return match.end() if _is_unit(match) else match.end("number")


def _singular(word: str) -> str:
    return word.lower().removesuffix("s")
