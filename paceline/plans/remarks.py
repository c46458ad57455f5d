"""What stands behind a title: points, priority, agents and dependencies, in brackets or after a dash."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from paceline.plans.folding import plain_signs
from paceline.plans.labels import Labels, Words, per_table
from paceline.plans.left_out import left_out
from paceline.plans.quantities import number_of, points_of, says_points

_PARTS = re.compile(r"[;|\u00b7]|,(?!\d)|(?<!\d),")
_SEPARATORS = "-\u2013\u2014:|,\u00b7"
_SEGMENT = re.compile(r"(?<= )[-\u2013\u2014|\u00b7\u2022] ")
_NAME = re.compile(r"^[A-Z][\w.]{0,30}(?: [A-Z][\w.]{0,30})?$")
_CALLED = re.compile(r" @(?P<name>\w[\w.-]*)$")
_BARE_NUMBER = re.compile(r"^\d{1,2}(?:[.,]\d)?$")
_ID = re.compile(r"^#?(?:[A-Za-z]+[-_ ]){0,5}[A-Za-z]*\d[\w.-]*$")
_DONE = Words("value.done")
_ALSO_TITLES = frozenset({"x", "yes", "ja", "s\u00ed", "si", "oui", "\u662f"})
_LONGEST = 400
"""Characters that one remark may have."""
_MOST = 12
"""Remarks behind one title."""
_PERSON = re.compile(r"^(?:[^\W\d_][\w'\u2019.-]{1,30})(?: [^\W\d_][\w'\u2019.-]{0,30}){0,2}$")
_STATES = Words("value.open", "value.undecided", "value.nothing", "value.nobody", "value.optional")


@per_table
def _depends(table: Labels) -> re.Pattern[str]:
    """`after` is also a word about time, so only a number shows that it names work."""
    sure, other = table.alternation("dependencies"), table.alternation("joiner.after")
    return re.compile(
        rf"^(?:(?:{sure})|(?:{other})(?=[^\d]*\d))\s*[:\uff1a]?\s*(?P<what>\S.*)$", re.IGNORECASE
    )


@per_table
def _agent(table: Labels) -> re.Pattern[str]:
    words = table.alternation("agents")
    return re.compile(rf"^(?:(?:{words})\s*[:\uff1a]\s*(?P<named>\S.*)|@(?P<at>\w[\w .-]*))$", re.IGNORECASE)


@per_table
def _priority(table: Labels) -> re.Pattern[str]:
    words, labels = table.alternation("value.priority"), table.alternation("priority")
    return re.compile(
        rf"^(?:(?:{labels})\s*[:\uff1a]?\s*)?(?P<word>p\d|{words})(?:\s+(?:{labels}))?$", re.IGNORECASE
    )


@dataclass(slots=True)
class Remark:
    """What stands behind a title, such as `(3 points, high, @ada, depends on US-1.1)`."""

    points: float | None = None
    doubtful_points: str | None = None
    priority: str | None = None
    agents: str | None = None
    dependencies: list[str] = field(default_factory=list[str])
    done: bool | None = None
    assumed: str | None = None
    """A number in brackets that stands behind a title and is taken for its points."""
    presumed: str | None = None
    """A name beside the points, as in `(5 pts, Ana)`: whose it is, the plan's team says."""

    @property
    def empty(self) -> bool:
        """Whether nothing was said."""
        return self == Remark()


def take_remark(text: str, *, bare: bool = False) -> tuple[str, Remark]:
    """Split what is known about points, priority, agent and dependencies off the end of a text.

    Args:
        text: a title with what stands behind it.
        bare: whether a number alone in brackets or between bars is the points, as where an id is in front.
    """
    remark = Remark()
    for _ in range(_MOST):
        shorter = _take_last(text, remark, bare)
        if shorter is None:
            break
        text = shorter
    if remark.empty and points_of(text) is not None:
        return "", Remark(points=points_of(text))
    if remark.points is None and remark.doubtful_points is None:
        place = max(text.rfind(separator) for separator in _SEPARATORS)
        points = points_of(text[place + 1 :]) if place >= 0 else None
        if points is not None:
            remark.points, text = points, text[:place].rstrip(" \t" + _SEPARATORS)
    return text, remark


