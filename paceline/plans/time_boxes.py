"""Ranges of weeks and days as plans write them, and headings that name a sprint, a week or a day."""

from __future__ import annotations

import re
from dataclasses import dataclass

from paceline.plans.fields import split_parenthesis, without_numbering
from paceline.plans.outline import Section

_DASHES = r"-|\u2010|\u2011|\u2012|\u2013|\u2014"
_TO = rf"\s*(?:{_DASHES}|to|through|until|bis|hasta|a|\u00e0|au|&|and|\u81f3|\u5230)\s*"
# One row for every language: English, German, Spanish, French; Chinese puts the word after the number.
_WEEK_WORDS = r"weeks?|wks?|wochen?|semanas?|semaines?"
_DAY_WORDS = r"days?|tage?|d[i\u00ed]as?|jours?|jour"
_SPRINT_WORDS = r"sprint|iteration|iteraci\u00f3n|it\u00e9ration|\u51b2\u523a|\u8fed\u4ee3"
_RANGE = r"(?P<first>\d{1,4})(?:TO(?:(?:WORDS)\s+)?(?P<last>\d{1,4}))?"


def _ranges(words: str, suffix: str) -> re.Pattern[str]:
    numbers = _RANGE.replace("TO", _TO).replace("WORDS", words)
    after = numbers.replace("<first>", "<first_cjk>").replace("<last>", "<last_cjk>")
    worded = rf"(?:{words})\s*#?{numbers}(?![\w.])"
    return re.compile(rf"(?<!\w)(?:{worded}|\u7b2c?\s*{after}\s*(?:{suffix}))", re.IGNORECASE)


_WEEKS = _ranges(_WEEK_WORDS, "\u5468|\u661f\u671f")
_DAYS = _ranges(_DAY_WORDS, "\u5929|\u65e5")
_SPRINT = re.compile(
    rf"^(?P<word>{_SPRINT_WORDS})\s*#?(?P<token>\d[\w.-]*?)(?:\s+(?:plan|backlog))?"
    r"(?:\s*[:\u2013\u2014\uff1a]\s*|\s+-\s+|(?=\s*\()|\s*$)(?P<title>.*)$",
    re.IGNORECASE,
)
_AFTER_BOX = re.compile(r"^\s*(?:[:\u2013\u2014\uff1a-]\s*)?")
_OPTIONAL = frozenset({"optional", "if needed", "opcional", "optionnel", "bei bedarf", "\u53ef\u9009"})


@dataclass(frozen=True, slots=True)
class Box:
    """A heading that names a time box; `span` is its range of weeks or days, `qualifier` its parenthesis."""

    id: str
    name: str | None
    number: int | None = None
    span: tuple[int, int] | None = None
    qualifier: str | None = None
    optional: bool = False


def week_range(text: str) -> tuple[int, int] | None:
    """First and last week that a text names, such as `Weeks 3-4`."""
    return _span(_WEEKS.search(_single(text)))


def day_range(text: str) -> tuple[int, int] | None:
    """First and last day that a text names, such as `Day 1-2`."""
    return _span(_DAYS.search(_single(text)))


def sprint_box(title: str) -> Box | None:
    """Read `Sprint 0: Foundation & Setup (Weeks 1-2)`; None where it is no sprint's heading."""
    match = _SPRINT.match(without_numbering(" ".join(title.split())))
    if match is None:
        return None
    name, qualifier = split_parenthesis(match["title"].strip())
    if qualifier is None and match["title"].strip().startswith("(") and match["title"].strip().endswith(")"):
        name, qualifier = "", match["title"].strip()[1:-1].strip()
    optional = (qualifier or "").lower() in _OPTIONAL
    span = week_range(qualifier or "")
    # A parenthesis without a number is a part of the name, not a time.
    if qualifier is not None and not optional and not any(letter.isdigit() for letter in qualifier):
        name, qualifier = match["title"].strip(), None
    token = match["token"]
    word = match["word"]
    return Box(
        id=f"{word[0].upper()}{word[1:].lower()} {token}",
        name=name.strip() or None,
        number=int(token) if token.isdigit() else None,
        span=span or week_range(name),
        qualifier=None if optional else qualifier,
        optional=optional,
    )


def week_box(title: str) -> Box | None:
    """Read `Week 1: Infrastructure`; None where it is no week's heading."""
    return _box(_WEEKS, title)


def day_box(title: str) -> Box | None:
    """Read `Day 1-2: Environment Setup`; None where it is no day's heading."""
    return _box(_DAYS, title)


def day_sections(root: Section) -> list[Section]:
    """The headings that name days."""
    return [section for section in root.walk() if section.level > 0 and day_box(section.title.text)]


def _box(pattern: re.Pattern[str], title: str) -> Box | None:
    bare = _single(without_numbering(title))
    match = pattern.match(bare)
    span = _span(match)
    if match is None or span is None:
        return None
    rest = bare[match.end() :]
    if rest and rest[0].isalnum():
        return None
    name = _AFTER_BOX.sub("", rest).strip()
    if name.startswith("(") and name.endswith(")") and name.count("(") == 1:
        name = name[1:-1].strip()
    number = span[0] if span[0] == span[1] else None
    return Box(id=" ".join(match[0].split()), name=name or None, number=number, span=span)


def _single(text: str) -> str:
    """Runs of blanks as one, so that no pattern takes quadratic time on them."""
    return " ".join(text.split())


def _span(match: re.Match[str] | None) -> tuple[int, int] | None:
    if match is None:
        return None
    first, last = match["first"] or match["first_cjk"], match["last"] or match["last_cjk"]
    low, high = int(first), int(last or first)
    return (low, high) if low <= high else (high, low)
