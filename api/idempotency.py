"""`Idempotency-Key`: a request that is sent again under its key gets the answer it got, and nothing twice.

As the IETF's draft "The Idempotency-Key HTTP Header Field" says it: the same key with another request is a
422, and one that is being carried out a 409. Stands behind the guard, so the caller is known and allowed.

What a request does and its answer are not written in one transaction. A process that is killed in between
leaves a request without an answer; when its lease is over, a repeat carries it out again. The id that routes
give to what they do (`Acting.fresh_id`) is made from the key, so that the repeat finds its own effect.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from email.message import Message as Headings
from typing import Any, cast

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.callers import NOBODY, Caller
from api.errors import note_code, of_error, problem
from paceline.errors import IdempotencyKeyInvalid, IdempotentAnswerNotKept, PacelineError
from paceline.store import keyed_requests
from paceline.store.database import Database
from paceline.store.keyed_requests import Answered, Begun

HEADER, REPLAYED = "idempotency-key", b"idempotency-replayed"
METHODS = frozenset({"POST", "PATCH"})
"""Of which a key is looked at; the others are idempotent by themselves."""
KEY_LIMIT = 200
BODY_KEPT = 256 * 1024
"""The longest answer in bytes that is kept."""
RENEW_SECONDS = 5.0
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_KEPT_HEADERS = frozenset({"content-type", "location", "etag", "link"})

log = logging.getLogger(__name__)


class Idempotency:
    """ASGI middleware behind the guard.

    Args:
        app: the application behind it.
        database: where requests and answers are kept.
    """

    def __init__(self, app: ASGIApp, database: Database) -> None:
        self._app = app
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] not in METHODS
            or HEADER not in Headers(scope=scope)
            # Who signs in is nobody yet; what they sign in with is not kept, and each time begins a session.
            or scope["state"]["caller"] is NOBODY
        ):
            await self._app(scope, receive, send)
            return
        try:
            await self._keyed(scope, receive, send)
        except PacelineError as error:
            note_code(scope, error.code)
            answer = of_error(error, path=scope["path"], request_id=scope["state"]["request_id"])
            await answer(scope, receive, send)
        except HTTPException as error:
            # The body was longer than it may be, or came too slowly.
            code, id = f"HTTP_{error.status_code}", scope["state"]["request_id"]
            answer = problem(error.status_code, code, error.detail, path=scope["path"], request_id=id)
            answer.headers.update(error.headers or {})
            await answer(scope, receive, send)

    async def _keyed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that brings a key.

        Raises:
            PacelineError: it is refused, and nothing was sent.
            HTTPException: its body is too long.
        """
        key = key_of(Headers(scope=scope))
        body = await _read(receive)
        if body is None:
            return  # the caller went before it had said what it wants
        id = _digest(_caller_of(scope["state"]["caller"]), key)
        fingerprint = _fingerprint(scope, body)
        begun = await self._database.write(keyed_requests.begin_request, id, fingerprint)
        if isinstance(begun, Answered):
            await _replay(begun, scope, receive, send)
            return
        scope["state"]["fresh_id"] = _digest(id, fingerprint)[:32]
        held = _Held(self._database, id, begun)
        renewing = asyncio.create_task(held.renew())
        try:
            await self._app(scope, _Body(body, receive), _Answer(held, send))
        except BaseException:
            await asyncio.shield(held.give_up())
            raise
        finally:
            renewing.cancel()


