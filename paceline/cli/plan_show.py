"""`paceline plan show`: what was understood of a plan."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from paceline.cli.plan_files import JsonOption, PlanArgument, load_plan
from paceline.cli.plan_views import print_plan
from paceline.cli.terminal import wide_console
from paceline.plans.normal_form import write_normal_form, write_normal_form_yaml
from paceline.plans.schema import write_schema


def show(
    plan: PlanArgument,
    as_json: JsonOption = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print YAML to read and to edit.")] = False,
) -> None:
    """Show what was understood of a plan."""
    if as_json and as_yaml:
        raise typer.BadParameter("--json and --yaml exclude each other; give one of them.")
    found = load_plan(plan)
    if as_json or as_yaml:
        sys.stdout.write(write_normal_form(found) if as_json else write_normal_form_yaml(found))
        return
    print_plan(found, wide_console())


def schema() -> None:
    """Print the JSON Schema of what `plan show --json` prints."""
    sys.stdout.write(write_schema())
