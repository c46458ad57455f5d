"""A plan's file as the commands take it: its path or standard input, read or refused in one sentence."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from paceline.domain.plan import Plan
from paceline.errors import PacelineError, PlanUnreadable
from paceline.plans.document import decode_plan
from paceline.plans.reader import read_plan

PlanArgument = Annotated[str, typer.Argument(metavar="PLAN", help="A plan file, or - for standard input.")]
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
    try:
        return _read(plan)
    except PacelineError as error:
        _refuse(error.message)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        _refuse(f"{plan} cannot be read ({reason}); give the path of a plan.")


def place_of(plan: str) -> str:
    """What findings call the plan that this argument names."""
    return "<stdin>" if plan == "-" else plan


def _read(plan: str) -> LoadedPlan:
    if plan == "-":
        text = decode_plan(sys.stdin.buffer.read())
        return LoadedPlan(read_plan(text), {"": text})
    if "\0" in plan:
        raise PlanUnreadable("The path of the plan contains a NUL character; give the path of a plan.")
    path = Path(plan)
    text = decode_plan(path.read_bytes(), path.name)
    return LoadedPlan(read_plan(text, path.name), {path.name: text})


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(UNREADABLE)
