"""Outermost around the API: the request's id, its span, what is counted of it, and its line in the log."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.callers import Caller
from api.endpoints import UNKNOWN, Endpoint, Endpoints
from paceline.observe import metrics, tracing
from paceline.observe.context import bound

ABORTED = "aborted"
"""Stands for the status where the client went before an answer began."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PATH_SHOWN = 300

log = logging.getLogger("paceline.access")


class Observed:
    """ASGI middleware around all others.

    Args:
        app: the application behind it.
        endpoints: what it answers to, for the route that is counted and logged.
    """

    def __init__(self, app: ASGIApp, endpoints: Endpoints) -> None:
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        endpoint = self._endpoints.find(scope.get("method", "GET"), scope["path"])
        state = scope.setdefault("state", {})
        state["request_id"], state["endpoint"] = secrets.token_hex(8), endpoint
        trace = tracing.trace_id_in(Headers(scope=scope).get("traceparent"))
        with bound(request_id=state["request_id"], project=endpoint.project, trace_id=trace):
            if scope["type"] == "websocket":
                await self._websocket(scope, receive, send)
            else:
                await self._http(scope, receive, send, endpoint)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        with metrics.STREAMS_OPEN.labels("websocket").track_inprogress():
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send, endpoint: Endpoint) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        answer = _Answer(send)
        headers = Headers(scope=scope)
        around = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
        with tracing.span(f"{method} {endpoint.template}", "server", around) as span:
            span.note(
                {
                    "http.request.method": method,
                    "http.route": endpoint.template,
                    "url.path": scope["path"][:_PATH_SHOWN],
                    "paceline.project": endpoint.project,
                    "paceline.request_id": scope["state"]["request_id"],
                }
            )
            try:
                with metrics.REQUESTS_UNDER_WAY.track_inprogress():
                    await self._app(scope, receive, answer)
            except asyncio.CancelledError:
                answer.status = answer.status or ABORTED
                raise
            except Exception:
                answer.status = answer.status or "500"
                raise
            finally:
                answer.end()
                span.note({"http.response.status_code": answer.status})
                if (answer.status or "").startswith("5"):
                    span.fail(f"status {answer.status}")
                self._count(scope, method, endpoint, answer)

    def _count(self, scope: Scope, method: str, endpoint: Endpoint, answer: _Answer) -> None:
        status, seconds = answer.status or ABORTED, answer.seconds
        metrics.REQUESTS.labels(method, endpoint.template, status).inc()
        metrics.REQUEST_SECONDS.labels(method, endpoint.template).observe(seconds)
        if not log.isEnabledFor(logging.INFO):
            return
        caller = scope["state"].get("caller")
        about = {
            "method": method,
            "route": endpoint.template,
            "status": status,
            "duration_ms": round(1000 * seconds, 1),
        }
        if isinstance(caller, Caller):
            about["caller"] = caller.name or caller.role.value
        # Without the query: it is the caller's, and nobody promised that it holds no secret.
        path = scope["path"] if endpoint.template == UNKNOWN else endpoint.template
        log.info("%s %s %s", method, path[:_PATH_SHOWN], status, extra=about)


class _Answer:
    """Passes an answer on and remembers its status, when it began, and whether it is a stream of events."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._began = time.perf_counter()
        self._first: float | None = None
        self._streams = False
        self.status: str | None = None

    @property
    def seconds(self) -> float:
        """From the request's arrival until its answer began; until now where it did not."""
        return (self._first or time.perf_counter()) - self._began

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._first is None:
            self._first = time.perf_counter()
            self.status = str(message["status"])
            kind = Headers(raw=list(message.get("headers", []))).get("content-type", "")
            if kind.startswith("text/event-stream"):
                self._streams = True
                metrics.STREAMS_OPEN.labels("sse").inc()
        await self._send(message)

    def end(self) -> None:
        """The answer has ended, in whichever way."""
        if self._streams:
            metrics.STREAMS_OPEN.labels("sse").dec()
