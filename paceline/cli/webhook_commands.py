"""`paceline webhook`: addresses outside that get events, and what became of that."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import time
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from paceline.cli.calling import call_api
from paceline.cli.terminal import complain, counted, printable, say, wide_console
from paceline.cli.token_commands import span
from paceline.client.api import ApiClient
from paceline.domain.notifications import Notification
from paceline.domain.webhooks import PING, ProjectDeliveries, Reconciliation, WebhookSubscription
from paceline.errors import ConfigurationError, Refused

PING_SECONDS = 75.0
"""How long a ping is waited for: a try, and the worker's next look."""

app = typer.Typer(
    help="Have events sent to addresses outside, signed.", no_args_is_help=True, rich_markup_mode=None
)

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Which = Annotated[str, typer.Argument(help="Its name or id.")]
OfRun = Annotated[str | None, typer.Option("--project", help="Only this run's.")]


class State(StrEnum):
    """Where a message stands."""

    waiting = "waiting"
    sent = "sent"
    dead = "dead"


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name, for people.")],
    url: Annotated[str, typer.Argument(help="Where events go: https://... or http://...")],
    project: Annotated[
        list[str] | None, typer.Option("--project", help="Only this project; may be repeated.")
    ] = None,
    event: Annotated[
        list[str] | None,
        typer.Option("--event", help="Only story.merged, story.* or a type; may be repeated."),
    ] = None,
    secret_env: Annotated[
        str | None, typer.Option(help="Environment variable with its secret; default: one is made.")
    ] = None,
    after: Annotated[
        int | None, typer.Option(help="Also events that there are, with higher numbers.", min=0)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a webhook, and show its secret once."""
    body = {
        "name": name,
        "url": url,
        "projects": project or [],
        "events": event or [],
        "secret": _secret(secret_env),
        "after": after,
        "actor": getpass.getuser(),
    }
    _show_made(call_api(lambda client: client.webhooks("POST", json=body)), as_json)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show every webhook by name, without its secret."""
    found = call_api(lambda client: client.webhooks("GET"))
    if as_json:
        _say_json(found)
    elif found:
        wide_console().print(_table([WebhookSubscription.model_validate(each) for each in found]))
    else:
        complain("There are no webhooks; `paceline webhook add` makes one.")


@app.command()
def remove(webhook: Which, as_json: AsJson = False) -> None:
    """Forget it, with what it has not got yet."""
    found = call_api(lambda client: client.webhooks("DELETE", webhook))
    _say_json(found) if as_json else say(f"Webhook {printable(found['name'])} is removed.")


@app.command()
def pause(
    webhook: Which,
    reason: Annotated[str, typer.Option(help="Shown beside it.")] = "paused by a person",
    as_json: AsJson = False,
) -> None:
    """Send it nothing; what it misses is kept for it."""
    body = {"active": False, "reason": reason}
    found = call_api(lambda client: client.webhooks("PATCH", webhook, json=body))
    _say_json(found) if as_json else say(f"Webhook {printable(found['name'])} is paused.")


@app.command()
def resume(webhook: Which, as_json: AsJson = False) -> None:
    """Let it go on where it was paused."""
    found = call_api(lambda client: client.webhooks("PATCH", webhook, json={"active": True}))
    _say_json(found) if as_json else say(f"Webhook {printable(found['name'])} goes on.")


@app.command()
def rotate(
    webhook: Which,
    grace: Annotated[str, typer.Option("--grace", help="How long both secrets sign.")] = "1d",
    as_json: AsJson = False,
) -> None:
    """Give it a new secret, and show it once."""
    body = {"grace": span(grace).total_seconds()}
    _show_made(call_api(lambda client: client.webhooks("POST", webhook, "rotate", json=body)), as_json)


@app.command("test")
def ping(webhook: Which, as_json: AsJson = False) -> None:
    """Send it a ping, once, and wait for what comes of it.

    Exits with 1 where it does not arrive.
    """
    found = call_api(lambda client: _ping(client, webhook))
    if as_json:
        say(found.model_dump_json(indent=2))
    elif found.state == "waiting":
        complain("No worker has sent the ping yet; see that one runs, then `paceline webhook deliveries`.")
    else:
        say(_line(found))
    if found.state != "sent":
        raise typer.Exit(1)


@app.command()
def deliveries(
    webhook: Which,
    project: OfRun = None,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(help="The most that are shown.", min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what was sent, what waits and what was given up."""
    given = {"project": project, "state": state.value if state else None, "limit": limit}
    params = {name: value for name, value in given.items() if value is not None}
    found = call_api(lambda client: client.webhooks("GET", webhook, "deliveries", params=params))
    if as_json:
        _say_json(found)
        return
    for each in found:
        say(_line(Notification.model_validate(each)))
    if not found:
        complain("There are no such deliveries.")


@app.command()
def redeliver(
    webhook: Which,
    delivery: Annotated[str | None, typer.Option(help="Id of one.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All that were given up.")] = False,
    since: Annotated[int | None, typer.Option(help="A run's events from this number on.", min=1)] = None,
    project: OfRun = None,
    as_json: AsJson = False,
) -> None:
    """Send again one message, the dead ones, or those of a run."""
    if [delivery is not None, dead, since is not None].count(True) != 1:
        raise Refused("Say what to send again: one of --delivery, --dead and --since.")
    if since is not None and project is None:
        raise Refused("Numbers are a run's own: name it with --project beside --since.")
    body = {"delivery": delivery, "dead": dead, "since": since, "project": project}
    found = call_api(lambda client: client.webhooks("POST", webhook, "redeliver", json=body))
    rest = f"; event {since} and later ones that it has not got follow" if since is not None else ""
    _say_json(found) if as_json else say(f"{counted(found['queued'], 'message')} will be sent again{rest}.")


@app.command()
def reconcile(
    webhook: Which,
    project: OfRun = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say the gaps.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find by number what it has not got, and deliver it.

    With --dry-run it exits with 1 where something is missing.
    """
    body = {"project": project, "deliver": not dry_run}
    answer = call_api(lambda client: client.webhooks("POST", webhook, "reconcile", json=body))
    found = Reconciliation.model_validate(answer)
    if as_json:
        say(found.model_dump_json(indent=2))
    else:
        for each in found.projects:
            say(_compared(each))
        say(f"{counted(found.queued, 'message')} will be delivered for it.")
    if dry_run and any(each.gaps for each in found.projects):
        raise typer.Exit(1)


async def _ping(client: ApiClient, webhook: str) -> Notification:
    sent = Notification.model_validate(await client.webhooks("POST", webhook, "test"))
    end = time.monotonic() + PING_SECONDS
    while sent.state == "waiting" and time.monotonic() < end:
        await asyncio.sleep(0.2)
        rows: list[Any] = await client.webhooks("GET", webhook, "deliveries", params={"limit": 200})
        sent = next((Notification.model_validate(each) for each in rows if each["id"] == sent.id), sent)
    return sent


def _secret(variable: str | None) -> str | None:
    if variable is None:
        return None
    if not os.environ.get(variable):
        raise ConfigurationError(f"The environment variable {variable} is empty; put the secret into it.")
    return os.environ[variable]


def _show_made(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _say_json(made)
        return
    found = WebhookSubscription.model_validate(made["webhook"])
    say(made["secret"])
    say(f"That is the secret of webhook {printable(found.name)} ({found.id}); it is not shown again.")
    if found.previous_until is not None:
        until = f"{found.previous_until.astimezone():%Y-%m-%d %H:%M}"
        say(f"Messages are signed with the old one too until {until}.")
    if not found.sealed:
        say("It is kept without encryption; set PACELINE_WEBHOOK_KEY to have such secrets encrypted.")


def _table(found: list[WebhookSubscription]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "id", "address", "projects", "events", "last sent", "state"):
        table.add_column(heading)
    for each in found:
        sent = f"{each.last_sent_at.astimezone():%Y-%m-%d %H:%M}" if each.last_sent_at else "never"
        projects, events = ", ".join(each.projects) or "all", ", ".join(each.events) or "all"
        cells = (each.name, each.id, each.address, projects, events, sent, _state(each))
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _state(each: WebhookSubscription) -> str:
    if not each.active:
        return f"paused: {each.reason or ''}"
    return (
        f"failing since {each.failing_since.astimezone():%Y-%m-%d %H:%M}" if each.failing_since else "active"
    )


def _line(each: Notification) -> str:
    why = f": {each.code} {printable(each.reason or '')}" if each.code else ""
    at = f"{(each.sent_at or each.made_at).astimezone():%Y-%m-%d %H:%M}"
    what = "ping" if each.name == PING else f"{each.project} {each.number} {each.name}"
    return f"{each.id}  {each.state}  {at}  {printable(what)}, {counted(each.tries, 'try', 'tries')}{why}"


def _compared(each: ProjectDeliveries) -> str:
    gaps = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in each.gaps)
    of = f"{each.wanted} wanted after number {each.after}"
    counts = f"{each.sent} sent, {each.waiting} waiting, {each.dead} given up, {each.missing} missing"
    return f"{printable(each.project)}: {of}: {counts}{f'; gaps: {gaps}' if gaps else ''}"


def _say_json(found: Any) -> None:
    say(json.dumps(found, indent=2, ensure_ascii=False))
