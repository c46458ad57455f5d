"""What a plan wants to be so at the end: its metrics, and the success criteria of its sprints.

A target is compared with a number only where the plan says plainly what is to be compared; everything else
takes a verdict in words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from paceline.domain.model import Model
from paceline.domain.plan import Metric, Plan
from paceline.domain.quantities import Quantity, dimension, in_unit, numbers_in, with_unit

NAME_LIMIT = 500


class AimKind(StrEnum):
    """Where the plan writes it."""

    METRIC = "metric"
    """A success metric of the whole plan."""
    CRITERION = "criterion"
    """A success criterion of one sprint."""


class Verdict(StrEnum):
    """Whether an aim was reached."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"
    """Nobody said, or nothing that can be compared."""


class Aim(Model):
    """One thing that is to be so; its name is like no other's of the plan."""

    name: str
    kind: AimKind
    target: str
    category: str | None = None
    sprint: str | None = None
    op: str | None = None
    value: float | None = None
    unit: str | None = None
    command: str | None = None
    """A command that proves it, where the plan names one."""
    checked: bool = False
    """The plan itself has it ticked off."""


@dataclass(frozen=True)
class Comparison:
    """A target as a number: the operator is `<`, `<=`, `=`, `>=` or `>`, and strict as it stands."""

    op: str
    value: Decimal
    unit: str | None

    def __str__(self) -> str:
        return f"{self.op} {with_unit(self.value, self.unit)}"

    def holds(self, actual: Decimal) -> bool:
        """Whether a number in the target's unit fulfils it."""
        match self.op:
            case "<":
                return actual < self.value
            case "<=":
                return actual <= self.value
            case ">":
                return actual > self.value
            case ">=":
                return actual >= self.value
            case _:
                return actual == self.value


_WRITTEN_OP = re.compile(
    r">|<|=|\u2265|\u2264|\b(?:at least|at most|up to|no more than|more than|less than|fewer than"
    r"|over|under|above|below)\b",
    re.IGNORECASE,
)
_NOT_LESS = re.compile(r"\b(?:no|not)\s+(?:less|fewer|lower|under|below)\b", re.IGNORECASE)
_NOT_MORE = re.compile(r"\b(?:no|not)\s+(?:more|over|above|greater|higher)\b", re.IGNORECASE)
_AT_MOST = re.compile(r"\bor\s+(?:less|fewer|lower|below)\b|\bmax(?:imum)?\b", re.IGNORECASE)
_AT_LEAST = re.compile(r"\d\s?%?\+|\bor\s+(?:more|higher|above)\b|\bmin(?:imum)?\b", re.IGNORECASE)
_FEWER_IS_BETTER = re.compile(
    r"\b(?:bug|defect|error|failure|crash|incident|regression|vulnerabilit|latenc|delay|lag|duration|time"
    r"|cost|memory|cpu|size|debt|complaint|outage|downtime|warning|issue|violation)\w*",
    re.IGNORECASE,
)
_RATE = re.compile(r"\b(?:for|per)\s+\d[\d,]*(?:\.\d+)?", re.IGNORECASE)
_OF_A_RATE = re.compile(r"\s(?:per\s.*|\([^)]*\))$")


def aims_of(plan: Plan) -> list[Aim]:
    """Metrics, then the criteria of each sprint, in the plan's order.

    A name that several have is told apart by its category or sprint, and then by a number.
    """
    found = [_of_metric(each) for each in plan.metrics]
    for sprint in plan.sprints:
        found += [
            Aim(
                name=_short(item.text),
                kind=AimKind.CRITERION,
                target=item.text,
                sprint=sprint.id,
                command=item.command,
                checked=item.done is True,
            )
            for item in sprint.success_criteria
        ]
    return _told_apart(_told_apart(found, by_place=True), by_place=False)


def ended_aims(plan: Plan, sprint: str) -> list[Aim]:
    """Those that something can be said of at the end of a sprint: without the criteria of later sprints."""
    order = [each.id for each in plan.sprints]
    after = set(order[order.index(sprint) + 1 :]) if sprint in order else set[str]()
    return [aim for aim in aims_of(plan) if aim.sprint not in after]


def find_aim(aims: Sequence[Aim], name: str) -> Aim | None:
    """The aim of a name, whatever its case and blanks; else the one of that number, from 1."""
    wanted = fold(name)
    found = next((aim for aim in aims if fold(aim.name) == wanted), None)
    if found is None and wanted.isascii() and wanted.isdigit() and 0 < int(wanted[:9]) <= len(aims):
        found = aims[int(wanted[:9]) - 1]
    return found


def fold(name: str) -> str:
    """A name without its case and with single blanks."""
    return " ".join(name.split()).casefold()


def comparison_of(aim: Aim) -> Comparison | str:
    """What a number is compared with; else why nothing can be, as the second half of a sentence."""
    if aim.op is None or aim.value is None:
        return "its target is in words"
    target = " ".join(aim.target.split())
    if numbers_in(_RATE.sub(" ", target)) != 1:
        return "its target is more than one number"
    unit = _OF_A_RATE.sub("", aim.unit) if aim.unit else None
    op = _direction(aim, target, unit)
    if op is None:
        return "its target does not say whether more or less is better"
    return Comparison(op, Decimal(repr(aim.value)), unit)


def judge(aim: Aim, actual: Quantity) -> tuple[Verdict, str]:
    """Compare what was measured with the target.

    Args:
        aim: metric or criterion.
        actual: as measured.

    Returns:
        The verdict and a sentence; `unknown` where the two cannot be compared.
    """
    target = comparison_of(aim)
    if isinstance(target, str):
        return Verdict.UNKNOWN, f"{actual} cannot be compared: {target}"
    value = in_unit(actual, target.unit)
    if value is None:
        return Verdict.UNKNOWN, f"{actual} cannot be compared with {target}"
    shown = with_unit(value, target.unit)
    if target.holds(value):
        return Verdict.MET, f"{shown} is {target}"
    return Verdict.MISSED, f"{shown} is not {target}"


def _direction(aim: Aim, target: str, unit: str | None) -> str | None:
    """The operator, where the target has one or leaves no doubt; a bare number is a capacity."""
    if _NOT_LESS.search(target):
        return ">="
    if _NOT_MORE.search(target):
        return "<="
    if aim.op == "=" or _WRITTEN_OP.search(target):
        return aim.op
    if aim.value == 0:
        return "="
    if _AT_MOST.search(target):
        return "<="
    if _AT_LEAST.search(target):
        return ">="
    doubtful = dimension(unit) in ("time", "size") or _FEWER_IS_BETTER.search(f"{aim.name} {target}")
    return None if doubtful else aim.op


def _of_metric(metric: Metric) -> Aim:
    return Aim(
        name=_short(metric.name),
        kind=AimKind.METRIC,
        target=metric.target,
        category=metric.category,
        op=metric.op,
        value=metric.value,
        unit=metric.unit,
    )


def _short(text: str) -> str:
    return " ".join(text.split())[: NAME_LIMIT - 60]


def _told_apart(aims: list[Aim], *, by_place: bool) -> list[Aim]:
    counts, seen = Counter(fold(aim.name) for aim in aims), Counter[str]()
    found: list[Aim] = []
    for aim in aims:
        key = fold(aim.name)
        seen[key] += 1
        mark = (aim.category or aim.sprint) if by_place else f"#{seen[key]}"
        if counts[key] > 1 and mark:
            aim = aim.model_copy(update={"name": f"{aim.name} ({mark[:40]})"})
        found.append(aim)
    return found
