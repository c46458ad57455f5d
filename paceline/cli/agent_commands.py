"""`paceline agent away` and `back`: who is not there to do their stories."""

from __future__ import annotations

import getpass
import json
from datetime import datetime
from typing import Annotated, Any

import typer

from paceline.cli.calling import call_api
from paceline.cli.parameters import Agent, Project
from paceline.cli.terminal import printable, say

app = typer.Typer(help="Say which agents of a run are away.", no_args_is_help=True, rich_markup_mode=None)

Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with the event.")]
Actor = Annotated[str | None, typer.Option("--actor", help="Who says it; default: your login name.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command()
def away(
    project: Project,
    agent: Agent,
    until: Annotated[
        datetime | None, typer.Option("--until", help="When it will be back, in local time.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Its stories wait for it.")] = False,
    reason: Reason = "",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Say that an agent is away, so that others take its stories.

    Where nobody can, you are asked.
    """
    when = until.astimezone().isoformat() if until is not None else None
    _say_of(project, {"agent": agent, "until": when, "wait": wait}, reason, actor, as_json)


@app.command()
def back(
    project: Project, agent: Agent, reason: Reason = "", actor: Actor = None, as_json: AsJson = False
) -> None:
    """Say that an agent is there again.

    What was moved stays with who has it.
    """
    _say_of(project, {"agent": agent, "back": True}, reason, actor, as_json)


def _say_of(project: str, body: dict[str, Any], reason: str, actor: str | None, as_json: bool) -> None:
    given: dict[str, Any] = {**body, "reason": reason, "actor": actor or getpass.getuser()}
    reply = call_api(lambda client: client.note_absence(project, **given))
    say(json.dumps(reply, indent=2, ensure_ascii=False) if as_json else printable(reply["message"]))
