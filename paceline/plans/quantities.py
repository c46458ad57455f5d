"""Numbers as plans write them: points with or without their unit, totals, and ranges."""

from __future__ import annotations

import re

from paceline.plans.folding import plain_signs
from paceline.plans.labels import Labels, per_table

_NUMBER = r"\d{1,9}(?:,\d{3}){1,9}(?:\.\d+)?|\d{1,9}(?:[.,]\d{1,4})?"
_ABOUT = r"(?:[~\u2248]|about\s|approx\.?\s|ca\.?\s)?\s*"

_DIGITS = re.compile(r"\d+")
_MOST_DIGITS = 18
"""Of a number that counts something; longer ones are names."""
_MOST_DIGITS_IN_ORDER = 100


def whole_number(text: str) -> int | None:
    """The value of a text of nothing but digits; None for another, and for more digits than a number has."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def number_or_more(digits: str) -> int:
    """The value of digits, to order by; all that are too many have one value, above every other."""
    return int(digits) if len(digits) <= _MOST_DIGITS_IN_ORDER else 10**_MOST_DIGITS_IN_ORDER


def numbers_in(text: str) -> tuple[int, ...]:
    """The whole numbers in a text, to order by: `2.10` comes after `2.9`."""
    return tuple(map(number_or_more, _DIGITS.findall(text)))


def number_of(text: str) -> float:
    """The value of digits with a decimal point or comma; three digits after a comma are thousands."""
    whole, comma, rest = text.partition(",")
    if comma and len(rest.partition(".")[0].rpartition(",")[2]) == 3 and whole != "0":
        return float(text.replace(",", ""))
    return float(text.replace(",", "."))


@per_table
def _points(table: Labels) -> re.Pattern[str]:
    units, names = table.alternation("unit.points"), table.alternation("points", "unit.points")
    after = rf"{_ABOUT}(?P<number>{_NUMBER})[\s-]*(?:{units})\.?"
    before = rf"(?:{names})\s*[:=]?\s*{_ABOUT}(?P<named>{_NUMBER})"
    return re.compile(rf"^(?:{after}|{before})$", re.IGNORECASE)


@per_table
def _says_points(table: Labels) -> re.Pattern[str]:
    return re.compile(rf"[\d?]\s*(?:{table.alternation('unit.points')})\.?$", re.IGNORECASE)


@per_table
def _total(table: Labels) -> re.Pattern[str]:
    units = table.alternation("unit.points")
    return re.compile(rf"(?<![\w.,])(?P<number>{_NUMBER})\s*(?:{units})", re.IGNORECASE)


@per_table
def _range(table: Labels) -> re.Pattern[str]:
    number = r"\d{1,9}(?:[.,]\d{1,4})?"
    to = table.between("joiner.to")
    return re.compile(rf"(?P<low>{number})(?:{to})(?P<high>{number})(?!\s*/)", re.IGNORECASE)


_BARE = re.compile(rf"^{_ABOUT}(?P<number>{_NUMBER})\.?$", re.IGNORECASE)


def points_of(text: str) -> float | None:
    """The number of `3 points`, `3 SP`, `SP: 3` or `8 点`, where that is all there is."""
    match = _points().match(plain_signs(text.strip()))
    return number_of(match["number"] or match["named"]) if match else None


def points_value(text: str) -> float | None:
    """The same where a label or a column already says that points are meant, so a bare number will do."""
    match = _BARE.match(text.strip())
    return number_of(match["number"]) if match else points_of(text)


def says_points(text: str) -> bool:
    """Whether a text is about points, as `3-5 points` is, though it is no single number."""
    return _says_points().search(text.strip()) is not None


def total_of(text: str) -> float | None:
    """The number of points that a text such as `Total: 35 points` names."""
    match = _total().search(text)
    return number_of(match["number"]) if match else None


def number_range(text: str) -> tuple[float, float] | None:
    """The first range of numbers in a text, such as `40-60`."""
    match = _range().search(" ".join(text.split()))
    if match is None:
        return None
    low, high = number_of(match["low"]), number_of(match["high"])
    return (low, high) if low <= high else (high, low)
