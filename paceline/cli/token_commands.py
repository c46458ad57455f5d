"""`paceline token`: tokens for people and programs, made in the database of this home."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from paceline.cli.settings import load_settings, make_home
from paceline.cli.terminal import complain, printable, say, wide_console
from paceline.domain.access import ApiToken, Role
from paceline.domain.audit import AuditDraft
from paceline.errors import Refused

if TYPE_CHECKING:
    # A shell that completes has no time for what reads databases; commands import it when they run.
    from sqlalchemy.orm import Session

    from paceline.store.database import Database
    from paceline.store.tokens import Made

app = typer.Typer(
    help="Make and end tokens, with which others use the API.", no_args_is_help=True, rich_markup_mode=None
)

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Which = Annotated[str, typer.Argument(help="Its name, id or prefix.")]


class GivenRole(StrEnum):
    """The roles of tokens that are given out; those of agents are made for each attempt."""

    viewer = Role.VIEWER.value
    operator = Role.OPERATOR.value
    product_owner = Role.PRODUCT_OWNER.value
    admin = Role.ADMIN.value


P = ParamSpec("P")
T = TypeVar("T")

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NO_BODY = "0" * 64


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is: the actor of what is done with it.")],
    role: Annotated[GivenRole, typer.Option(help="What it may do.")],
    project: Annotated[
        list[str] | None, typer.Option("--project", help="Only this project; may be repeated.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="After how long, such as 90d or 12h.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token, and show its secret once."""
    from paceline.store import tokens

    lifetime = span(expires) if expires is not None else None
    made = _write("create", tokens.create_token, name, Role(role.value), _me(), project or [], lifetime)
    _show_made(made, as_json)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show every token, oldest first, without its secret."""
    from paceline.store import tokens

    found = with_database(lambda database: database.read_now(tokens.list_tokens))
    if as_json:
        say(json.dumps([each.model_dump(mode="json") for each in found], indent=2, ensure_ascii=False))
    elif found:
        wide_console().print(_table(found))
    else:
        complain("There are no tokens; `paceline token create` makes one.")


@app.command()
def revoke(token: Which, as_json: AsJson = False) -> None:
    """End a token; processes that serve the API refuse it within seconds."""
    from paceline.store import tokens

    found = _write("revoke", tokens.revoke_token, token)
    say(found.model_dump_json(indent=2) if as_json else f"{found.name} ({found.prefix}) is revoked.")


@app.command()
def rotate(
    token: Which,
    grace: Annotated[str, typer.Option("--grace", help="How long the old secret is good too.")] = "1h",
    as_json: AsJson = False,
) -> None:
    """Give a token a new secret, and show it once."""
    from paceline.store import tokens

    _show_made(_write("rotate", tokens.rotate_token, token, span(grace)), as_json)


def span(written: str) -> timedelta:
    """A length of time such as `90d`, `12h` or `0s`.

    Raises:
        Refused: it is none.
    """
    found = re.fullmatch(r"(\d{1,6})([smhdw])", written.strip())
    if found is None:
        raise Refused(f"{written!r} is no length of time; write a number and s, m, h, d or w, such as 90d.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def with_database(do: Callable[[Database], T]) -> T:
    """Open the database of this process's settings, with the newest schema, and close it again."""
    from paceline.store import migrate
    from paceline.store.database import Database

    settings = load_settings()
    if settings.database_url is None:
        make_home(settings)
    migrate.upgrade(settings.resolved_database_url)
    database = Database(settings.resolved_database_url)
    try:
        return do(database)
    finally:
        database.close()


def _write(what: str, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Change tokens, and write that down in the same transaction."""
    from paceline.store import audit

    def write(session: Session) -> T:
        value = fn(session, *args, **kwargs)
        draft = AuditDraft(
            actor=_me(),
            role=Role.ADMIN.value,
            method="CLI",
            path=f"paceline token {what}",
            request=str(_id_of(value)),
            status=200,
            body=_NO_BODY,
        )
        audit.append_audit(session, draft)
        return value

    return with_database(lambda database: database.write_now(write))


def _id_of(value: Any) -> str:
    from paceline.store import tokens

    return value.token.id if isinstance(value, tokens.Made) else value.id


def _me() -> str:
    return getpass.getuser()


def _show_made(made: Made, as_json: bool) -> None:
    token = made.token
    if as_json:
        found = {"token": token.model_dump(mode="json"), "secret": made.secret}
        say(json.dumps(found, indent=2, ensure_ascii=False))
        return
    say(made.secret)
    say(
        f"That is the token of {token.name} ({_rights(token)}); it is not shown again. "
        "Set PACELINE_API_TOKEN to it where it is used."
    )
    if token.previous_until is not None:
        say(f"The old one is good until {token.previous_until.astimezone():%Y-%m-%d %H:%M:%S}.")


def _rights(token: ApiToken) -> str:
    where = f" of {', '.join(token.projects)}" if token.projects else ""
    return f"{token.role.value}{where}"


def _table(found: list[ApiToken]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "prefix", "role", "projects", "made", "last used", "ends"):
        table.add_column(heading)
    for each in found:
        made = f"{each.made_at.astimezone():%Y-%m-%d} by {each.made_by}"
        used = f"{each.last_used_at.astimezone():%Y-%m-%d %H:%M}" if each.last_used_at else "never"
        cells = (each.name, each.prefix, each.role.value, ", ".join(each.projects) or "all", made, used)
        table.add_row(*(Text(printable(cell)) for cell in (*cells, _end(each))))
    return table


def _end(token: ApiToken) -> str:
    if token.revoked_at is not None:
        return f"revoked {token.revoked_at.astimezone():%Y-%m-%d %H:%M}"
    return f"{token.expires_at.astimezone():%Y-%m-%d %H:%M}" if token.expires_at else ""
