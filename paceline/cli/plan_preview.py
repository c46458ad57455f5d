"""`paceline plan preview`: how a plan would run."""

from __future__ import annotations

import sys

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from paceline.cli.plan_check import finding_line
from paceline.cli.plan_files import FAILED, JsonOption, PlanArgument, load_plan, place_of
from paceline.cli.terminal import wide_console
from paceline.domain.plan import Plan
from paceline.domain.schedule import Preview
from paceline.domain.schedule import preview as preview_of
from paceline.plans.lint import check_plan


def preview(plan: PlanArgument, as_json: JsonOption = False) -> None:
    """Show how a plan would run: waves, critical path, load of the agents, contended files."""
    found = load_plan(plan)
    findings = [each for each in check_plan(found) if each.severity == "error"]
    if findings:
        console = Console(stderr=True, soft_wrap=True)
        for each in findings:
            console.print(finding_line(place_of(plan, each.file), each))
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
