"""What no request may carry: a body of a kind that is not read, and characters that no text has."""

from __future__ import annotations

import re

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""In JSON, where a backslash before the escape would make it six characters of a text."""


async def check_texts(request: Request) -> None:
    """Refuse what would be read wrongly, or kept by one database and not by another.

    Raises:
        HTTPException: 415, the body is not of the kind that the operation reads.
        RequestValidationError: a path, a query or a body has a NUL character, which PostgreSQL does not keep.
    """
    for where, found in (("path", request.path_params), ("query", request.query_params)):
        for name, value in found.items():
            if "\0" in name or "\0" in str(value):
                raise _nul(where, name.replace("\0", ""))
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or route.body_field is None:
        return
    body = await request.body()
    if body and not _is_json(request.headers.get("content-type", "")):
        raise HTTPException(415, "Send the body as application/json.")
    if b"\\u0000" in body and _ESCAPED_NUL.search(body):
        raise _nul("body")


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _nul(*where: str) -> RequestValidationError:
    said = "a text may not have the NUL character"
    return RequestValidationError([{"loc": where, "msg": said, "type": "nul_character"}])
