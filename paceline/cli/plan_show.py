"""`paceline plan show`: what was understood of a plan."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from paceline.cli.plan_files import JsonOption, PlanArgument, load_plan
from paceline.cli.terminal import counted, wide_console
from paceline.domain.graph import story_edges
from paceline.domain.plan import Plan
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
    console = wide_console()
    console.print(Text(found.title, style="bold"))
    if found.goal:
        console.print(Text(f"Goal: {found.goal}"))
    for table in (_team_table(found), _story_table(found)):
        if table.row_count:
            console.print(table)
    counts = (
        counted(len(found.stories), "story", "stories"),
        counted(len(found.epics), "epic"),
        counted(len(found.phases), "phase"),
        counted(len(found.facts), "fact"),
    )
    console.print(Text(", ".join(counts)))
    if found.warnings:
        console.print(
            Text(
                f"{counted(len(found.warnings), 'remark')}; `paceline plan check` says more.", style="yellow"
            )
        )


def _team_table(plan: Plan) -> Table:
    table = Table(title="Agents", title_justify="left")
    for column in ("Agent", "Role", "Also called"):
        table.add_column(column, overflow="fold")
    for agent in plan.agents:
        table.add_row(Text(agent.id), Text(agent.role or ""), Text(", ".join(agent.aliases)))
    return table


def _story_table(plan: Plan) -> Table:
    table = Table(title="Stories", title_justify="left")
    for column in ("Story", "Title", "Epic", "Agents", "Points", "Waits for", "Files"):
        table.add_column(column, overflow="fold", justify="right" if column == "Points" else "left")
    edges = story_edges(plan)
    for story in plan.stories:
        points = "" if story.points is None else f"{story.points:g}"
        files = story.files_as_written or ", ".join(file.path for file in story.files)
        cells = (story.id, story.title, story.epic or "", " + ".join(story.agents), points)
        table.add_row(*map(Text, cells), Text(", ".join(edges[story.id])), Text(files))
    return table


def schema() -> None:
    """Print the JSON Schema of what `plan show --json` prints."""
    sys.stdout.write(write_schema())
