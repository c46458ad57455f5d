"""`paceline plan accept`: a person puts a name to a plan that a model proposed; only then it may run."""

from __future__ import annotations

import getpass
import json
import os
import shlex
import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from paceline.cli.parameters import AsJson
from paceline.cli.plan_source import read_source
from paceline.cli.plan_story_list import command_lines, story_lines
from paceline.cli.terminal import complain, counted, is_interactive, kept_for_data, printable, say, show_data
from paceline.domain.plan import Finding, Plan
from paceline.errors import Conflict, PlanError, PlanUnreadable, Refused
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan
from paceline.plans.proposal import short_yaml
from paceline.plans.reader import read_plan
from paceline.plans.review import accepted, is_pending

_NAME_LIMIT = 100


def accept(
    file: Annotated[Path, typer.Argument(help="The proposal, as it is or as you edited it.")],
    by: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Who accepts it; default: your login name.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Accept without being asked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Accept a plan that a model proposed, so that it may run.

    Read it first.
    """
    name = _name(by)
    with kept_for_data(as_json):
        plan = _accept(file, name, yes)
        say(f"Accepted by {name}; it may run: {shlex.join(['paceline', 'run', str(file)])}")
    if as_json:
        told = {"file": str(file), "accepted_by": name, "stories": len(plan.stories)}
        show_data(json.dumps(told, indent=2, ensure_ascii=False))


def _accept(file: Path, name: str, yes: bool) -> Plan:
    """Show it, ask, and write it as accepted."""
    text = _text(file)
    plan = read_plan(text, file.name)
    if not is_pending(plan):
        raise Refused(f"{file} is no proposal that waits for a review; there is nothing to accept.")
    findings = [each for each in check_plan(plan) if each.code != Code.PROPOSAL_NOT_REVIEWED]
    _show(plan, findings)
    _refuse_errors(file, findings)
    if not yes:
        _ask(file, plan, name)
    if _text(file) != text:
        raise Conflict(f"{file} was changed while you were asked; read it again and accept that.")
    _replace(file, _written(accepted(plan, name, date.today().isoformat()), text, name))
    return plan


def _name(by: str | None) -> str:
    name = " ".join(printable(getpass.getuser() if by is None else by).split())
    if not name or len(name) > _NAME_LIMIT:
        raise Refused(
            f"The name of --as is empty or has more than {_NAME_LIMIT} characters; write your name."
        )
    return name


def _text(file: Path) -> str:
    try:
        source = read_source(str(file))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PlanUnreadable(f"{file} cannot be read ({reason}); give the path of a proposal.") from None
    if source.is_folder or source.name is None:
        raise PlanUnreadable(f"{file} is no file; give the path of a proposal.")
    return source.text


def _show(plan: Plan, findings: list[Finding]) -> None:
    say(f"{' '.join(printable(plan.title).split())}: {counted(len(plan.stories), 'story', 'stories')}")
    for line in story_lines(plan):
        say(line)
    commands = list(command_lines(plan))
    say(
        "Commands that would run on this machine:" if commands else "No commands would run to check the work."
    )
    for line in commands:
        say(line)
    if findings:
        say(f"{counted(len(findings), 'finding')}:")
    for each in findings:
        where = f"line {each.line}: " if each.line else ""
        say(f"  {where}{each.severity}: {' '.join(printable(each.message).split())}")


def _refuse_errors(file: Path, findings: list[Finding]) -> None:
    errors = [each for each in findings if each.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise PlanError(
            f"{file} has errors that a run would be refused for: {errors[0].message}{more} "
            "Correct it and accept it again."
        )


def _ask(file: Path, plan: Plan, name: str) -> None:
    if not is_interactive():
        raise Refused(f"{file} is accepted by a person at a terminal; add --yes if you have read it.")
    stories = counted(len(plan.stories), "story", "stories")
    try:
        agreed = typer.confirm(f"Accept {stories} as {name}?")
    except typer.Abort:
        agreed = False
    if not agreed:
        complain("Nothing was accepted.")
        raise typer.Exit(1)


def _written(plan: Plan, before: str, name: str) -> str:
    if before.lstrip("\ufeff \t\r\n").startswith("{"):
        return plan.to_json()
    return f"# Proposed by a model, reviewed and accepted by {name}.\n\n{short_yaml(plan)}"


def _replace(file: Path, text: str) -> None:
    """Write it whole or not at all: a plan that is cut in half is nobody's word."""
    try:
        mode = file.stat().st_mode & 0o777
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as made:
            made.write(text)
        os.chmod(made.name, mode)
        os.replace(made.name, file)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Refused(f"{file} cannot be written ({reason}); nothing was accepted.") from None
