"""`paceline plan check` and `explain`: what is wrong with a plan, and what a finding means."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from paceline.cli.plan_files import FAILED, UNREADABLE, JsonOption, PlanArgument, load_source, place_of
from paceline.cli.plan_findings import print_findings, verdict
from paceline.cli.terminal import show_data
from paceline.domain.plan import Finding
from paceline.plans.catalogue import entries
from paceline.plans.catalogue import explain as entry_of
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.lint_near import Nearest
from paceline.plans.sarif import to_sarif


def check(
    plan: PlanArgument,
    as_json: JsonOption = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="Print SARIF for code review tools.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Print each of many like findings.")] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write JSON or SARIF to this file.")
    ] = None,
) -> None:
    """Say what is wrong with a plan.

    Exits with 0 where a run may start, 1 where it would be refused (with --strict also by a warning), and 2
    where the plan cannot be read.
    """
    if as_json and as_sarif:
        raise typer.BadParameter("Choose one of --json and --sarif.")
    if output is not None and not (as_json or as_sarif):
        raise typer.BadParameter("--output writes what --json or --sarif makes; give one of them.")
    loaded = load_source(plan)
    findings = check_plan(loaded.plan, loaded.texts)
    if as_json or as_sarif:
        _write(_sarif(plan, findings) if as_sarif else _json(findings), output)
    if not (as_json or as_sarif) or output is not None:
        console = Console(soft_wrap=True)
        if output is None:
            print_findings(console, findings, lambda file: place_of(plan, file), everything=everything)
        console.print(Text(verdict(findings, strict=strict)))
    if has_errors(findings) or (strict and findings):
        raise typer.Exit(FAILED)


def explain(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Such as UNKNOWN_DEPENDENCY.")],
    as_json: JsonOption = False,
) -> None:
    """Say what a finding means, with an example and what to write."""
    entry = entry_of(code)
    if entry is None:
        near = Nearest(list(entries())).find(code)
        remedy = f"write {near}" if near else "docs/reference/findings.md lists all of them"
        typer.echo(f"There is no finding {code!r}; {remedy}.", err=True)
        raise typer.Exit(UNREADABLE)
    if as_json:
        show_data(json.dumps({**asdict(entry), "files": dict(entry.files)}, indent=2, ensure_ascii=False))
    else:
        typer.echo(entry.text(), nl=False)


def _json(findings: Sequence[Finding]) -> str:
    return json.dumps([each.model_dump() for each in findings], indent=2) + "\n"


def _sarif(plan: str, findings: Sequence[Finding]) -> str:
    log = to_sarif(findings, version("paceline"), lambda file: _relative(place_of(plan, file)))
    return json.dumps(log, indent=2) + "\n"


def _relative(path: str) -> str:
    """The path from here, where review tools begin; one on another drive stays as it is."""
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:
        return Path(path).as_posix()


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        typer.echo(f"{output} cannot be written ({reason}); give another path.", err=True)
        raise typer.Exit(UNREADABLE) from None
