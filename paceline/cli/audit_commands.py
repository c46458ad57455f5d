"""`paceline audit`: what was done through the API by whom, and whether that record is whole."""

from __future__ import annotations

import json
import re
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from paceline.cli.terminal import complain, counted, printable, say, wide_console
from paceline.cli.token_commands import AsJson, with_database
from paceline.domain.audit import AuditEntry, AuditHead
from paceline.errors import Refused

BROKEN = 1

app = typer.Typer(
    help="Look at the audit log of this home's database.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_(
    project: Annotated[str | None, typer.Option(help="Only what was about this run.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The most entries.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the newest requests to change something.

    Refused ones too; the newest is last.
    """
    from paceline.store import audit

    found = with_database(lambda database: database.read_now(audit.newest_audit, limit, project))
    if as_json:
        say(json.dumps([each.model_dump(mode="json") for each in found], indent=2, ensure_ascii=False))
    elif found:
        wide_console().print(_table(found))
    else:
        complain("Nothing was asked to be changed yet.")


@app.command()
def verify(
    known: Annotated[
        str | None,
        typer.Option("--known", help="NUMBER:HASH of an entry, written down elsewhere before."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look whether an entry was tampered with.

    Exits with 1 where one was changed, removed, replaced or inserted.
    """
    from paceline.store import audit

    head = _known(known) if known is not None else None
    check = with_database(lambda database: database.read_now(audit.verify_audit, head))
    if as_json:
        say(check.model_dump_json(indent=2))
    elif not check.breaks:
        say(f"The chain of {counted(check.entries, 'entry', 'entries')} is whole: {check.last}:{check.hash}")
    else:
        for each in check.breaks:
            complain(each.message)
    if check.breaks:
        raise typer.Exit(BROKEN)


def _known(written: str) -> AuditHead:
    found = re.fullmatch(r"(\d+):([0-9a-f]{64})", written.strip())
    if found is None:
        raise Refused("Give NUMBER:HASH as an earlier `paceline audit verify` printed it.")
    return AuditHead(int(found[1]), found[2])


def _table(found: list[AuditEntry]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("number", "at", "actor", "role", "request", "project", "outcome"):
        table.add_column(heading)
    for each in found:
        outcome = f"{each.status} {each.code}".strip()
        at, what = f"{each.at.astimezone():%Y-%m-%d %H:%M:%S}", f"{each.method} {each.path}"
        cells = (str(each.number), at, each.actor, each.role, what, each.project, outcome)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table