class _Held:
    """A request that this process carries out."""

    def __init__(self, database: Database, id: str, begun: Begun) -> None:
        self._database = database
        self._id = id
        self._holder = begun.holder

    async def renew(self) -> None:
        """Hold it, until cancelled."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._database.write(keyed_requests.renew_request, self._id, self._holder)
            except PacelineError as error:
                log.warning("A keyed request could not be held: %s", error.message)

    async def keep(self, status: int, headers: Mapping[str, str], body: bytes | None) -> None:
        """Keep its answer, before anybody hears of it.

        Where that cannot be written, it is given all the same: what it tells of is done.
        """
        try:
            await self._database.write(
                keyed_requests.answer_request, self._id, self._holder, status, headers, body
            )
        except PacelineError as error:
            log.warning("The answer to a keyed request was not kept: %s", error.message)

    async def give_up(self) -> None:
        """It failed: let it be sent again. Where that cannot be written, the lease ends by itself."""
        with suppress(PacelineError):
            await self._database.write(keyed_requests.give_up_request, self._id, self._holder)


class _Answer:
    """Holds an answer back until it is kept.

    Kept is what was decided, success or refusal. A failure of ours is not, nor what says to come again.
    """

    def __init__(self, held: _Held, send: Send) -> None:
        self._held = held
        self._send = send
        self._start: Message | None = None
        self._parts: list[bytes] = []
        self._size = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is None:
            await self._send(message)  # the rest of an answer that is too long to be kept
            return
        self._parts.append(message.get("body", b""))
        self._size += len(self._parts[-1])
        ended = not message.get("more_body", False)
        if not ended and self._size <= BODY_KEPT:
            return
        start, body = self._start, b"".join(self._parts)
        self._start, self._parts = None, []
        await self._keep(start, body if ended and self._size <= BODY_KEPT else None)
        await self._send(start)
        await self._send({**message, "body": body})

    async def _keep(self, start: Message, body: bytes | None) -> None:
        headers = Headers(raw=start["headers"])
        status: int = start["status"]
        if status >= 500 or "retry-after" in headers:
            await self._held.give_up()
            return
        if "no-store" in headers.get("cache-control", ""):
            body = None
        kept = {name: value for name, value in headers.items() if name in _KEPT_HEADERS}
        await self._held.keep(status, kept, body)


class _Body:
    """Gives a body that was read once more, and then what comes."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def key_of(headers: Headers) -> str:
    """The key that a request brings, with the quotes of a structured field or without.

    Raises:
        IdempotencyKeyInvalid: it is none.
    """
    given = headers.getlist(HEADER)
    key = given[0].strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if len(given) > 1 or len(key) > KEY_LIMIT or not _VISIBLE.fullmatch(key) or '"' in key:
        raise IdempotencyKeyInvalid(
            f"Idempotency-Key is one text of 1 to {KEY_LIMIT} visible ASCII characters, such as a UUID; send "
            "a new one with each new request."
        )
    return key


async def _read(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _caller_of(caller: Caller) -> str:
    """Whose key it is: a token's, whatever its secret is by now."""
    given = "" if caller.token else caller.given or ""
    return json.dumps([caller.token, caller.role.value, caller.name, caller.local, _digest(given)])


def _fingerprint(scope: Scope, body: bytes) -> str:
    kind, boundary = _content_type(Headers(scope=scope).get("content-type", ""))
    if boundary:
        # A form that is sent again has another boundary.
        body = body.replace(boundary.encode(), b"")
    query = cast(bytes, scope.get("query_string", b"")).decode("latin-1")
    return _digest(scope["method"], scope["path"], query, kind, hashlib.sha256(body).hexdigest())


def _content_type(value: str) -> tuple[str, str]:
    headings = Headings()
    headings["content-type"] = value
    try:
        boundary: Any = headings.get_param("boundary", "") if value else ""
    except ValueError:  # as where a part of it (RFC 2231) has a number of thousands of digits
        boundary = ""
    return value.partition(";")[0].strip().lower(), boundary if isinstance(boundary, str) else ""


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


async def _replay(answered: Answered, scope: Scope, receive: Receive, send: Send) -> None:
    if answered.body is None:
        location = answered.headers.get("location")
        raise IdempotentAnswerNotKept(
            f"The request with this Idempotency-Key was carried out, with status {answered.status}; its "
            f"answer was not kept. Look at {location or 'what it made'}.",
            first_status=answered.status,
            location=location,
        )
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answered.headers.items()]
    headers += [(b"content-length", str(len(answered.body)).encode()), (REPLAYED, b"true")]
    await send({"type": "http.response.start", "status": answered.status, "headers": headers})
    await send({"type": "http.response.body", "body": answered.body, "more_body": False})
