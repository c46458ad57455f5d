"""Stands in front of the API: every request and every WebSocket passes it before any route runs."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import cast
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from api.auditing import ABANDONED, FAILED, READING, Record
from api.callers import NOBODY, Caller, Callers
from api.cookies import Cookies, check_csrf, scheme_of
from api.endpoints import UNKNOWN, Endpoint, Endpoints
from api.errors import ProblemResponse, note_code, of_error, problem
from api.limits import Buckets
from api.permissions import check_access, unseen
from api.security import (
    LOOPBACK_NAMES,
    bearer_token,
    body_limit,
    check_origin,
    counted,
    is_loopback,
    offered_protocol,
    protocol_token,
    required_token,
    token_in,
    too_large,
)
from api.sessions import Sessions
from paceline.domain.access import Role
from paceline.errors import NotListed, PacelineError, RateLimited, Refused, Unauthorized
from paceline.settings import Settings
from paceline.store.database import Database

FIRST_MESSAGE_SECONDS = 5.0
UNAUTHORIZED_CLOSE = 4401
FORBIDDEN_CLOSE = 4403
FAILURES_PER_SECOND, FAILURES_AT_ONCE = 1.0, 30
"""Requests of one address without a good token, until they are refused without being written down."""
STRANGERS_PER_SECOND, STRANGERS_AT_ONCE = 1.0, 100
"""Refusals of strangers, wherever they come from, until more are refused without being written down."""

BY_THE_LIST = "list of users"
"""Ends the sessions of who is not on it any more."""

_CLOSE_CODES: dict[type[PacelineError], int] = {Unauthorized: UNAUTHORIZED_CLOSE, RateLimited: 1013}

log = logging.getLogger(__name__)


class Guard:
    """ASGI middleware: request id, then host, origin, caller, rate, role, project and body size.

    Args:
        app: the application behind it.
        settings: bind address and token.
        callers: recognises who calls; None: by the settings alone.
        endpoints: what the application answers to; who may what is not asked without.
        database: where requests that change something are written down; None: nowhere.
        sessions: recognises who calls by a cookie; None: from the database.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        callers: Callers | None = None,
        endpoints: Endpoints | None = None,
        database: Database | None = None,
        sessions: Sessions | None = None,
    ) -> None:
        self._app = app
        self._callers = callers or Callers(settings, None, required_token(settings))
        self._sessions = sessions or Sessions(settings, database, self._callers)
        self._cookies = Cookies(settings)
        self._endpoints = endpoints
        self._database = database
        self._local_only = is_loopback(settings.api_host)
        self._hosts = LOOPBACK_NAMES | {settings.api_host}
        self._rates = Buckets(settings.rate_per_second, settings.rate_burst)
        self._failures = Buckets(FAILURES_PER_SECOND, FAILURES_AT_ONCE)
        # Addresses are cheap: without a limit to all of them together, strangers could fill the audit log.
        self._strangers = Buckets(STRANGERS_PER_SECOND, STRANGERS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {}).setdefault("request_id", secrets.token_hex(8))
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    def _endpoint(self, scope: Scope) -> Endpoint:
        if (known := scope["state"].get("endpoint")) is not None:
            return known
        method = scope.get("method", "GET")
        return self._endpoints.find(method, scope["path"]) if self._endpoints else Endpoint(method, UNKNOWN)

    def _check_page(self, scope: Scope) -> None:
        """Host and origin: what keeps other sites' pages in a browser away.

        Raises:
            Refused: it is a page of another site.
            RateLimited: such pages ask too often.
        """
        headers = Headers(scope=scope)
        try:
            if self._local_only:
                self._check_host(headers.get("host", ""))
            if scope["type"] == "websocket" or scope["method"] not in READING:
                check_origin(headers, scheme_of(scope))
        except Refused:
            self._failures.take(f"page {_peer(scope)}")
            raise

    def _check_host(self, host: str) -> None:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            name = None
        if name not in self._hosts:
            raise Refused(f"The host name {host!r} is not one this API answers to; use 127.0.0.1.")

    async def _admit(self, scope: Scope, endpoint: Endpoint) -> None:
        """Find who calls, and whether they may.

        Raises:
            Unauthorized: nobody that is known.
            RateLimited: too often.
            Forbidden: the role, or the limit to projects, does not allow it.
            NotFound: the project is one that the caller does not see.
        """
        access = endpoint.access
        if access is not None and access.open:
            # Who it is turns out there; an address may try only so often.
            self._failures.take(f"sign-in {_peer(scope)}")
            scope["state"]["caller"] = NOBODY
            return
        given = bearer_token(Headers(scope=scope))
        if given is None and (cookie := self._cookies.read(scope)) is not None:
            await self._let_in(scope, await self._in_session(scope, cookie), endpoint)
            return
        caller = await self._callers.find(given)
        known = caller is not None and caller.token_known
        if given is not None and access is not None and access.agents and not known:
            # An agent's own token opens one story's claim and nothing else, which the route checks.
            caller = Caller(Role.AGENT, given=given)
        if caller is None:
            self._failures.take(_peer(scope))
            raise Unauthorized(
                "The request needs a token that is good: send 'Authorization: Bearer <token>'."
            )
        await self._let_in(scope, caller, endpoint)

    async def _in_session(self, scope: Scope, cookie: str) -> Caller:
        """Whose session a cookie belongs to, where a page of ours asks.

        Raises:
            Unauthorized: the session is over.
            Refused: another page asks.
        """
        caller = await self._sessions.find(cookie)
        if caller is None:
            self._failures.take(_peer(scope))
            raise Unauthorized("The session has ended; sign in again.")
        scope["state"]["caller"] = caller
        check_csrf(scope, cookie)
        return caller

    async def _let_in(self, scope: Scope, caller: Caller, endpoint: Endpoint) -> None:
        scope["state"]["caller"] = caller
        if not caller.local:
            self._rates.take(caller.token or caller.proof or f"{caller.role}@{_peer(scope)}")
        if caller.refusal:
            if caller.session is not None:
                await self._sessions.end(caller.session.id, BY_THE_LIST)
            raise NotListed(caller.refusal, name=caller.name)
        if endpoint.access is not None:
            check_access(caller, endpoint)
        if endpoint.project is not None and not await self._callers.sees(caller, endpoint.project):
            raise unseen(endpoint.project)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoint(scope)
        record = Record(self._database, scope, endpoint, self._strangers)
        try:
            self._check_page(scope)
            await self._admit(scope, endpoint)
        except PacelineError as error:
            await self._refuse(error, record, scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        limit = body_limit(known=endpoint.access is None or not endpoint.access.open)
        if announced.isdecimal() and int(announced) > limit:
            answer = problem(413, "HTTP_413", too_large(limit), path=scope["path"], request_id=_id_of(scope))
            await self._answer(answer, record, scope, receive, send)
            return
        sender = _Sender(record, scope, receive, send)
        try:
            await self._app(scope, record.reading(counted(receive, limit)), sender)
        except asyncio.CancelledError:
            await asyncio.shield(record.write(ABANDONED))
            raise
        except Exception:
            await record.write(FAILED)
            raise

    async def _refuse(
        self, error: PacelineError, record: Record, scope: Scope, receive: Receive, send: Send
    ) -> None:
        # Nor may whoever asks too often fill the log.
        level = logging.DEBUG if isinstance(error, RateLimited) else logging.WARNING
        log.log(level, "request %s refused: %s", _id_of(scope), error.message)
        note_code(scope, error.code)
        answer = of_error(error, path=scope["path"], request_id=_id_of(scope))
        if isinstance(error, Unauthorized) and self._cookies.read(scope) is not None:
            self._cookies.clear(answer, scope)
        if isinstance(error, NotListed):
            record.needed()
        if isinstance(error, RateLimited):
            # Whoever asks too often must not be able to fill the audit log either.
            answer.headers["x-request-id"] = _id_of(scope)
            await answer(scope, receive, send)
        else:
            await self._answer(answer, record, scope, receive, send)

    async def _answer(
        self, answer: ProblemResponse, record: Record, scope: Scope, receive: Receive, send: Send
    ) -> None:
        await answer(scope, receive, _Sender(record, scope, receive, send))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoint(scope)
        try:
            self._check_page(scope)
            given = bearer_token(Headers(scope=scope)) or protocol_token(scope)
            cookie = self._cookies.read(scope) if given is None else None
            caller = (
                await self._in_session(scope, cookie)
                if cookie is not None
                else await self._callers.find(given)
            )
            if caller is None and given is None:
                await self._token_first(scope, endpoint, receive, send)
                return
            if caller is None:
                self._failures.take(_peer(scope))
                raise Unauthorized("The token is not good.")
            await self._let_in(scope, caller, endpoint)
        except PacelineError as error:
            await self._close(scope, error, send)
            return
        await self._app(scope, receive, self._while_good(caller, send))

    async def _close(self, scope: Scope, error: PacelineError, send: Send) -> None:
        log.warning("request %s refused: %s", _id_of(scope), error.message)
        code = _CLOSE_CODES.get(type(error), FORBIDDEN_CLOSE)
        await send({"type": "websocket.close", "code": code, "reason": error.code})

    async def _token_first(self, scope: Scope, endpoint: Endpoint, receive: Receive, send: Send) -> None:
        """Accept, and let the client through when its first message is `{"token": ...}`."""
        connect = await receive()
        await send({"type": "websocket.accept", "subprotocol": offered_protocol(scope)})
        try:
            async with asyncio.timeout(FIRST_MESSAGE_SECONDS):
                first = await receive()
        except TimeoutError:
            first: Message = {}
        if first.get("type") == "websocket.disconnect":
            return
        given = token_in(first.get("text"))
        try:
            caller = await self._callers.find(given) if given is not None else None
            if caller is None:
                self._failures.take(_peer(scope))
                raise Unauthorized("The first message brings no token that is good.")
            await self._let_in(scope, caller, endpoint)
        except PacelineError as error:
            await self._close(scope, error, send)
            return
        pending = [connect]

        async def receive_again() -> Message:
            return pending.pop() if pending else await receive()

        async def send_accepted(message: Message) -> None:
            if message["type"] != "websocket.accept":
                await send(message)

        await self._app(scope, receive_again, self._while_good(caller, send_accepted))

    def _while_good(self, caller: Caller, send: Send) -> Send:
        """Send only while the caller's token or session is good: it may be ended, or expire, meanwhile."""

        async def sending(message: Message) -> None:
            if message["type"] == "websocket.send" and not await self._sessions.still(caller):
                reason = "the token or session is not good any more"
                await send({"type": "websocket.close", "code": UNAUTHORIZED_CLOSE, "reason": reason})
                raise WebSocketDisconnect(UNAUTHORIZED_CLOSE)
            await send(message)

        return sending if caller.proof else send


class _Sender:
    """Sends an answer after its request was written down; where that fails, the answer says so instead."""

    def __init__(self, record: Record, scope: Scope, receive: Receive, send: Send) -> None:
        self._record = record
        self._scope = scope
        self._receive = receive
        self._send = send
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            try:
                await self._record.write(message["status"])
            except PacelineError as error:
                self._replaced = True
                where = self._scope
                answer = of_error(error, path=where["path"], request_id=_id_of(where))
                await answer(where, self._receive, self._start)
                return
        await self._start(message)

    async def _start(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                *message.get("headers", []),
                (b"x-request-id", _id_of(self._scope).encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
        await self._send(message)


def _peer(scope: Scope) -> str:
    client = cast(tuple[str, int] | None, scope.get("client"))
    return client[0] if client else ""


def _id_of(scope: Scope) -> str:
    return scope["state"]["request_id"]
