"""Who may talk to the API: host, origin, token and size are checked before any route runs.

On loopback the dangers are a web page in the user's browser: DNS rebinding (a foreign name that resolves to
127.0.0.1; refused by the Host check) and cross-site requests (refused by the Origin check). On any other
address every request and every WebSocket also needs the token.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import logging
import re
import secrets
from typing import cast
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import of_error, problem
from paceline.errors import ConfigurationError, PacelineError, Refused, Unauthorized
from paceline.settings import Settings

PLAN_LIMIT = 32 * 1024 * 1024
"""The longest plan in bytes, as for the command line."""
BODY_LIMIT = PLAN_LIMIT * 5 // 4
"""The longest request in bytes: a plan, what JSON adds to its lines, its options and the multipart frame."""
TOKEN_PROTOCOL = "paceline.token."  # noqa: S105 - the prefix of a subprotocol, not a secret
WEBSOCKET_PROTOCOL = "paceline"
FIRST_MESSAGE_SECONDS = 5.0
UNAUTHORIZED_CLOSE = 4401

_CLAIM_OF_A_STORY = re.compile(r"/api/v1/projects/[^/]+/stories/.+/claim")

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

log = logging.getLogger(__name__)


def is_loopback(host: str) -> bool:
    """Whether a bind address or host name can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def required_token(settings: Settings) -> str | None:
    """The token that requests must carry; None where loopback is protection enough.

    Raises:
        ConfigurationError: the API would listen beyond loopback without a token.
    """
    token = settings.api_token.get_secret_value() if settings.api_token else ""
    if not token and not is_loopback(settings.api_host):
        raise ConfigurationError(
            f"The API would listen on {settings.api_host} without a token; set PACELINE_API_TOKEN to a long "
            "random text, or leave PACELINE_API_HOST at 127.0.0.1."
        )
    return token or None


def allows(settings: Settings, given: str | None, own: str) -> bool:
    """Whether a request brings the API's token, or one made for what it asks; True where none is needed.

    Args:
        settings: name the API's token.
        given: what the request brought.
        own: the token that opens only what it asks.
    """
    wanted = required_token(settings)
    if wanted is None:
        return True
    return any(hmac.compare_digest((given or "").encode(), each.encode()) for each in (wanted, own))


class Guard:
    """ASGI middleware: request id, then host, origin, token and body size.

    Args:
        app: the application behind it.
        settings: bind address and token.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._token = required_token(settings)
        self._local_only = is_loopback(settings.api_host)
        self._hosts = _LOOPBACK_NAMES | {settings.api_host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        try:
            self._check(scope)
        except PacelineError as error:
            log.warning("request %s refused: %s", request_id, error.message)
            await _refuse(error, scope, receive, send, request_id)
            return
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, send, request_id)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if self._local_only:
            self._check_host(headers.get("host", ""))
        if scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS:
            _check_origin(headers, "https" if scope["scheme"] in ("https", "wss") else "http")
        if self._token and scope["type"] == "http" and not self._may(scope, bearer_token(headers)):
            raise Unauthorized("The request needs the API's token: send 'Authorization: Bearer <token>'.")

    def _check_host(self, host: str) -> None:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            name = None
        if name not in self._hosts:
            raise Refused(f"The host name {host!r} is not one this API answers to; use 127.0.0.1.")

    def _may(self, scope: Scope, given: str | None) -> bool:
        if self._matches(given):
            return True
        # An agent has a token of its own, which the route checks: it opens one story's claim, nothing else.
        wish = scope["method"] == "POST" and _CLAIM_OF_A_STORY.fullmatch(scope["path"]) is not None
        return given is not None and wish

    def _matches(self, given: str | None) -> bool:
        wanted = self._token or ""
        return given is not None and hmac.compare_digest(given.encode(), wanted.encode())

    async def _http(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > BODY_LIMIT:
            answer = problem(413, "HTTP_413", _TOO_LARGE, path=scope["path"], request_id=request_id)
            await answer(scope, receive, send)
            return

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        await self._app(scope, _counted(receive), send_with_id)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        given = bearer_token(headers) or _protocol_token(scope)
        if self._token is None or self._matches(given):
            await self._app(scope, receive, send)
        elif given is not None:
            await send({"type": "websocket.close", "code": UNAUTHORIZED_CLOSE, "reason": "wrong token"})
        else:
            await self._token_first(scope, receive, send)

    async def _token_first(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept, and let the client through when its first message is `{"token": ...}`."""
        connect = await receive()
        await send({"type": "websocket.accept", "subprotocol": offered_protocol(scope)})
        try:
            async with asyncio.timeout(FIRST_MESSAGE_SECONDS):
                first = await receive()
        except TimeoutError:
            first: Message = {}
        if not self._matches(_token_in(first.get("text"))):
            if first.get("type") != "websocket.disconnect":
                await send({"type": "websocket.close", "code": UNAUTHORIZED_CLOSE, "reason": "token needed"})
            return
        pending = [connect]

        async def receive_again() -> Message:
            return pending.pop() if pending else await receive()

        async def send_accepted(message: Message) -> None:
            if message["type"] != "websocket.accept":
                await send(message)

        await self._app(scope, receive_again, send_accepted)


def bearer_token(headers: Headers) -> str | None:
    """The token of an `Authorization: Bearer` header."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def offered_protocol(scope: Scope) -> str | None:
    """The subprotocol to accept: ours where the client offers it, never the one that carries the token."""
    return WEBSOCKET_PROTOCOL if WEBSOCKET_PROTOCOL in scope.get("subprotocols", []) else None


_TOO_LARGE = f"The request is larger than {BODY_LIMIT // 1024} KiB; a plan may have {PLAN_LIMIT // 1024} KiB."


def _check_origin(headers: Headers, scheme: str) -> None:
    origin = headers.get("origin")
    if origin is None:
        # Programs send no Origin; browsers do for every cross-site request that could change something.
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Refused("A page of another site may not call this API.")
        return
    if origin != f"{scheme}://{headers.get('host', '')}":
        raise Refused(f"A page of {origin} may not call this API; open the page that it serves itself.")


def _protocol_token(scope: Scope) -> str | None:
    for offered in cast(list[str], scope.get("subprotocols", [])):
        if offered.startswith(TOKEN_PROTOCOL):
            return offered.removeprefix(TOKEN_PROTOCOL)
    return None


def _token_in(text: str | None) -> str | None:
    try:
        message: object = json.loads(text or "")
    except ValueError:
        return None
    token = cast(dict[str, object], message).get("token") if isinstance(message, dict) else None
    return token if isinstance(token, str) else None


def _counted(receive: Receive) -> Receive:
    """Refuse a body that grows past the limit without having announced its length."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY_LIMIT:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return counting


async def _refuse(error: PacelineError, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4403, "reason": error.code})
        return
    answer = of_error(error, path=scope["path"], request_id=request_id)
    answer.headers["x-request-id"] = request_id
    await answer(scope, receive, send)
