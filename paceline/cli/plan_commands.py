"""`paceline plan show|check|preview`: what a plan says, what is wrong with it, and how it would run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from paceline.cli.terminal import counted, wide_console
from paceline.domain.graph import story_edges
from paceline.domain.plan import Finding, Plan
from paceline.domain.schedule import Preview
from paceline.domain.schedule import preview as preview_of
from paceline.errors import PacelineError, PlanUnreadable
from paceline.plans.document import decode_plan
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan

app = typer.Typer(
    name="plan", help="Read a plan without running it.", no_args_is_help=True, rich_markup_mode=None
)

PlanArgument = Annotated[str, typer.Argument(metavar="PLAN", help="A plan file, or - for standard input.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

FAILED, UNREADABLE = 1, 2
"""Exit codes: the plan has errors; the plan could not be read."""


@app.command("show")
def show(plan: PlanArgument, as_json: JsonOption = False) -> None:
    """Show what was understood of a plan."""
    found = load_plan(plan)
    if as_json:
        sys.stdout.write(found.to_json())
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


@app.command("check")
def check(
    plan: PlanArgument,
    as_json: JsonOption = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
) -> None:
    """Say what is wrong with a plan; exit with 1 where a run would be refused."""
    findings = check_plan(load_plan(plan))
    place = _place(plan)
    if as_json:
        sys.stdout.write(json.dumps([each.model_dump() for each in findings], indent=2) + "\n")
    else:
        console = Console(soft_wrap=True)
        for each in findings:
            console.print(_finding_line(place, each))
        console.print(Text(_verdict(findings)))
    if has_errors(findings) or (strict and findings):
        raise typer.Exit(FAILED)


@app.command("preview")
def preview(plan: PlanArgument, as_json: JsonOption = False) -> None:
    """Show how a plan would run: waves, critical path, load of the agents, contended files."""
    found = load_plan(plan)
    findings = [each for each in check_plan(found) if each.severity == "error"]
    if findings:
        console = Console(stderr=True, soft_wrap=True)
        for each in findings:
            console.print(_finding_line(_place(plan), each))
        raise typer.Exit(FAILED)
    result = preview_of(found)
    if as_json:
        sys.stdout.write(result.model_dump_json(indent=2) + "\n")
        return
    console = wide_console()
    for table in (_wave_table(found, result), _load_table(result), _contention_table(result)):
        if table.row_count:
            console.print(table)
    path = " → ".join(result.critical_path)
    console.print(Text(f"Critical path, {result.critical_points:g} points: {path}"))
    if any(story.points is None for story in found.stories):
        console.print(Text("Stories without points count one point each on the critical path.", style="dim"))


def load_plan(plan: str) -> Plan:
    """Read a plan, or end with one sentence and exit code 2."""
    try:
        return _read(plan)
    except PacelineError as error:
        typer.echo(error.message, err=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        typer.echo(f"{plan} cannot be read ({reason}); give the path of a plan.", err=True)
    raise typer.Exit(UNREADABLE)


def _read(plan: str) -> Plan:
    if plan == "-":
        return read_plan(decode_plan(sys.stdin.buffer.read()))
    path = Path(plan)
    if "\0" in plan:
        raise PlanUnreadable("The path of the plan contains a NUL character; give the path of a plan.")
    return read_plan(decode_plan(path.read_bytes(), path.name), path.name)


def _place(plan: str) -> str:
    return "<stdin>" if plan == "-" else plan


def _finding_line(place: str, found: Finding) -> Text:
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


def _wave_table(plan: Plan, result: Preview) -> Table:
    titles = {story.id: story.title for story in plan.stories}
    agents = {story.id: " + ".join(story.agents) for story in plan.stories}
    table = Table(title="Waves", title_justify="left")
    for column in ("Wave", "Story", "Title", "Agents"):
        table.add_column(column, overflow="fold")
    for number, wave in enumerate(result.waves, 1):
        for place, story in enumerate(wave):
            label = str(number) if place == 0 else ""
            table.add_row(label, Text(story), Text(titles[story]), Text(agents[story]))
    return table


def _load_table(result: Preview) -> Table:
    table = Table(title="Load", title_justify="left")
    table.add_column("Agent", overflow="fold")
    table.add_column("Stories", justify="right")
    table.add_column("Points", justify="right")
    for load in result.agents:
        table.add_row(Text(load.agent), str(len(load.stories)), f"{load.points:g}")
    return table


def _contention_table(result: Preview) -> Table:
    table = Table(title="Files that several stories change", title_justify="left")
    table.add_column("Path", overflow="fold")
    table.add_column("Stories", overflow="fold")
    for contention in result.contention:
        table.add_row(Text(contention.pattern), Text(", ".join(contention.stories)))
    return table
