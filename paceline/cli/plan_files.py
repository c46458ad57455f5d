"""A plan as the commands take it: a file, a folder or standard input, read or refused in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from paceline.cli.plan_source import PlanSource, read_source
from paceline.cli.plan_unreadable import way_out
from paceline.cli.terminal import complain
from paceline.domain.joining import joined
from paceline.domain.plan import Plan
from paceline.errors import PacelineError

PlanArgument = Annotated[
    str, typer.Argument(metavar="PLAN", help="A plan's file or folder, or - for standard input.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

FAILED, UNREADABLE = 1, 2
"""Exit codes: the plan has errors; the plan could not be read."""


@dataclass(frozen=True)
class LoadedPlan:
    """A plan, and the texts it was read from by the name that findings have in `file`."""

    plan: Plan
    texts: dict[str, str]


def load_plan(plan: str) -> Plan:
    """Read a plan, or end with one sentence and exit code 2."""
    return load_source(plan).plan


def load_source(plan: str) -> LoadedPlan:
    """Read a plan and keep its text, or end with one sentence and exit code 2."""
    source = source_of(plan)
    try:
        return LoadedPlan(joined(source.read()), source.texts)
    except PacelineError as error:
        _refuse(f"{error.message}\n{way_out(error, plan)}".rstrip("\n"))


def source_of(plan: str) -> PlanSource:
    """The texts of a plan, or an end with one sentence and exit code 2."""
    try:
        return read_source(plan)
    except PacelineError as error:
        _refuse(error.message)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        _refuse(f"{error.filename or plan} cannot be read ({reason}); give the path of a plan.")


def place_of(plan: str, file: str | None = None) -> str:
    """What a finding calls the plan that this argument names, or the file of a folder that it is in.

    Args:
        plan: as given on the command line.
        file: the finding's.
    """
    if plan == "-":
        return "<stdin>"
    return str(Path(plan, file)) if file and Path(plan).is_dir() else plan


def _refuse(message: str) -> NoReturn:
    complain(message)
    raise typer.Exit(UNREADABLE)
