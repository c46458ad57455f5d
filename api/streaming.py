"""What the WebSocket and the server-sent events have in common: what is asked for, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Coroutine
from enum import Enum, auto
from typing import Annotated, Any

from fastapi import Query
from pydantic import StringConstraints
from starlette.types import Scope

from api.feeds import Part, Selection
from api.hub import Hub, Push
from api.permissions import Acting, unseen
from paceline.domain.access import Role
from paceline.domain.events import EventType
from paceline.errors import Forbidden
from paceline.observe.metrics import STREAMS_DROPPED
from paceline.store import runs
from paceline.store.database import Database

SEND_SECONDS = 10.0
"""A client that does not take what it is sent for so long is let go."""
MOST_WORDS = 50

_NAME = r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*"
EventWord = Annotated[str, StringConstraints(max_length=100, pattern=f"^({'|'.join(EventType)}|{_NAME})$")]

ProjectQuery = Annotated[
    str | None, Query(max_length=200, description="The run; without it, all runs, for an admin.")
]
AfterQuery = Annotated[
    int | None,
    Query(
        ge=0,
        le=2**63 - 1,
        description="Number of the last event that is known, of all runs its position. "
        "None: every event of the run, or only new ones of all runs.",
    ),
]
WordsQuery = Annotated[
    list[EventWord] | None,
    Query(alias="type", max_length=MOST_WORDS, description="Only events of these types or names."),
]


async def open_stream(
    hub: Hub,
    database: Database,
    acting: Acting,
    project: str | None,
    after: int | None,
    words: list[str],
    push: Push | None = None,
) -> AsyncGenerator[Part]:
    """The stream that a client asks for.

    Args:
        hub, database: where events come from.
        acting: who asks.
        project, after, words: what they ask for.
        push: gives them what comes, once they have what was.

    Raises:
        Forbidden: all runs, and the caller is no admin or limited to projects.
        NotFound: a run that is not there, or that the caller does not see.
    """
    chosen = Selection(words)
    if project is None:
        acting.need(Role.ADMIN, "The stream of all projects")
        if acting.within is not None:
            raise Forbidden(
                "The token is limited to projects; name one of them as project_id.",
                role=acting.caller.role.value,
                needed=Role.ADMIN.value,
            )
        return hub.all_events(after, chosen, push)
    if not hub.has(project):
        await database.read(runs.get_run, project)
    if not await acting.sees(project):
        raise unseen(project)
    return hub.project_events(project, after or 0, chosen, push)


class Ended(Enum):
    """Why a stream ended."""

    ALL_SENT = auto()
    CLIENT_GONE = auto()
    TOO_SLOW = auto()


class Pace:
    """How long the client lets the present message wait."""

    def __init__(self) -> None:
        self._since: float | None = None

    async def sending(self, sending: Awaitable[None]) -> None:
        """Await it, watched."""
        self._since = asyncio.get_running_loop().time()
        await sending
        self._since = None

    async def until_slow(self) -> None:
        """Return when a message has waited for `SEND_SECONDS`.

        One timer now and then, where a time-out of each message would cost more than the message.
        """
        loop = asyncio.get_running_loop()
        while self._since is None or loop.time() - self._since < SEND_SECONDS:  # noqa: ASYNC110 - time passes
            await asyncio.sleep(SEND_SECONDS / 4)


async def until_end(
    sending: Coroutine[Any, Any, None], disconnect: Coroutine[Any, Any, None], pace: Pace
) -> Ended:
    """Send until everything is sent, the client goes, or it is too slow; raises what the sender raised."""
    sender = asyncio.create_task(sending)
    listener, watcher = asyncio.create_task(disconnect), asyncio.create_task(pace.until_slow())
    tasks = (sender, listener, watcher)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if sender.done():
            sender.result()
            return Ended.ALL_SENT
        if listener.done():
            return Ended.CLIENT_GONE
        STREAMS_DROPPED.inc()
        return Ended.TOO_SLOW
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def abort(scope: Scope) -> None:
    """Give up a connection whose client reads nothing, with what waits for it, where the server can."""
    transport: asyncio.Transport | None = scope["state"].get("transport")
    if transport is not None:
        transport.abort()