def _take_last(text: str, remark: Remark, bare: bool) -> str | None:
    """Take the last remark of a text; the text before it, or None where there is none."""
    end = plain_signs(text[-_LONGEST:])
    offset = len(text) - len(end)
    if end.endswith((")", "]")):
        start = end.rfind("(" if end.endswith(")") else "[")
        if start >= 0 and _take_parts(end[start + 1 : -1], text[offset + start + 1 : -1], remark, bare):
            return text[: offset + start].rstrip()
        return None
    if end.endswith("`"):
        start = end.rfind("`", 0, -1)
        points = points_of(end[start + 1 : -1]) if start >= 0 else None
        if points is None or remark.points is not None:
            return None
        remark.points = points
        return text[: offset + start].rstrip()
    called = _CALLED.search(end)
    if called is not None:
        remark.agents = ", ".join(filter(None, [called["name"], remark.agents]))
        return text[: offset + called.start()].rstrip(" \t|-\u2013\u2014")
    segment = next(reversed(list(_SEGMENT.finditer(end))), None)
    if segment is None:
        return None
    row = segment[0][0] in "|\u00b7\u2022"
    last = end[segment.end() :]
    # A single word after a dash is a priority only beside another remark.
    if not row and remark.empty and _priority().match(last) and " " not in last:
        return None
    before = end[: segment.start()].rstrip()
    if not _take_parts(last, text[offset + segment.end() :], remark, bare and row):
        # A name after the points, as in `Title - 5 pts - Ada`, says who does it.
        points = _SEGMENT.split(before)[-1]
        if remark.agents or not _NAME.match(last) or points_of(points) is None:
            return None
        remark.agents = last
    return text[: offset + segment.start()].rstrip()


def _take_parts(inner: str, written: str, remark: Remark, bare: bool) -> bool:
    """Whether every part is known; of others, what is certain is noted and the text stays as it is."""
    found = replace(remark, dependencies=[])
    whole = points_of(inner) is not None or (bare and _BARE_NUMBER.match(inner) is not None)
    parts = [written] if whole else [part.strip() for part in _PARTS.split(inner)]
    known = [_take_part(part, found, bare) for part in parts]
    certain = found.agents != remark.agents or found.points != remark.points
    unknown = [part for part, is_known in zip(parts, known, strict=True) if not is_known]
    if bare and found.points is not None and len(unknown) == 1 and _may_be_person(unknown[0]):
        found.presumed, known = unknown[0], [True]
    if not all(known) and not certain:
        return False
    remark.points, remark.doubtful_points = found.points, found.doubtful_points
    remark.priority, remark.agents, remark.assumed = found.priority, found.agents, found.assumed
    remark.done, remark.presumed = found.done, found.presumed
    remark.dependencies = [*found.dependencies, *remark.dependencies]
    return all(known)


def _may_be_person(part: str) -> bool:
    """Whether a part is written like a name, and is no state of the work."""
    called = _PERSON.match(part) is not None and all(word[0].isupper() for word in part.split())
    return called and part not in _STATES and left_out(part) is None


def _take_part(part: str, found: Remark, bare: bool) -> bool:
    """Whether one part is known."""
    points, agent, depends = points_of(part), _agent().match(part), _depends().match(part)
    if points is not None:
        found.points = points
    elif bare and found.points is None and _BARE_NUMBER.match(part):
        found.points, found.assumed = number_of(part), part
    elif part in _DONE and part not in _ALSO_TITLES:
        found.done = True
    elif says_points(part):
        found.doubtful_points = part
    elif priority := _priority().match(part):
        found.priority = priority["word"]
    elif agent:
        name = (agent["named"] or agent["at"]).strip()
        found.agents = f"{found.agents}, {name}" if found.agents else name
    elif depends or (found.dependencies and _ID.match(part)):
        found.dependencies.append(depends["what"] if depends else part)
    else:
        return False
    return True
