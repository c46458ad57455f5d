"""The connection to one API: tokens, keys, tries, pages, and problem documents that become errors."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeVar, cast

import httpx2
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from paceline import errors
from paceline.errors import PacelineError, ServerUnavailable

TIMEOUT_SECONDS = 60.0
TRIES = 4
LONGEST_PAUSE_SECONDS = 10.0
"""Who is told to wait for longer is told so by the error instead."""
_COME_AGAIN = frozenset({429, 503})
_KEYED = frozenset({"POST", "PATCH"})
T = TypeVar("T")

Json = dict[str, Any]


class Page(list[T]):
    """Entries of a list, and where the next page begins; None where there is none."""

    next_cursor: str | None = None


class Connection:
    """Calls of one API.

    A request that reads is tried again where the API says after how many seconds (429 and 503 with
    `Retry-After`); so is one that changes something, which has an `Idempotency-Key` and so happens once.

    Args:
        url: address without a path.
        token: sent as a bearer token where there is one.
        transport: instead of the network's.
    """

    def __init__(
        self, url: str, token: str | None = None, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.AsyncClient(
            base_url=url, headers=self._headers, timeout=TIMEOUT_SECONDS, transport=transport
        )

    async def every(self, ask: Callable[[str | None], Awaitable[Page[T]]]) -> AsyncGenerator[T]:
        """Every entry of a list, page by page.

        Args:
            ask: gets the page of a cursor, as `lambda cursor: client.list_stories("x", cursor=cursor)`.
        """
        page = await ask(None)
        while True:
            for entry in page:
                yield entry
            if page.next_cursor is None:
                return
            page = await ask(page.next_cursor)

    async def _ask(
        self,
        method: str,
        path: str,
        kind: Any,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Any:
        """Send a request; what is None is left out.

        Returns:
            The reply's JSON as `kind`; its text where that is `str`.
        """
        arguments: dict[str, Any] = {"params": _given(query), "headers": _given(headers)}
        if body is not None:
            arguments["json"] = _given(body)
        reply = await self._send(method, path, **arguments)
        if kind is str:
            return reply.text
        found = TypeAdapter[Any](kind).validate_python(reply.json())
        if not isinstance(found, list):
            return found
        page = Page[Any](cast(list[Any], found))
        page.next_cursor = reply.headers.get("x-next-cursor")
        return page

    async def _bytes(
        self, path: str, headers: Mapping[str, str | None] | None = None
    ) -> AsyncGenerator[bytes]:
        """A reply part by part."""
        try:
            async with self._http.stream("GET", path, headers=_given(headers)) as reply:
                if reply.status_code >= 400:
                    text = (await reply.aread()).decode(errors="replace")
                    raise as_error(reply.status_code, text, self.url)
                async for part in reply.aiter_bytes():
                    yield part
        except httpx2.TransportError as error:
            raise self._silent() from error

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **arguments: Any
    ) -> httpx2.Response:
        sent = dict(headers or {})
        if method in _KEYED:
            sent.setdefault("Idempotency-Key", uuid.uuid4().hex)
        tried = 0
        while True:
            try:
                reply = await self._http.request(method, path, headers=sent, **arguments)
            except httpx2.TransportError as error:
                raise self._silent() from error
            tried += 1
            pause = _pause(reply)
            if pause is None or tried == TRIES or method == "DELETE":
                break
            await asyncio.sleep(pause)
        if reply.status_code >= 400:
            raise as_error(reply.status_code, reply.text, self.url)
        return reply

    def _silent(self) -> ServerUnavailable:
        sentence = f"No API answers at {self.url}; start it with `paceline up`, or set PACELINE_API_URL."
        return ServerUnavailable(sentence, url=self.url)


def _pause(reply: httpx2.Response) -> float | None:
    """After how many seconds to ask again; None: not at all."""
    said = reply.headers.get("retry-after", "")
    if reply.status_code not in _COME_AGAIN or not said.isdecimal():
        return None
    return float(said) if float(said) <= LONGEST_PAUSE_SECONDS else None


def _given(values: Mapping[str, Any] | None) -> dict[str, Any]:
    found = {name: value for name, value in (values or {}).items() if value is not None}
    return to_jsonable_python(found, exclude_none=False)


def as_error(status: int, text: str, url: str) -> PacelineError:
    """The error that a problem document tells of."""
    try:
        found: Any = json.loads(text)
        code, detail = str(found["code"]), str(found["detail"])
    except (ValueError, KeyError, TypeError):
        return ServerUnavailable(
            f"{url} answered with status {status} and not as Paceline does; another program is there: name "
            "Paceline's address in PACELINE_API_URL or its port in PACELINE_API_PORT."
        )
    members = ("type", "title", "status", "detail", "instance", "code", "request_id")
    details = {name: value for name, value in found.items() if name not in members}
    return _CLASSES.get(code, PacelineError)(detail, **details)


def _classes(root: type[PacelineError]) -> dict[str, type[PacelineError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found |= _classes(child)
    return found


_CLASSES = _classes(errors.PacelineError)
