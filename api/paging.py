"""Pages of lists: `limit` and an opaque `cursor`, with the next page in the headers (RFC 8288).

A list's body stays a list. Where there is more, `Link` has the next page's address with `rel="next"`, and
`X-Next-Cursor` its cursor alone. A cursor holds the values by which the last entry stands in the list's
order, and is good for the same path and filters only.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlencode

from fastapi import Depends, Query, Request, Response
from pydantic import AwareDatetime, TypeAdapter

from api.deps import Limit
from paceline.errors import CursorInvalid
from paceline.store.paging import Key

CURSOR_LIMIT = 4_000
MOST = 1000
_WHERE = frozenset({"cursor", "limit"})
T = TypeVar("T")

CursorParameter = Annotated[
    str | None,
    Query(max_length=CURSOR_LIMIT, description="Where the page before ended, as its `X-Next-Cursor` says."),
]
Most = Annotated[int | None, Query(ge=1, le=MOST, description="The most entries to return; default: all.")]

Kind = TypeAdapter[Any]
"""What values a list's keys have."""
NUMBER: Kind = TypeAdapter(tuple[int])
TEXT: Kind = TypeAdapter(tuple[str])
NUMBER_TEXT: Kind = TypeAdapter(tuple[int, str])
TEXTS: Kind = TypeAdapter(tuple[str, str])
MOMENT_TEXT: Kind = TypeAdapter(tuple[AwareDatetime, str])


class Page:
    """The page of a list that a request asks for.

    Args:
        request: has the list's path and filters.
        response: gets the headers.
        limit: the most entries; None: all.
        cursor: where the page before ended.
    """

    def __init__(self, request: Request, response: Response, limit: int | None, cursor: str | None) -> None:
        self._request = request
        self._response = response
        self._limit = limit
        self._cursor = cursor

    @property
    def fetch(self) -> int | None:
        """How many entries to read: one more than asked for, which says that there is more."""
        return self._limit + 1 if self._limit is not None else None

    @property
    def most(self) -> int:
        """The same, of a list that is never given whole."""
        return (self._limit or MOST) + 1

    def after(self, kind: Kind) -> Key | None:
        """The key behind which the page begins; None: at the first entry.

        Raises:
            CursorInvalid: the cursor is not of this list.
        """
        if self._cursor is None:
            return None
        try:
            padded = self._cursor.encode("ascii") + b"=" * (-len(self._cursor) % 4)
            of, values = json.loads(base64.b64decode(padded, b"-_", validate=True))
            if of != self._list:
                raise ValueError("of another list")
            return _checked(kind.validate_json(json.dumps(values), strict=True))
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            raise CursorInvalid(
                "The cursor is not one that this list gave with these filters; begin without a cursor."
            ) from error

    def number(self, after: int) -> int:
        """The number behind which the page begins, of a list that also takes `after`."""
        key = self.after(NUMBER)
        return key[0] if key is not None else after

    def cut(self, entries: Sequence[T], key: Callable[[T], Key]) -> list[T]:
        """The page's entries; where there are more, the headers say how to go on.

        Args:
            entries: as many as `fetch` says.
            key: of an entry, as `after` returns it.
        """
        if self._limit is None or len(entries) <= self._limit:
            return list(entries)
        page = list(entries[: self._limit])
        cursor = self._encoded(key(page[-1]))
        kept = [(name, value) for name, value in self._filters("cursor") if name != "cursor"]
        address = f"{quote(self._request.scope['path'])}?{urlencode([*kept, ('cursor', cursor)])}"
        self._response.headers["Link"] = f'<{address}>; rel="next"'
        self._response.headers["X-Next-Cursor"] = cursor
        return page

    def _encoded(self, key: Key) -> str:
        values = [each.isoformat() if isinstance(each, datetime) else each for each in key]
        text = json.dumps([self._list, values], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @property
    def _list(self) -> str:
        """Names the list with its filters."""
        said = json.dumps([self._request.scope["path"], sorted(self._filters(*_WHERE))])
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    def _filters(self, *but: str) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self._request.query_params.multi_items() if name not in but]


def _checked(key: Key) -> Key:
    """What no database takes is in no cursor that was given."""
    for value in key:
        if isinstance(value, str):
            value.encode()
            if "\x00" in value:
                raise ValueError("a NUL character")
        if isinstance(value, int) and abs(value) >= 2**63:
            raise ValueError("a number that is too large")
        if isinstance(value, datetime):
            value.astimezone(UTC)
    return key


def _pages_of(most: int) -> Callable[..., Page]:
    def page(
        request: Request, response: Response, limit: Limit = most, cursor: CursorParameter = None
    ) -> Page:
        return Page(request, response, limit, cursor)

    return page


def _all(request: Request, response: Response, limit: Most = None, cursor: CursorParameter = None) -> Page:
    return Page(request, response, limit, cursor)


PageOf50 = Annotated[Page, Depends(_pages_of(50))]
PageOf100 = Annotated[Page, Depends(_pages_of(100))]
PageOf200 = Annotated[Page, Depends(_pages_of(200))]
AnyPage = Annotated[Page, Depends(_all)]
"""Of lists that are given whole where nobody asks for less."""
