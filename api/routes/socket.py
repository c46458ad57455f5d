"""The event stream as a WebSocket: `/ws?project_id=&after=&type=`.

With `project_id`, every event of the project after number `after`, each once and in order, first what was
and then what comes: a client that remembers the last number it saw loses nothing. Without `project_id`, for
admins, the same of all projects by `position`. Every message is one event as JSON, or, after some silence, a
heartbeat with the number to resume after. A client that takes nothing for `SEND_SECONDS` is closed with
`TOO_SLOW`, and the reason names that number too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from api import believed
from api.deps import DatabaseDep, HubDep
from api.feeds import Entry, Part
from api.guard import FORBIDDEN_CLOSE
from api.permissions import ActingDep
from api.security import offered_protocol
from api.streaming import AfterQuery, Ended, Pace, ProjectQuery, WordsQuery, open_stream, until_end
from paceline.errors import Forbidden, NotFound

router = APIRouter(tags=["events"])

TOO_SLOW = 4008
UNKNOWN_PROJECT = 4404
STOPPING = 1012
FRAMES = "paceline.frames"
"""The server's extension that takes whole frames, so that an event is framed once for all clients.

Its `push` writes frames at once where the client has room for them, and says whether it had.
"""
PUSH_SECONDS = 0.5
"""Without asking whether the client's token is still good."""
CHUNK = 64 * 1024
"""Bytes that are written before it is looked whether the client reads."""


@router.websocket("/ws")
async def stream_events(
    websocket: WebSocket,
    database: DatabaseDep,
    hub: HubDep,
    acting: ActingDep,
    project_id: ProjectQuery = None,
    after: AfterQuery = None,
    words: WordsQuery = None,
) -> None:
    """Send events until the client goes."""
    await websocket.accept(subprotocol=offered_protocol(websocket.scope))
    sender = _Sender(websocket, project_id, after or 0, proven=bool(acting.caller.proof))
    try:
        push = sender.push if sender.pushes else None
        stream = await open_stream(hub, database, acting, project_id, after, words or [], push)
    except Forbidden as error:
        await websocket.close(FORBIDDEN_CLOSE, error.message[:120])
    except NotFound:
        await websocket.close(UNKNOWN_PROJECT, "no such project")
    else:
        # A client that went while it was sent to, or whose token ended, is no error.
        with suppress(WebSocketDisconnect):
            ended = await until_end(sender.send_all(stream), _until_disconnect(websocket), sender.pace)
            if ended is not Ended.CLIENT_GONE:
                await close(websocket, ended, sender.last)


async def close(websocket: WebSocket, ended: Ended, last: int) -> None:
    """Say why, and where to go on."""
    code, why = (TOO_SLOW, "too slow") if ended is Ended.TOO_SLOW else (STOPPING, "the server stops")
    with suppress(RuntimeError):  # the server has closed it
        await websocket.close(code, f"{why}; resume with after={last}")


class _Sender:
    """Sends a stream's parts to one client.

    Args:
        websocket: the client.
        project: id of the run; None: all.
        last: place after which the client goes on where it is sent nothing.
        proven: whether what it brought may end meanwhile, which each message through the application checks.
    """

    def __init__(self, websocket: WebSocket, project: str | None, last: int, *, proven: bool) -> None:
        self.pace = Pace()
        self.last = last
        self._websocket = websocket
        self._project = project
        extensions: dict[str, Any] = websocket.scope.get("extensions", {})
        self._framed = FRAMES in extensions
        self._push: Callable[[bytes], bool] | None = extensions.get(FRAMES, {}).get("push")
        self._now = asyncio.get_running_loop().time
        self._proven = proven
        self._good_until = 0.0

    @property
    def pushes(self) -> bool:
        """Whether the server can write without the application's task."""
        return self._push is not None

    def push(self, part: Part) -> bool:
        """Send at once; false where the client has no room, or is to be checked first."""
        if self._push is None or (self._proven and self._now() >= self._good_until):
            return False
        entries = part.entries
        frames = entries[0].frame if len(entries) == 1 else b"".join([entry.frame for entry in entries])
        if not self._push(frames):
            return False
        self.last = part.last
        return True

    async def send_all(self, stream: AsyncGenerator[Part]) -> None:
        """Send until the stream ends."""
        async with aclosing(stream):
            async for part in stream:
                await self._send(part)
                self.last = part.last

    async def _send(self, part: Part) -> None:
        if not part.entries:
            await self.pace.sending(self._websocket.send_text(heartbeat(self._project, part.last)))
        elif self._framed:
            for frames, last in _chunks(part.entries):
                message = {"type": "websocket.send", "frames": frames}
                await self.pace.sending(self._websocket.send(message))
                self.last = last
            self._good_until = self._now() + min(PUSH_SECONDS, believed.BELIEVED_SECONDS)
        else:
            for entry in part.entries:
                await self.pace.sending(self._websocket.send_text(entry.text))
                self.last = entry.place


def _chunks(entries: list[Entry]) -> Iterator[tuple[bytes, int]]:
    """Frames to be written at once, and the place of the last."""
    frames: list[bytes] = []
    size = 0
    for entry in entries:
        frames.append(entry.frame)
        size += len(entry.frame)
        if size >= CHUNK or entry is entries[-1]:
            yield b"".join(frames), entry.place
            frames, size = [], 0


def heartbeat(project: str | None, last: int) -> str:
    """The message that says that the stream lives, and after which place to resume."""
    now = datetime.now(UTC).isoformat()
    return json.dumps({"type": "HEARTBEAT", "project": project, "after": last, "at": now})


async def _until_disconnect(websocket: WebSocket) -> None:
    """Read and forget what the client says."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
