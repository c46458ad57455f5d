"""`paceline plan check`: what is wrong with a plan."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from paceline.cli.plan_files import FAILED, JsonOption, PlanArgument, load_plan, place_of
from paceline.cli.terminal import counted
from paceline.domain.plan import Finding
from paceline.plans.lint import check_plan, has_errors


def check(
    plan: PlanArgument,
    as_json: JsonOption = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
) -> None:
    """Say what is wrong with a plan; exit with 1 where a run would be refused."""
    findings = check_plan(load_plan(plan))
    if as_json:
        sys.stdout.write(json.dumps([each.model_dump() for each in findings], indent=2) + "\n")
    else:
        console = Console(soft_wrap=True)
        for each in findings:
            console.print(finding_line(place_of(plan, each.file), each))
        console.print(Text(_verdict(findings)))
    if has_errors(findings) or (strict and findings):
        raise typer.Exit(FAILED)


def finding_line(place: str, found: Finding) -> Text:
    """A finding in one line: place, code, severity, sentence, remedy."""
    line = Text(f"{place}:{found.line or 1}: ")
    style = "bold red" if found.severity == "error" else "yellow"
    line.append(f"{found.code} {found.severity}", style=style)
    line.append(f": {found.message}")
    if found.remedy:
        line.append(f" → {found.remedy}", style="dim")
    return line


def _verdict(findings: list[Finding]) -> str:
    errors = sum(each.severity == "error" for each in findings)
    if not findings:
        return "No findings: the plan can run."
    ending = "a run would be refused." if errors else "the plan can run."
    warnings = len(findings) - errors
    return f"{counted(errors, 'error')}, {counted(warnings, 'warning')}: {ending}"
