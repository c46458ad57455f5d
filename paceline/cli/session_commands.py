"""`paceline session`: who is signed in with a browser, in the database of this home."""

from __future__ import annotations

import getpass
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from paceline.cli.settings import load_settings
from paceline.cli.terminal import complain, printable, say, wide_console
from paceline.cli.token_commands import AsJson, with_database
from paceline.domain.access import Role
from paceline.domain.audit import AuditDraft
from paceline.domain.sessions import BrowserSession
from paceline.errors import NotFound

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

app = typer.Typer(help="See and end the sessions of browsers.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the sessions that are not over, oldest first."""
    from paceline.store import browser_sessions

    idle = timedelta(seconds=load_settings().session_idle)
    found = with_database(lambda database: database.read_now(browser_sessions.list_sessions, idle))
    if as_json:
        _show_json(found)
    elif found:
        wide_console().print(_table(found))
    else:
        complain("Nobody is signed in with a browser.")


@app.command()
def end(
    which: Annotated[str, typer.Argument(help="A session's id, or a name, whose sessions all end.")],
    as_json: AsJson = False,
) -> None:
    """End a session, or all of a name; open pages notice within seconds."""
    ended = with_database(lambda database: database.write_now(_end, which))
    if as_json:
        _show_json(ended)
    else:
        say("\n".join(f"The session {each.id} of {printable(each.name)} is over." for each in ended))


def _end(session: Session, which: str) -> list[BrowserSession]:
    """End them, and write that down in the same transaction."""
    from paceline.store import audit, browser_sessions

    me = getpass.getuser()
    ended = browser_sessions.end_sessions_of(session, which, me)
    if not ended:
        try:
            ended = [browser_sessions.end_session(session, which, me)]
        except NotFound as error:
            raise NotFound(
                f"{which[:80]} is neither a session nor signed in; `paceline session list` lists both."
            ) from error
    draft = AuditDraft(
        actor=me,
        role=Role.ADMIN.value,
        method="CLI",
        path="paceline session end",
        request=",".join(each.id for each in ended)[:500],
        status=200,
        body="0" * 64,
    )
    audit.append_audit(session, draft)
    return ended


def _show_json(found: list[BrowserSession]) -> None:
    say(json.dumps([each.model_dump(mode="json") for each in found], indent=2, ensure_ascii=False))


def _table(found: list[BrowserSession]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("id", "name", "signed in by", "since", "last used", "ends"):
        table.add_column(heading)
    for each in found:
        times = (
            f"{time.astimezone():%Y-%m-%d %H:%M}" for time in (each.made_at, each.used_at, each.expires_at)
        )
        table.add_row(*(Text(printable(cell)) for cell in (each.id, each.name, each.signed_in.value, *times)))
    return table
