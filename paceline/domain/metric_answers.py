"""The question for what has no actual value, and what an answer says of each aim."""

from __future__ import annotations

import re
from collections.abc import Sequence

from paceline.domain.aims import Aim, Verdict, find_aim
from paceline.domain.measurements import Said, misfit_of, read_said
from paceline.domain.questions import Answer, Decision, Option

SHOWN = 100
"""Aims that one question lists; what is left comes with the next."""
CHARACTERS = 60_000
"""Of the names and targets of those together, as they cross Temporal's wire; one is always listed."""
_BULLET = re.compile(r"^[-*\u2022]\s+")


def metrics_question(sprint: str, aims: Sequence[Aim]) -> str:
    """What a person is asked, aim by aim."""
    lines = [
        f"{number}. {aim.name}" + (f": {aim.target}" if aim.target != aim.name else "")
        for number, aim in enumerate(aims, 1)
    ]
    shown = "\n".join(" ".join(line.split())[:180] for line in lines)
    return (
        f"{sprint} has ended, and nothing measured these. Are they met?\n\n{shown}\n\n"
        "Approve: all are met. Choose: those are met. Amend: a line for each that you know, its number or "
        "name, a colon, and a value or met or missed, such as `1: 92.5 %`. Reject: nobody can say it now."
    )[:20_000]


def listed(aims: Sequence[Aim]) -> list[Aim]:
    """The first of some aims, as many as one question may list."""
    found: list[Aim] = []
    left = CHARACTERS
    for aim in aims[:SHOWN]:
        left -= len(aim.name) + len(aim.target) + len(aim.command or "")
        if found and left < 0:
            break
        found.append(aim)
    return found


def metric_options(aims: Sequence[Aim]) -> list[Option]:
    """What can be chosen: the numbers in the question."""
    return [Option(name=str(number), text=aim.name[:2000]) for number, aim in enumerate(aims, 1)]


def read_answer(answer: Answer, aims: Sequence[Aim]) -> list[tuple[Aim, Said]] | str:
    """What an answer says of each aim that it speaks of; else why it cannot be taken.

    Args:
        answer: to the question about just these aims.
        aims: as listed there; those that the answer does not name stay as they are.
    """
    if answer.decision is Decision.REJECT:
        return []
    if answer.decision is Decision.AMEND:
        return _read_lines(answer.text, aims)
    chosen = aims
    if answer.decision is Decision.CHOOSE:
        chosen = [aim for number, aim in enumerate(aims, 1) if str(number) in answer.chosen]
    return [(aim, Said(verdict=Verdict.MET, note=answer.text[:2000])) for aim in chosen]


def _read_lines(text: str, aims: Sequence[Aim]) -> list[tuple[Aim, Said]] | str:
    found: dict[str, tuple[Aim, Said]] = {}
    for line in filter(None, map(_bare, _lines(text, aims))):
        split = _split(line, aims)
        if split is None:
            return f"`{line[:100]}` names nothing that was asked: write its number or name, then a colon."
        aim, value = split
        said = read_said(value)
        if said is None:
            return f"`{value[:100]}` is no value for {aim.name}: write a number, met or missed."
        refusal = misfit_of(aim, said)
        if refusal is not None:
            return refusal
        if aim.name in found:
            return f"{aim.name} is named twice: say it once."
        found[aim.name] = aim, said
    return list(found.values())


def _lines(text: str, aims: Sequence[Aim]) -> list[str]:
    """Lines; a semicolon ends one as a new line does, but in a name, or before words without a colon."""
    lines: list[str] = []
    for line in text.splitlines():
        first, *more = line.split(";")
        lines.append(first)
        for part in more:
            names = _split(part.strip(), aims) is not None
            in_name = not names and _split(_bare(lines[-1]), aims) is None
            note = not names and not any(sign in part for sign in ":=")
            if in_name or note:
                lines[-1] += f";{part}"
            else:
                lines.append(part)
    return lines


def _bare(line: str) -> str:
    return _BULLET.sub("", line.strip())


def _split(line: str, aims: Sequence[Aim]) -> tuple[Aim, str] | None:
    """The aim that a line begins with, and what it says of it; names may have colons themselves."""
    for place in (at for at, sign in enumerate(line) if sign in ":="):
        aim = find_aim(aims, line[:place].strip())
        if aim is not None:
            return aim, line[place + 1 :].strip()
    return None
