"""What the references of a plan mean: dependencies as people write them, and names of agents."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from paceline.domain.plan import Dependency, Finding
from paceline.plans.fields import split_parenthesis
from paceline.plans.findings import Code, finding
from paceline.plans.folding import plain_signs
from paceline.plans.labels import Labels, Words, per_table
from paceline.plans.quantities import numbers_in, whole_number

Kind = Literal["story", "epic"]
_KINDS: tuple[Kind, ...] = ("story", "epic")

NOTHING = Words("value.nothing")
PARTIAL = Words("value.partial")
UNDECIDED = Words("value.undecided")
_EPIC_WORDS = ("heading.epic", "plural.epic")
_WORK_WORDS = ("heading.story", "plural.story", "heading.task", "plural.task", "heading.work_item")


@per_table
def _kind_word(table: Labels) -> re.Pattern[str]:
    epics, work = table.alternation(*_EPIC_WORDS), table.alternation(*_WORK_WORDS)
    return re.compile(rf"^(?:(?P<epic>{epics})|{work})(?!-?[^\W\d])[\s:\uff1a#]*(?P<rest>.*)$", re.IGNORECASE)


@per_table
def _range(table: Labels) -> re.Pattern[str]:
    return re.compile(table.between("joiner.to"), re.IGNORECASE)


@per_table
def _phrases(table: Labels) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What stands before and after a name in `after Story 1.1 is done` and `all of Epic 1`."""
    before = table.alternation("dependencies", "joiner.after", "joiner.all_of")
    after = table.alternation("value.done", "joiner.finished")
    return (
        re.compile(rf"^(?:{before})\s*[:\uff1a]?\s*", re.IGNORECASE),
        re.compile(
            rf"(?: (?:is|are|must be|to be))? (?:{after})$|(?<=[\w)])(?:{after})(?<=[\u2e80-\u9fff])$",
            re.IGNORECASE,
        ),
    )


@per_table
def _and_without_blanks(table: Labels) -> re.Pattern[str]:
    """The joiners of languages that write no blanks."""
    words = [word for word in table.words("joiner.and") if not word.isascii() and word.isalpha()]
    return re.compile("|".join(rf"(?<=\w)\s*{re.escape(word)}\s*(?=\w)" for word in words) or "(?!)")


_LONGEST_RANGE = 300
"""Characters of a range; every hyphen may be the one between its ends."""
_LINK = re.compile(r"^\[(?P<text>[^\[\]]{1,100})\](?:\([^()]{0,250}\))?(?P<rest>.*)$")
_ONLY = re.compile(r"^(?:only|just) | only$", re.IGNORECASE)
_NUMBERS = re.compile(r"\d+")
_MOST_LISTED = 20
"""Ids that a sentence names."""


def key(text: str) -> str:
    """The form in which names are compared: lower case, single blanks, no backticks or closing stop."""
    return " ".join(text.replace("`", "").lower().split()).rstrip(".")


@dataclass(frozen=True, slots=True)
class Target:
    """Something that a dependency can name."""

    id: str
    title: str
    kind: Kind


