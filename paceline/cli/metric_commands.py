"""`paceline metrics` and `paceline measure`: what was to be so at the end, and whether it is."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from paceline.cli.calling import call_api
from paceline.cli.parameters import Project
from paceline.cli.terminal import printable, say, wide_console
from paceline.domain.aims import Verdict
from paceline.domain.measurements import AimState, MetricsReport, counts_of

Json = Annotated[bool, typer.Option("--json", help="For programs.")]


def metrics(project: Project, as_json: Json = False) -> None:
    """Show metrics and criteria with actual values and verdicts."""
    found = call_api(lambda client: client.get_metrics(project))
    if as_json:
        say(found.model_dump_json(indent=2))
        return
    if not found.aims:
        say("The plan has neither metrics nor success criteria.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("", "name", "target", "actual", "verdict", "by", "why"):
        table.add_column(name)
    for aim in found.aims:
        target = aim.target if aim.target != aim.name else aim.sprint or ""
        cells = (str(aim.number), aim.name, target, aim.actual or "-", aim.verdict.value)
        by = aim.actor or (aim.source.value if aim.source else "")
        table.add_row(*(Text(printable(cell)) for cell in (*cells, by, aim.reason)))
    wide_console().print(table)
    for sprint, verdict in found.sprints.items():
        said = {Verdict.MET: "a success", Verdict.MISSED: "no success"}.get(verdict, "no success yet")
        say(printable(f"{sprint}: {said}"))


def measure(
    project: Project,
    name: Annotated[str, typer.Argument(help="Its name in the plan, or its number in `paceline metrics`.")],
    value: Annotated[str, typer.Argument(help="A number with its unit, or met, missed or unknown.")],
    reason: Annotated[str, typer.Option(help="What stands behind it.")] = "",
    actor: Annotated[str | None, typer.Option(help="Who says it; default: the user here.")] = None,
    id: Annotated[str | None, typer.Option(help="The same id again is the same measurement.")] = None,
    as_json: Json = False,
) -> None:
    """Say what a metric or criterion came to."""
    body = {"name": name, "value": value, "reason": reason, "actor": actor or getpass.getuser(), "id": id}
    state = call_api(lambda client: client.measure(project, body))
    say(state.model_dump_json(indent=2) if as_json else printable(_line(state)))


def metrics_line(found: MetricsReport) -> str | None:
    """How many have which verdict, in one line; None where the plan has none."""
    counts = counts_of(found.aims)
    if not counts:
        return None
    told = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items())
    return f"metrics and success criteria: {told}; `paceline metrics {found.project}` shows them."


def _line(state: AimState) -> str:
    why = f" ({state.reason})" if state.reason else ""
    return f"{state.name}: {state.actual or state.verdict.value}, target {state.target}: " + (
        f"{state.verdict.value}{why}"
    )
