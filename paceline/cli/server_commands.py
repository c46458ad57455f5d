"""`paceline up`, `api`, `worker` and `migrate`: the long-running processes and the schema."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from paceline.cli.parameters import AsJson
from paceline.cli.settings import load_settings, make_home
from paceline.cli.terminal import say
from paceline.client.api import ApiClient
from paceline.errors import PortBusy, ServerUnavailable
from paceline.settings import Settings


def up() -> None:
    """Run everything on this machine until Ctrl-C.

    API, worker and Temporal server are one process tree, for this machine only.
    """
    from workers.all_in_one import serve
    from workers.observing import observed

    settings = load_settings()
    with observed(settings, "paceline"):
        asyncio.run(_refuse_second(settings))
        make_home(settings)
        asyncio.run(serve(settings, say))


async def _refuse_second(settings: Settings) -> None:
    """Where Paceline is up already, say that, and not only that its port is taken."""
    async with ApiClient.of(settings, f"http://127.0.0.1:{settings.api_port}") as client:
        try:
            runs = settings.api_port != 0 and await client.answers()
        except ServerUnavailable:
            return
    if runs:
        raise PortBusy(
            f"Paceline is up already at {client.url}; use that one, or set PACELINE_API_PORT and "
            "PACELINE_HOME for another beside it."
        )


def api() -> None:
    """Run only the API.

    The Temporal server and the database are there already.
    """
    from workers.all_in_one import serve_api
    from workers.observing import observed

    settings = load_settings()
    with observed(settings, "paceline-api"):
        asyncio.run(serve_api(settings, say))


def worker(
    queue: Annotated[
        list[str] | None,
        typer.Option("--queue", help="A task queue whose agents this machine runs; may be repeated."),
    ] = None,
    only_agents: Annotated[
        bool, typer.Option("--only-agents", help="Leave workflows to other workers.")
    ] = False,
) -> None:
    """Run only a worker.

    The Temporal server and the database are there already.
    """
    from workers.all_in_one import serve_worker
    from workers.observing import observed

    settings = load_settings()
    with observed(settings, "paceline-worker"):
        asyncio.run(serve_worker(settings, say, work_queues=queue or [], control=not only_agents))


def migrate(
    down: Annotated[
        bool, typer.Option("--down", help="Take every migration back; the data goes with it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database to this version's schema."""
    from paceline.store import migrate as migrations

    settings = load_settings()
    url = settings.resolved_database_url
    if settings.database_url is None:
        make_home(settings)
    if down:
        migrations.downgrade(url, "base")
        sentence = "The database has no tables of Paceline any more."
    else:
        migrations.upgrade(url)
        sentence = f"The database has the newest schema, {migrations.head()}."
    say(json.dumps({"schema": None if down else migrations.head()}) if as_json else sentence)
