"""What the references of a plan mean: dependencies as people write them, and names of agents."""

from __future__ import annotations

import re

from paceline.domain.plan import Dependency, Finding
from paceline.plans.fields import split_parenthesis
from paceline.plans.findings import Code, finding
from paceline.plans.labels import Labels, Words, per_table
from paceline.plans.quantities import numbers_in
from paceline.plans.splitting import split_joined, split_outside
from paceline.plans.targets import Kind, Target, Targets, key, split_kind

NOTHING = Words("value.nothing")
PARTIAL = Words("value.partial")
UNDECIDED = Words("value.undecided")


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


_LONGEST_RANGE = 300
"""Characters of a range; every hyphen may be the one between its ends."""
_LINK = re.compile(r"^\[(?P<text>[^\[\]]{1,100})\](?:\([^()]{0,250}\))?(?P<rest>.*)$")
_ONLY = re.compile(r"^(?:only|just) | only$", re.IGNORECASE)
_MOST_LISTED = 20
"""Ids that a sentence names."""


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
        kind, bare = split_kind(name)
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
        last_kind, last_name = split_kind(last_name)
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
