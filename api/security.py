"""Who may talk to the API: host, origin, token and size are checked before any route runs.

On loopback the dangers are a web page in the user's browser: DNS rebinding (a foreign name that resolves to
127.0.0.1; refused by the Host check) and cross-site requests (refused by the Origin check). On any other
address every request and every WebSocket also needs a token, whose role says what it opens.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from typing import cast

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

from paceline.errors import ConfigurationError, Refused
from paceline.settings import Settings
from paceline.store.tokens import PREFIX

PLAN_LIMIT = 32 * 1024 * 1024
"""The longest plan in bytes, as for the command line."""
BODY_LIMIT = PLAN_LIMIT * 5 // 4
"""The longest request in bytes: a plan, what JSON adds to its lines, its options and the multipart frame."""
SIGN_IN_LIMIT = 64 * 1024
"""The longest request in bytes of somebody who is not known yet."""
BODY_SECONDS, BODY_RATE = 30.0, 32 * 1024
"""How long a body may take: so many seconds, and one for each so many bytes that came."""
TOKEN_PROTOCOL = "paceline.token."  # noqa: S105 - the prefix of a subprotocol, not a secret
WEBSOCKET_PROTOCOL = "paceline"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Whether a bind address or host name can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def required_token(settings: Settings) -> str | None:
    """The API's own token, which opens everything; None where loopback is protection enough.

    Raises:
        ConfigurationError: the API would listen without a token where one is needed.
    """
    token = settings.api_token.get_secret_value() if settings.api_token else ""
    if token.startswith(PREFIX):
        # Whoever holds it would be an admin here, whatever its role is.
        raise ConfigurationError(
            f"PACELINE_API_TOKEN is somebody's token ({PREFIX}...), and a server needs one of its own; "
            "set it to another long random text, or leave it away where the server is to run."
        )
    if not token and not is_loopback(settings.api_host):
        raise ConfigurationError(
            f"The API would listen on {settings.api_host} without a token; set PACELINE_API_TOKEN to a long "
            "random text, or leave PACELINE_API_HOST at 127.0.0.1."
        )
    if not token and not settings.open_loopback:
        # Agents' tokens are made from it.
        raise ConfigurationError(
            "PACELINE_OPEN_LOOPBACK says that everybody needs a token; set PACELINE_API_TOKEN to a long "
            "random text too."
        )
    return token or None


def bearer_token(headers: Headers) -> str | None:
    """The token of an `Authorization: Bearer` header."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def offered_protocol(scope: Scope) -> str | None:
    """The subprotocol to accept: ours where the client offers it, never the one that carries the token."""
    return WEBSOCKET_PROTOCOL if WEBSOCKET_PROTOCOL in scope.get("subprotocols", []) else None


def body_limit(*, known: bool) -> int:
    """The longest request in bytes of somebody who is known, or who is not."""
    return BODY_LIMIT if known else SIGN_IN_LIMIT


def too_large(limit: int) -> str:
    """What is said of a request that is longer than the limit in bytes."""
    more = f"; a plan may have {PLAN_LIMIT // 1024} KiB" if limit == BODY_LIMIT else ""
    return f"The request is larger than {limit // 1024} KiB{more}."


def check_origin(headers: Headers, scheme: str) -> None:
    """Refuse a request that a page of another site makes.

    Raises:
        Refused: it is one.
    """
    origin = headers.get("origin")
    if origin is None:
        # Programs send no Origin; browsers do for every cross-site request that could change something.
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Refused("A page of another site may not call this API.")
        return
    if origin != f"{scheme}://{headers.get('host', '')}":
        raise Refused(f"A page of {origin} may not call this API; open the page that it serves itself.")


def protocol_token(scope: Scope) -> str | None:
    """The token that a browser brings as a subprotocol."""
    for offered in cast(list[str], scope.get("subprotocols", [])):
        if offered.startswith(TOKEN_PROTOCOL):
            return offered.removeprefix(TOKEN_PROTOCOL)
    return None


def token_in(text: str | None) -> str | None:
    """The token of a first message."""
    try:
        message: object = json.loads(text or "")
        token = cast(dict[str, object], message).get("token") if isinstance(message, dict) else None
        if not isinstance(token, str):
            return None
        token.encode()  # half of a surrogate pair is no text
        return token
    except (ValueError, RecursionError):
        return None


def counted(receive: Receive, limit: int) -> Receive:
    """Refuse a body that grows past the limit in bytes without having announced its length, or that drips."""
    seen, ended = 0, False
    began = asyncio.get_running_loop().time()

    async def counting() -> Message:
        nonlocal seen, ended
        if ended:
            return await receive()
        try:
            async with asyncio.timeout_at(began + BODY_SECONDS + seen / BODY_RATE):
                message = await receive()
        except TimeoutError:
            # Whoever drips on must not keep the connection either.
            raise HTTPException(
                408, "The request's body comes too slowly.", {"Connection": "close"}
            ) from None
        ended = not message.get("more_body", False)
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413, too_large(limit))
        return message

    return counting
