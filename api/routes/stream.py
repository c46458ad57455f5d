"""The event stream as server-sent events, for browsers and programs without WebSockets.

The `id` is what `after` takes, and what a client that was cut off sends back as `Last-Event-ID`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.deps import DatabaseDep, HubDep
from api.feeds import Part
from api.permissions import Acting, ActingDep
from api.streaming import AfterQuery, Ended, Pace, ProjectQuery, WordsQuery, abort, open_stream, until_end

router = APIRouter(prefix="/events", tags=["events"])

RETRY_MILLISECONDS = 1_000
"""After so long a browser connects again."""

LastEventId = Annotated[
    int | None,
    Header(ge=0, le=2**63 - 1, description="What the client saw last; goes before `after`."),
]


class EventStream(Response):
    """An answer that lasts; the events' bytes are the same for all clients.

    FastAPI's own would encode each event for each client anew, and cannot give up one that does not read.

    Args:
        stream: what is sent.
        acting: whose token must stay good.
        status_code: where FastAPI looks for it.
    """

    media_type = "text/event-stream"

    def __init__(self, stream: AsyncGenerator[Part], acting: Acting, status_code: int = 200) -> None:
        super().__init__(
            status_code=status_code, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        del self.headers["content-length"]
        self._stream = stream
        self._acting = acting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pace = Pace()
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)

        async def sent(body: bytes, more: bool = True) -> None:
            await pace.sending(send({"type": "http.response.body", "body": body, "more_body": more}))

        async def disconnect() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        async def send_all() -> None:
            await sent(f"retry: {RETRY_MILLISECONDS}\n\n".encode())
            async with aclosing(self._stream):
                async for part in self._stream:
                    if not await self._acting.still():
                        await sent(_end("UNAUTHORIZED", "the token is not good any more"))
                        break
                    await sent(_bytes_of(part))
            await sent(b"", more=False)

        if await until_end(send_all(), disconnect(), pace) is Ended.TOO_SLOW:
            abort(scope)


@router.get("/stream", operation_id="stream_events", response_class=EventStream)
async def stream_events(
    database: DatabaseDep,
    hub: HubDep,
    acting: ActingDep,
    project_id: ProjectQuery = None,
    after: AfterQuery = None,
    words: WordsQuery = None,
    last_event_id: LastEventId = None,
) -> Response:
    """Every event after a number, then each new one, as server-sent events."""
    start = after if last_event_id is None else last_event_id
    stream = await open_stream(hub, database, acting, project_id, start, words or [])
    return EventStream(stream, acting)


def _bytes_of(part: Part) -> bytes:
    if part.entries:
        found = b"".join([entry.sent_event for entry in part.entries])
        # Where events were left out after the last that is sent, the client goes on behind them.
        return found if part.entries[-1].place == part.last else found + f"id: {part.last}\n\n".encode()
    # A comment keeps the connection; the id alone moves the client's `Last-Event-ID` on.
    return f": heartbeat\nid: {part.last}\n\n".encode()


def _end(code: str, detail: str) -> bytes:
    return f"event: end\ndata: {json.dumps({'code': code, 'detail': detail})}\n\n".encode()