class Targets:
    """The stories and epics of a plan by every form in which a plan may name them."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._ordered = {kind: [t for t in targets if t.kind == kind] for kind in _KINDS}
        self._places: dict[Kind, dict[Target, int]] = {}
        self._numbered: dict[Kind, list[tuple[tuple[int, ...], int]]] = {}
        for kind in _KINDS:
            ordered = self._ordered[kind]
            # Of equal ones the first counts.
            self._places[kind] = {target: place for place, target in reversed(list(enumerate(ordered)))}
            self._numbered[kind] = sorted((numbers_in(t.id), place) for place, t in enumerate(ordered))
        self._full: dict[str, Target] = {}
        self._short: dict[Kind, dict[str, Target | None]] = {"story": {}, "epic": {}}
        for target in targets:
            self._full.setdefault(key(target.id), target)
            for form in _short_forms(target.id):
                self._add_short(target, form)
        for target in targets:
            self._full.setdefault(key(target.title), target)

    def find(self, name: str, kind: Kind | None) -> Target | None:
        """The target that a name stands for; a bare number is a story's before it is an epic's."""
        wanted = key(name)
        exact = self._full.get(wanted)
        if exact is not None and (kind is None or exact.kind == kind):
            return exact
        kinds: tuple[Kind, ...] = _KINDS if kind is None else (kind,)
        for each in kinds:
            for form in (wanted, *_short_forms(name)):
                found = self._short[each].get(form)
                if found is not None:
                    return found
        return None

    def between(self, first: Target, last: Target) -> list[Target]:
        """The targets of a range, both ends included: by their numbers, else by their places in the plan."""
        ordered = self._ordered[first.kind]
        low, high = numbers_in(first.id), numbers_in(last.id)
        if low and high and len(low) == len(high):
            numbered = self._numbered[first.kind]
            start, end = bisect_left(numbered, (low,)), bisect_right(numbered, (high, len(ordered)))
            return [ordered[place] for place in sorted(place for _, place in numbered[start:end])]
        places = self._places[first.kind]
        return ordered[places[first] : places[last] + 1]

    def _add_short(self, target: Target, form: str) -> None:
        known = self._short[target.kind]
        # Two targets with one short form: it names neither.
        known[form] = target if form not in known or known[form] == target else None


def _short_forms(name: str) -> list[str]:
    """`Story 1.1` is also `1.1`; `STORY-001` also `001` and `1`."""
    bare = key(name)
    match = _kind_word().match(bare)
    if match:
        bare = match["rest"].lstrip("-")
    forms = [bare]
    head, dash, tail = bare.rpartition("-")
    if dash and head.isalpha() and len(head) > 1 and _NUMBERS.match(tail):
        forms.append(tail)
        forms.extend(_without_zeros(tail))
    forms.extend(_without_zeros(bare))
    return forms


def _without_zeros(text: str) -> list[str]:
    number = whole_number(text)
    return [] if number is None else [str(number)]


class DependencyReader:
    """Reads what stands after `Dependencies`; collects its remarks in `warnings`."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self.warnings: list[Finding] = []

    def read(self, written: str, line: int) -> list[Dependency]:
        """The references of one line.

        Args:
            written: such as `None`, `Epic 1 (partial)`, `Epics 1-3`, `Epic 1, Story 2.1 and 2.2`.
            line: 1-based source line.

        Returns:
            One entry for every reference, in order. What names nothing known is kept with nothing resolved;
            the linter refuses it.
        """
        if written in NOTHING or key(written) in NOTHING:
            return []
        found: list[Dependency] = []
        kind: Kind | None = None
        for part in self._parts(written):
            if key(part) in NOTHING or self._is_undecided(part, line):
                continue
            dependency, kind = self._one(part, kind, line)
            found.append(dependency)
        return found

    def _parts(self, written: str) -> list[str]:
        parts: list[str] = []
        for part in split_outside(written, ",;"):
            parts.extend([part] if self._targets.find(part, None) is not None else split_joined(part))
        return parts

    def _one(self, part: str, carried: Kind | None, line: int) -> tuple[Dependency, Kind | None]:
        name, qualifier = split_parenthesis(part)
        kind, bare = _split_kind(name)
        kind = kind or carried
        target = self._find(name, bare, kind)
        plain = _without_phrases(part)
        if target is None and plain != part:
            found, carried = self._one(plain, kind, line)
            return found.model_copy(update={"as_written": part}), carried
        if target is not None:
            if qualifier is not None and key(qualifier) == key(target.title):
                qualifier = None
            narrowed = self._narrowed(qualifier, target)
            if narrowed:
                return Dependency(as_written=part, resolved=narrowed, line=line), kind
            self._remark_qualifier(part, qualifier, target, line)
            return Dependency(as_written=part, resolved=[target.id], qualifier=qualifier, line=line), kind
        ids = self._range(part, bare, kind, line)
        return Dependency(as_written=part, resolved=ids, qualifier=qualifier, line=line), kind

    def _narrowed(self, qualifier: str | None, target: Target) -> list[str]:
        """The stories that `Epic 1 (Story 1.2 only)` names."""
        if qualifier is None or target.kind != "epic" or len(qualifier) > _LONGEST_RANGE:
            return []
        bare = _ONLY.sub("", qualifier)
        found = [self._targets.find(name, "story") for name in self._parts(bare)]
        return [] if None in found else [each.id for each in found if each is not None]

    def _is_undecided(self, part: str, line: int) -> bool:
        if part not in UNDECIDED or self._targets.find(part, None) is not None:
            return False
        self.warnings.append(
            finding(
                Code.VALUE_UNDECIDED,
                f"A dependency is `{part}`, so nothing is awaited for it.",
                "Write the dependency once it is known, or `None`.",
                line,
            )
        )
        return True

    def _find(self, name: str, bare: str, kind: Kind | None) -> Target | None:
        """By the name as it is, then without a title after a colon or a spaced hyphen."""
        for form in (name, bare, name.partition(":")[0], name.partition(" - ")[0]):
            target = self._targets.find(form, kind) if form else None
            if target is None and form == name:
                target = self._targets.find(form, None)
            if target is not None:
                return target
        return None

    def _range(self, part: str, bare: str, kind: Kind | None, line: int) -> list[str]:
        if len(bare) > _LONGEST_RANGE:
            return []
        bare = " ".join(bare.split())
        for separator in _range().finditer(bare):
            ends = bare[: separator.start()].strip(), bare[separator.end() :].strip()
            ids = self._between(part, *ends, kind, line) if all(ends) else []
            if ids:
                return ids
        return []

    def _between(self, part: str, first_name: str, last_name: str, kind: Kind | None, line: int) -> list[str]:
        first = self._targets.find(first_name, kind)
        last_kind, last_name = _split_kind(last_name)
        last = self._targets.find(last_name, last_kind or (first.kind if first else kind))
        if first is None or last is None or first.kind != last.kind:
            return []
        ids = [target.id for target in self._targets.between(first, last)]
        self._remark_gaps(part, first, last, ids, line)
        return ids

    def _remark_gaps(self, part: str, first: Target, last: Target, ids: list[str], line: int) -> None:
        low, high = numbers_in(first.id), numbers_in(last.id)
        if not low or low[:-1] != high[:-1]:
            return
        expected = high[-1] - low[-1] + 1
        if expected != len(ids):
            self.warnings.append(
                finding(
                    Code.RANGE_WITH_GAPS,
                    f"`{part}` spans {expected} numbers, and the plan has {len(ids)}: {_listed(ids)}.",
                    "List the ids one by one if another one was meant.",
                    line,
                )
            )

    def _remark_qualifier(self, part: str, qualifier: str | None, target: Target, line: int) -> None:
        if qualifier is None or (key(qualifier) in PARTIAL and target.kind == "epic"):
            return
        self.warnings.append(
            finding(
                Code.QUALIFIER_NOT_UNDERSTOOD,
                f"`({qualifier})` does not narrow the dependency on `{target.id}`: all of it is awaited.",
                "Name the stories that are really needed, or delete the remark.",
                line,
            )
        )


def _listed(ids: list[str]) -> str:
    return ", ".join(ids[:_MOST_LISTED]) + (" and others" if len(ids) > _MOST_LISTED else "")


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


def _without_phrases(part: str) -> str:
    """A name without what only says that it is awaited, and without brackets or a link around it."""
    if len(part) > _LONGEST_RANGE:
        return part
    before, after = _phrases()
    bare = " ".join(part.split())
    link = _LINK.match(bare)
    if link is not None:
        return f"{link['text']}{link['rest']}"
    bare = after.sub("", before.sub("", bare)).strip()
    return bare.removeprefix("#") or part


def _split_kind(text: str) -> tuple[Kind | None, str]:
    match = _kind_word().match(text.strip())
    if match is None:
        return None, text.strip()
    return ("epic" if match["epic"] else "story"), match["rest"].strip()
