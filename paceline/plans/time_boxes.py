"""Ranges of weeks and days as plans write them, and headings that name a sprint, a week or a day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from paceline.plans.fields import split_parenthesis, without_numbering
from paceline.plans.folding import plain_signs
from paceline.plans.labels import Labels, Words, heading_word, labels, per_table
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Section
from paceline.plans.quantities import points_of, whole_number

_RANGE = r"(?P<first>\d{1,4})(?:TO(?:(?:WORDS)\s*)?(?P<last>\d{1,4}))?"


def _ranges(table: Labels, concept: str) -> re.Pattern[str]:
    """`Weeks 3-4`; Chinese puts the word after the number."""
    words = table.alternation(concept)
    to = rf"(?:{table.between('joiner.to', 'joiner.and')})"
    numbers = _RANGE.replace("TO", to).replace("WORDS", words)
    after = numbers.replace("<first>", "<first_cjk>").replace("<last>", "<last_cjk>")
    worded = rf"(?:{words})\s*#?{numbers}(?![\w.])"
    return re.compile(
        rf"(?<!\w)(?:{worded}|\u7b2c?\s*{after}\s*(?:{words})(?<=[\u2e80-\u9fff]))", re.IGNORECASE
    )


_weeks = per_table(lambda table: _ranges(table, "heading.week"))
_days = per_table(lambda table: _ranges(table, "heading.day"))


@per_table
def _sprint(table: Labels) -> re.Pattern[str]:
    words = table.alternation("heading.sprint", "heading.iteration")
    return _box_pattern(words)


@per_table
def _other_box(table: Labels) -> re.Pattern[str]:
    return _box_pattern(table.alternation("heading.milestone", "heading.week"))


def _box_pattern(words: str) -> re.Pattern[str]:
    return re.compile(
        rf"^(?P<word>{words})\s*#?(?P<token>\d[\w.-]*?)(?:\s+(?:plan|backlog))?"
        r"(?:\s*[:\u2013\u2014\uff1a]\s*|\s+-\s+|(?=\s*[(\uff08])|\s*$)(?P<title>.*)$",
        re.IGNORECASE,
    )


_AFTER_BOX = re.compile(r"^\s*(?:[:\u2013\u2014\uff1a-]\s*)?")
_OPTIONAL = Words("value.optional")


@dataclass(frozen=True, slots=True)
class Box:
    """A heading that names a time box; `span` is its range of weeks or days, `qualifier` its parenthesis."""

    id: str
    name: str | None
    number: int | None = None
    span: tuple[int, int] | None = None
    qualifier: str | None = None
    optional: bool = False
    points: float | None = None


def week_range(text: str) -> tuple[int, int] | None:
    """First and last week that a text names, such as `Weeks 3-4`."""
    return _span(_weeks().search(_single(text)))


def day_range(text: str) -> tuple[int, int] | None:
    """First and last day that a text names, such as `Day 1-2`."""
    return _span(_days().search(_single(text)))


def sprint_match(title: str, *, other: bool = False) -> re.Match[str] | None:
    """The parts of a sprint's heading: `word`, `token` and `title`; `other` as in `sprint_box`."""
    return _sprint().match(title) or (_other_box().match(title) if other else None)


@per_table
def _sprint_anywhere(table: Labels) -> re.Pattern[str]:
    words = table.alternation("heading.sprint", "heading.iteration", "heading.milestone")
    return re.compile(rf"(?<!\w)(?P<word>{words})\s*#?(?P<number>\d{{1,6}})(?![\w.-])", re.IGNORECASE)


def sprint_in_title(title: str) -> tuple[str, int] | None:
    """The id and the number of the one sprint that a title such as `Payments: Sprint 4 plan` names."""
    found = list(_sprint_anywhere().finditer(title))
    if len(found) != 1:
        return None
    return f"{heading_word(found[0]['word'])[1]} {found[0]['number']}", int(found[0]["number"])


def sprint_box(title: str, *, other: bool = False) -> Box | None:
    """Read `Sprint 0: Foundation & Setup (Weeks 1-2)`; None where it is no sprint's heading.

    Args:
        title: of a section.
        other: whether milestones and weeks are time boxes of their own, as in a plan without sprints.
    """
    return _sprint_box_of_short(title, other, labels()) if len(title) <= _SHORT else _sprint_box(title, other)


def _sprint_box(title: str, other: bool, _: Labels | None = None) -> Box | None:
    bare = without_numbering(without_pictures(" ".join(title.split())))
    match = sprint_match(bare, other=other)
    if match is None:
        return None
    name, qualifier = split_parenthesis(match["title"].strip())
    whole = match["title"].strip()
    if qualifier is None and plain_signs(whole).startswith("(") and plain_signs(whole).endswith(")"):
        name, qualifier = "", whole[1:-1].strip()
    optional = (qualifier or "x") in _OPTIONAL
    span = week_range(qualifier or "")
    # A parenthesis without a number is a part of the name, not a time.
    if qualifier is not None and not optional and not any(letter.isdigit() for letter in qualifier):
        name, qualifier = match["title"].strip(), None
    points = points_of(qualifier or "")
    token = match["token"]
    return Box(
        id=f"{heading_word(match['word'])[1]} {token}",
        name=name.strip() or None,
        number=whole_number(token),
        span=span or week_range(name),
        qualifier=None if optional or points is not None else qualifier,
        points=points,
        optional=optional,
    )


_SHORT = 200
"""Characters of headings that are remembered: every reader asks for each of them."""
_sprint_box_of_short = lru_cache(maxsize=16_384)(_sprint_box)


def week_box(title: str) -> Box | None:
    """Read `Week 1: Infrastructure`; None where it is no week's heading."""
    return _box(_weeks(), title)


def day_box(title: str) -> Box | None:
    """Read `Day 1-2: Environment Setup`, `Monday` or a date; None where it is no day's heading."""
    box = _box(_days(), title)
    named = _named_day().match(_single(without_numbering(title))) if box is None else None
    if named is None:
        return box
    return Box(id=named["day"], name=named["name"].strip() or None)


@per_table
def _named_day(table: Labels) -> re.Pattern[str]:
    words = table.alternation("weekday")
    date = r"\d{4}-\d{2}-\d{2}(?!\d)"
    days = rf"(?:{words})(?: ?(?:[,/&-]|and) ?(?:{words})){{0,6}}(?:,? {date})?"
    return re.compile(
        rf"^(?P<day>{days}|{date})(?:\s*[:\uff1a\u2013\u2014]\s*|\s+-\s+|$)(?P<name>.*)$", re.IGNORECASE
    )


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
