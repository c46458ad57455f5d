"""What was measured of a plan's aims, by whom, and what follows from it; the newest measurement counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from paceline.domain.aims import NAME_LIMIT, Aim, AimKind, Verdict, comparison_of, fold, judge
from paceline.domain.model import Model
from paceline.domain.quantities import Quantity, in_unit, leading, with_unit

NOTE_LIMIT = 2000
_WORDS = {
    **dict.fromkeys(("met", "yes", "pass", "passed", "true", "holds"), Verdict.MET),
    **dict.fromkeys(("missed", "no", "fail", "failed", "false", "not met"), Verdict.MISSED),
    "unknown": Verdict.UNKNOWN,
}
_WORD = re.compile(rf"(?P<word>{'|'.join(_WORDS)})(?!\w)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)


class Source(StrEnum):
    """Where an actual value comes from."""

    COUNT = "count"
    """Paceline counted it."""
    COMMAND = "command"
    """A command on the sprint's branch."""
    PERSON = "person"
    PLAN = "plan"
    """The plan itself has it ticked off."""


class Said(Model):
    """What somebody says of an aim: a number, or a verdict in words, and what stands behind it."""

    value: str | None = None
    """The number, plainly written."""
    unit: str | None = None
    verdict: Verdict | None = None
    """Said in words; None: the number decides."""
    note: str = Field(default="", max_length=NOTE_LIMIT)

    @property
    def quantity(self) -> Quantity | None:
        """The number with its unit."""
        return Quantity(Decimal(self.value), self.unit) if self.value is not None else None


class MeasurementDraft(Said):
    """A measurement before it is stored; the first of an id stays."""

    id: str = Field(min_length=1, max_length=200)
    aim: str = Field(max_length=NAME_LIMIT)
    """The name of the aim."""
    target: str
    """As it was then: what was said in words of another target says nothing of today's."""
    sprint: str = ""
    """The sprint at whose end it was taken; empty where it was at another time."""
    source: Source
    actor: str = Field(default="paceline", min_length=1, max_length=200)
    command: str | None = None
    evidence: str | None = None
    """Id of the artifact with the command's output."""
    commit: str | None = None
    """The commit that the command ran on."""


class Measurement(MeasurementDraft):
    """One measurement of a run; they are only ever added."""

    project: str
    number: int
    at: datetime


class AimState(Model):
    """An aim with its newest measurement, and whether it is reached."""

    number: int
    """Its place in the list, from 1; it stands for the name where people answer."""
    name: str
    kind: AimKind
    target: str
    category: str | None = None
    sprint: str | None = None
    verdict: Verdict = Verdict.UNKNOWN
    actual: str | None = None
    reason: str = ""
    source: Source | None = None
    actor: str | None = None
    at: datetime | None = None
    measurement: str | None = None
    """Id of the measurement."""
    evidence: str | None = None


class MetricsReport(Model):
    """Every aim of a run, and whether its sprints were a success."""

    project: str
    aims: list[AimState]
    sprints: dict[str, Verdict]
    """Of each sprint with success criteria: met only when each of them is."""


def read_said(text: str) -> Said | None:
    """What a person typed for an aim; None where it is neither a number nor a verdict.

    Args:
        text: such as `92.5 %`, `80 ms, from the load test` or `met: shown to the customer`.
    """
    text = " ".join(text.split())
    word = _WORD.match(text)
    if word is not None:
        return Said(verdict=_WORDS[word["word"].lower()], note=_note(word["rest"]))
    found = leading(text)
    if found is None:
        return None
    quantity, rest = found
    if quantity.unit is None and (spaced := re.match(r"\s([^\W\d_]+)\b", rest)):
        # `3 bugs`: a word that may be what the target counts.
        quantity, rest = Quantity(quantity.value, spaced[1]), rest[spaced.end() :]
    if rest.strip() and rest.strip()[0] not in ",;:(-\u2013\u2014":
        return None
    return Said(value=with_unit(quantity.value, None), unit=quantity.unit, note=_note(rest))


def misfit_of(aim: Aim, said: Said) -> str | None:
    """Why what was said is no value for this aim; None where it is one."""
    quantity = said.quantity
    if quantity is None:
        return None
    target = comparison_of(aim)
    if isinstance(target, str):
        return f"{aim.name}: {quantity} cannot be compared, as {target}; say met or missed."
    if in_unit(quantity, target.unit) is None:
        return f"{aim.name}: {quantity} is in another unit than its target, {target}; say it in that one."
    return None


def aim_states(aims: Sequence[Aim], measured: Iterable[Measurement]) -> list[AimState]:
    """Where every aim stands.

    Args:
        aims: of the plan in force.
        measured: of the run, oldest first.
    """
    newest = {fold(each.aim): each for each in measured}
    return [_state(number, aim, newest.get(fold(aim.name))) for number, aim in enumerate(aims, 1)]


def sprint_verdicts(states: Iterable[AimState]) -> dict[str, Verdict]:
    """Of each sprint with success criteria, whether it was a success; not while one is open."""
    found: dict[str, list[Verdict]] = {}
    for state in states:
        if state.kind is AimKind.CRITERION and state.sprint is not None:
            found.setdefault(state.sprint, []).append(state.verdict)
    return {sprint: together(verdicts) for sprint, verdicts in found.items()}


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Of several that must all be met."""
    if Verdict.MISSED in verdicts:
        return Verdict.MISSED
    return Verdict.UNKNOWN if Verdict.UNKNOWN in verdicts else Verdict.MET


def counts_of(states: Iterable[AimState]) -> Mapping[Verdict, int]:
    """How many aims have which verdict; those that none has are left out."""
    found: dict[Verdict, int] = {}
    for state in states:
        found[state.verdict] = found.get(state.verdict, 0) + 1
    return {verdict: found[verdict] for verdict in Verdict if verdict in found}


def _state(number: int, aim: Aim, measured: Measurement | None) -> AimState:
    state = AimState(
        number=number,
        name=aim.name,
        kind=aim.kind,
        target=aim.target,
        category=aim.category,
        sprint=aim.sprint,
    )
    if measured is None:
        if aim.checked:
            ticked = {"verdict": Verdict.MET, "source": Source.PLAN, "reason": "ticked off in the plan"}
            return state.model_copy(update=ticked)
        return state.model_copy(update={"reason": "not measured"})
    quantity = measured.quantity
    if measured.verdict is not None and measured.target != aim.target:
        verdict, why = Verdict.UNKNOWN, "it was judged by another target"
    elif measured.verdict is not None:
        verdict, why = measured.verdict, ""
    elif quantity is not None:
        verdict, why = judge(aim, quantity)
    else:
        verdict, why = Verdict.UNKNOWN, ""
    return state.model_copy(
        update={
            "verdict": verdict,
            "actual": str(quantity) if quantity is not None else None,
            "reason": ": ".join(part for part in (why, measured.note) if part),
            "source": measured.source,
            "actor": measured.actor,
            "at": measured.at,
            "measurement": measured.id,
            "evidence": measured.evidence,
        }
    )


def _note(rest: str) -> str:
    said = rest.strip().strip(",;:-\u2013\u2014").strip()
    if said.startswith("(") and said.endswith(")"):
        said = said[1:-1].strip()
    return said[:NOTE_LIMIT]
