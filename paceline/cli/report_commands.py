"""`paceline reports`, `standup`, `review`, `retro`: how sprints go, what they came to, what to do better."""

from __future__ import annotations

import getpass
import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from paceline.cli.calling import call_api
from paceline.cli.parameters import Project
from paceline.cli.terminal import complain, printable, say, wide_console
from paceline.domain.reports import Report, ReportKind
from paceline.domain.retro_entries import EntryKind, added_to
from paceline.errors import NotFound, Refused

Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Sprint = Annotated[str | None, typer.Option(help="Of this sprint.")]


def reports(
    project: Project,
    kind: Annotated[ReportKind | None, typer.Option(help="Only reports of this kind.")] = None,
    sprint: Sprint = None,
    number: Annotated[
        int | None, typer.Option(min=1, help="Show this one of the kind: a day, a week, or 1.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the reports of a run's sprints, or show one.

    The newest come first.
    """
    found = call_api(lambda client: client.reports(project, kind, sprint))
    if number is None:
        _list(found, as_json)
        return
    if kind is None:
        raise Refused("--number counts within a kind of reports; add --kind, as `--kind standup`.")
    one = next((each for each in found if each.number == number), None)
    if one is None:
        raise NotFound(f"{project} has no {kind.value} {number}; without --number all are listed.")
    _show(one, as_json)


def standup(project: Project, as_json: Json = False) -> None:
    """Show the standup of this moment.

    It begins where the last daily one ended.
    """
    if as_json:
        made = call_api(lambda client: client.get_standup(project))
        say(made.model_dump_json(indent=2))
    else:
        say(printable(call_api(lambda client: client.standup_text(project))))


def retro(
    project: Project,
    add: Annotated[str | None, typer.Option(help="What the next sprint is to do better.")] = None,
    note: Annotated[bool, typer.Option("--note", help="It is only a remark, no improvement.")] = False,
    topic: Annotated[str, typer.Option(help="The heading that it belongs under.")] = "",
    sprint: Sprint = None,
    actor: Annotated[str | None, typer.Option(help="Who says it; default: the user here.")] = None,
    as_json: Json = False,
) -> None:
    """Show the newest retrospective, or add to it.

    What people added is shown with it.
    """
    if add is not None:
        kind = EntryKind.NOTE if note else EntryKind.IMPROVEMENT
        _add(project, {"text": add, "kind": kind.value, "topic": topic, "sprint": sprint}, actor, as_json)
        return
    _look_back(project, ReportKind.RETROSPECTIVE, sprint, as_json)


def review(
    project: Project,
    feedback: Annotated[str | None, typer.Option(help="What you think of what the sprint came to.")] = None,
    topic: Annotated[str, typer.Option(help="What it is about.")] = "",
    sprint: Sprint = None,
    actor: Annotated[str | None, typer.Option(help="Who says it; default: the user here.")] = None,
    as_json: Json = False,
) -> None:
    """Show the newest sprint review, or give feedback.

    People's feedback is shown with it.
    """
    if feedback is not None:
        body = {"text": feedback, "kind": EntryKind.FEEDBACK.value, "topic": topic, "sprint": sprint}
        _add(project, body, actor, as_json)
        return
    _look_back(project, ReportKind.REVIEW, sprint, as_json)


def _add(project: str, body: dict[str, str | None], actor: str | None, as_json: bool) -> None:
    body["actor"] = actor or getpass.getuser()
    entry = call_api(lambda client: client.add_retro_entry(project, body))
    words = f"Added to the {added_to(entry).value} of {entry.sprint}: {entry.text}"
    say(entry.model_dump_json(indent=2) if as_json else printable(words))


def _look_back(project: str, kind: ReportKind, sprint: str | None, as_json: bool) -> None:
    """Show the newest report of a kind with what people added; before it is made, only what they added."""
    found = call_api(lambda client: client.reports(project, kind, sprint))
    if found and not as_json:
        _show(found[0], as_json)
        return
    said = call_api(lambda client: client.retro_entries(project, sprint))
    entries = [each for each in said if added_to(each) is kind]
    if as_json:
        name = "reviews" if kind is ReportKind.REVIEW else "retrospectives"
        told = {
            name: [each.model_dump(mode="json") for each in found],
            "entries": [each.model_dump(mode="json") for each in entries],
        }
        say(json.dumps(told, indent=2))
        return
    say("No sprint has ended yet." if not entries else "No sprint has ended yet; so far people added:")
    for entry in entries:
        say(printable(f"  {entry.text} ({entry.kind.value}, {entry.actor})"))


def _list(found: list[Report], as_json: bool) -> None:
    if as_json:
        say(json.dumps([each.model_dump(mode="json") for each in found], indent=2))
        return
    if not found:
        complain("There are no reports; they are made of runs whose days are reported.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("made", "sprint", "kind", "number", "days"):
        table.add_column(name)
    for each in found:
        period = each.data["period"]
        first, last = period["first_day"], period["last_day"]
        days = str(last) if first == last else f"{first} to {last}"
        cells = (
            f"{each.made_at.astimezone():%Y-%m-%d %H:%M}",
            each.sprint,
            each.kind.value,
            each.number,
            days,
        )
        table.add_row(*(Text(printable(str(cell))) for cell in cells))
    wide_console().print(table)


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        say(report.model_dump_json(indent=2))
    else:
        say(printable(call_api(lambda client: client.report_text(report))))
