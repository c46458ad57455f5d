"""What the end of a command says of the aim that it measures."""

from __future__ import annotations

from paceline.domain.aims import Aim, Verdict, comparison_of
from paceline.domain.measurements import Said
from paceline.domain.quantities import last, with_unit

_NOT_FOUND = (126, 127)
"""What a shell ends with where a command is not there, or is no program."""


def said_by_command(aim: Aim, exit_code: int | None, timed_out: bool, output: str) -> Said:
    """A number for a target with one, and a yes or no for one in words; no number is made up.

    Args:
        aim: what the command measures.
        exit_code: of its shell; None where that did not start, negative for a signal.
        timed_out: it was stopped at its time limit.
        output: the end of its standard output.
    """
    if timed_out:
        return _nothing("the command reached its time limit")
    if exit_code is None or exit_code < 0 or exit_code in _NOT_FOUND:
        return _nothing(f"the command did not run ({'no shell' if exit_code is None else exit_code})")
    ended = f"the command ended with status {exit_code}"
    if isinstance(comparison_of(aim), str):
        return Said(verdict=Verdict.MISSED if exit_code else Verdict.MET, note=ended)
    if exit_code:
        return _nothing(ended)
    found = last(output)
    if found is None:
        return _nothing("the command printed no number")
    return Said(value=with_unit(found.value, None), unit=found.unit)


def _nothing(why: str) -> Said:
    return Said(verdict=Verdict.UNKNOWN, note=why)
