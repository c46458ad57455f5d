"""The event stream: `/ws?project_id=&after=`.

With `project_id`, every event of the project after number `after`, each once and in order, first what was
and then what comes: a client that remembers the last number it saw loses nothing. Without `project_id`, the
events of all projects from now on; each carries its project and number, so that a client that was away
resumes project by project. Every message is one event as JSON. A client that does not take an event within
`SEND_SECONDS` is closed with `TOO_SLOW` and may resume. Beyond loopback, `api.security` says how a client
authenticates; a token that is limited to projects hears of these only, one at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from api.deps import DatabaseDep, HubDep
from api.guard import FORBIDDEN_CLOSE
from api.permissions import ActingDep
from api.security import offered_protocol
from paceline.errors import NotFound
from paceline.store import runs

router = APIRouter(tags=["events"])
log = logging.getLogger(__name__)

SEND_SECONDS = 10.0
TOO_SLOW = 4008
UNKNOWN_PROJECT = 4404
CLOSE_SECONDS = 2.0


@router.websocket("/ws")
async def stream_events(
    websocket: WebSocket,
    database: DatabaseDep,
    hub: HubDep,
    acting: ActingDep,
    project_id: Annotated[str | None, Query(max_length=200)] = None,
    after: Annotated[int, Query(ge=0)] = 0,
) -> None:
    """Send events until the client goes."""
    await websocket.accept(subprotocol=offered_protocol(websocket.scope))
    if project_id is None and acting.within is not None:
        await websocket.close(FORBIDDEN_CLOSE, "name one of the token's projects as project_id")
        return
    if project_id is not None:
        try:
            await database.read(runs.get_run, project_id)
            seen = await acting.sees(project_id)
        except NotFound:
            seen = False
        if not seen:
            await websocket.close(UNKNOWN_PROJECT, "no such project")
            return
    stream = hub.all_events() if project_id is None else hub.project_events(project_id, after)
    sender = asyncio.create_task(_send_all(websocket, stream))
    listener = asyncio.create_task(_until_disconnect(websocket))
    try:
        await asyncio.wait({sender, listener}, return_when=asyncio.FIRST_COMPLETED)
        if sender.done() and sender.exception() is None:
            await close_slow(websocket)
    finally:
        for task in (sender, listener):
            task.cancel()
        for result in await asyncio.gather(sender, listener, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                log.error("An event stream ended early.", exc_info=result)


async def close_slow(websocket: WebSocket) -> None:
    """Say why, if the client still reads at all."""
    with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await websocket.close(TOO_SLOW, "too slow; resume with after=<last number>")


async def _send_all(websocket: WebSocket, stream: AsyncGenerator[list[str]]) -> None:
    """Send until the stream ends or the client is too slow; both return."""
    async with aclosing(stream):
        async for texts in stream:
            for text in texts:
                try:
                    async with asyncio.timeout(SEND_SECONDS):
                        await websocket.send_text(text)
                except TimeoutError:
                    return


async def _until_disconnect(websocket: WebSocket) -> None:
    """Read and forget what the client says."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
