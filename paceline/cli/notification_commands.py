"""`paceline notifications`: what became of messages to people outside."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from paceline.cli.calling import call_api
from paceline.cli.parameters import ProjectFilter
from paceline.cli.people_commands import AsJson
from paceline.cli.terminal import complain, counted, printable, say
from paceline.client.api import ApiClient
from paceline.domain.notifications import Notification

DEAD = "dead"


class State(StrEnum):
    """Where a message stands."""

    waiting = "waiting"
    sent = "sent"
    dead = "dead"


def notifications(
    project: ProjectFilter = None,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    redeliver: Annotated[
        str | None, typer.Option(help="Id of one to send again, or dead: all that were given up.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show messages about questions, or send some again.

    The newest come first.
    """
    if redeliver is not None:
        found = call_api(lambda client: _again(client, redeliver, project))
    else:
        wanted = state.value if state else None
        found = call_api(lambda client: client.notifications(project, wanted))
    if as_json:
        say(json.dumps([each.model_dump(mode="json") for each in found], indent=2))
        return
    if redeliver is not None:
        say(f"{counted(len(found), 'message')} will be sent again.")
    for each in found:
        say(_line(each))
    if not found and redeliver is None:
        complain(_none(project, state))


def _none(project: str | None, state: State | None) -> str:
    if project is None and state is None:
        return "There are no notifications; `[notify]` in paceline.toml says who is told."
    of = f" of run {project}" if project else ""
    return f"No message{of} is {state.value}." if state else f"No message{of}."


async def _again(client: ApiClient, which: str, project: str | None) -> list[Notification]:
    ids = [which]
    if which == DEAD:
        ids = [each.id for each in await client.notifications(project, DEAD)]
    return [await client.redeliver_notification(each) for each in ids]


def _line(each: Notification) -> str:
    why = f": {each.code} {printable(each.reason or '')}" if each.code else ""
    tries = counted(each.tries, "try", "tries")
    at = f"{(each.sent_at or each.made_at).astimezone():%Y-%m-%d %H:%M}"
    to = f"{each.name} {each.question} to {printable(each.receiver)}"
    return f"{each.id}  {each.state}  {at}  {to}, {tries}{why}"
