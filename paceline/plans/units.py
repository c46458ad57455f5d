"""What the number of a metric counts: its unit, with the qualifier and the rate that stand around it."""

from __future__ import annotations

import re

_TIME_WORDS = {
    "second": "seconds",
    "minute": "minutes",
    "hour": "hours",
    "day": "days",
    "week": "weeks",
}
_UNITS = frozenset({"ms", "s", "mb", "gb", *_TIME_WORDS, *_TIME_WORDS.values()})
_STOP_AT = frozenset(
    {"for", "per", "of", "in", "with", "at", "on", "within", "to", "and", "or", "by", "from"}
)
_QUALIFIER = re.compile(r"(?<!\w)(p\d{2,3}|median|average|avg|mean|peak)(?!\w)", re.IGNORECASE)
_RATE = re.compile(
    r"(?<!\w)(?:for|per)\s+(\d[\d,]{0,30}(?:\.\d{1,9})?)\s?(k|m)?\s+([^\W\d]\w*)", re.IGNORECASE
)
_COUNT = re.compile(r"^(?:number of\s+(?P<many>\w+)|(?P<one>\w+)\s+count)$", re.IGNORECASE)
MULTIPLES = {"k": 1_000, "m": 1_000_000}


def unit_of(name: str, before: str, attached: str | None, rest: str) -> str | None:
    """The unit of a metric's number.

    Args:
        name: of the metric; `Bug count` counts bugs.
        before: the target up to the number, where a qualifier such as `P95` stands.
        attached: what is stuck to the number, such as `%` or `ms`.
        rest: the target after that.

    Returns:
        Such as `percent`, `ms`, `seconds (P95)` or `seconds per 10000 records`.
    """
    unit = _bare(attached, rest) or _counted(name)
    qualifier = _QUALIFIER.search(before)
    rate = _RATE.search(rest)
    if unit is not None and rate is not None:
        many = float(rate[1].replace(",", "")) * MULTIPLES.get((rate[2] or "").lower(), 1)
        unit = f"{unit} per {many:.12g} {rate[3].lower()}"
    return f"{unit} ({qualifier[1]})" if unit is not None and qualifier is not None else unit


def _bare(attached: str | None, rest: str) -> str | None:
    """The unit beside a number: a sign, letters stuck to it, a unit's word, else the noun it counts."""
    if attached == "%":
        return "percent"
    if attached:
        return attached
    phrase: list[str] = []
    for word in rest.replace(",", " , ").split():
        bare = word.strip(".;:()").lower()
        if bare in _STOP_AT or bare in {",", ""}:
            break
        phrase.append(_TIME_WORDS.get(bare, bare))
        if bare in _UNITS:
            break
    if phrase and phrase[0] in {"%", "percent"}:
        return "percent"
    return phrase[-1] if phrase else None


def _counted(name: str) -> str | None:
    match = _COUNT.match(name.strip())
    if match is None:
        return None
    noun = (match["many"] or match["one"]).lower()
    return noun if noun.endswith("s") else f"{noun}s"
