"""`paceline claims`: who holds and waits for what; `paceline claim`: an agent's wish for more files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import httpx2
import typer
from rich.table import Table
from rich.text import Text

from paceline.cli.calling import call_api
from paceline.cli.parameters import Project
from paceline.cli.terminal import complain, printable, say, wide_console
from paceline.cli.watching import View, Watch, watch
from paceline.client.connection import as_error
from paceline.domain.claims import DecisionRecord, LiveClaim
from paceline.domain.model import Model
from paceline.errors import Refused, ServerUnavailable

NOT_GRANTED = 3
"""Exit status of a wish that is not granted now."""
_NAMES = ("URL", "ATTEMPT", "FENCE", "TOKEN")
_TIMEOUT_SECONDS = 60.0


def claims(
    project: Project,
    decisions: Annotated[bool, typer.Option("--decisions", help="What was decided, and why.")] = False,
    follow: Watch = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show who holds and waits for what.

    Or, with --decisions, all decisions about it.
    """
    if follow and decisions:
        raise Refused("--watch shows claims; leave --decisions away, or --watch.")
    if follow:
        view = View(
            lambda client: client.list_claims(project), lambda found, _: claims_table(found), _data, project
        )
        watch(view, as_json)
    elif decisions:
        _show(call_api(lambda client: client.claim_decisions(project)), as_json, decisions_table)
    else:
        _show(call_api(lambda client: client.list_claims(project)), as_json, claims_table)


def claim(
    paths: Annotated[list[str], typer.Argument(help="Files that the story needs beside its claim.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Ask for more files, as an agent at work.

    Exits with 3 where they are not granted now.
    """
    known = {name: os.environ.get(f"PACELINE_CLAIM_{name}", "") for name in _NAMES}
    if not all(known.values()):
        raise Refused(
            "Nobody works here: `paceline claim` is for an agent whose environment has PACELINE_CLAIM_URL."
        )
    body = {"paths": paths, "attempt": int(known["ATTEMPT"]), "fence": int(known["FENCE"])}
    try:
        reply = httpx2.post(
            known["URL"],
            json=body,
            headers={"Authorization": f"Bearer {known['TOKEN']}"},
            timeout=_TIMEOUT_SECONDS,
        )
    except httpx2.TransportError as error:
        raise ServerUnavailable(
            f"No API answers at {known['URL']}; end with `needs_files` in the work result instead."
        ) from error
    if reply.status_code >= 400:
        raise as_error(reply.status_code, reply.text, known["URL"])
    answer = reply.json()
    if as_json:
        say(json.dumps(answer, indent=2))
    else:
        say("\n".join([f"{answer['state']}: {answer['message']}", *map(printable, answer["waits_for"])]))
    if answer["state"] != "granted":
        raise typer.Exit(NOT_GRANTED)


def _data(found: Sequence[Model]) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json") for each in found]


M = TypeVar("M", LiveClaim, DecisionRecord)


def _show(found: list[M], as_json: bool, table: Callable[[list[M]], Table]) -> None:
    if as_json:
        say(json.dumps(_data(found), indent=2, ensure_ascii=False))
    elif not found:
        complain("Nothing is held or waited for.")
    else:
        wide_console().print(table(found))


def claims_table(found: list[LiveClaim]) -> Table:
    """Claims, a row each."""
    table = _table("story", "state", "since", "fence", "place", "holds", "waits for")
    for each in found:
        since = each.granted_at or each.requested_at
        _add(
            table,
            each.story or each.holder,
            each.state,
            f"{since.astimezone():%H:%M:%S}",
            str(each.fence or ""),
            str(each.position or ""),
            ", ".join(each.held),
            ", ".join(each.waits_for or each.wanted),
        )
    return table


def decisions_table(found: list[DecisionRecord]) -> Table:
    """Decisions, a row each."""
    table = _table("number", "at", "story", "decision", "fence", "what", "why", "by")
    for each in found:
        _add(
            table,
            str(each.number),
            f"{each.at.astimezone():%H:%M:%S}",
            each.story or each.claim,
            each.kind,
            str(each.fence or ""),
            ", ".join(need.resource for need in each.needs),
            each.reason,
            "" if each.actor == each.holder else each.actor,
        )
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading)
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*(Text(printable(cell)) for cell in cells))
