"""Whether a reply is one that the API's own description declares."""

from __future__ import annotations

import re
from typing import Any, cast

from fastapi import FastAPI

from api.contract import operations

Json = dict[str, Any]


def document_of(app: FastAPI) -> Json:
    """The application's description."""
    return app.openapi()


def resolve(document: Json, found: Json) -> Json:
    """What a reference points to; what is none, itself."""
    while "$ref" in found:
        place: Any = document
        for part in cast(str, found["$ref"]).removeprefix("#/").split("/"):
            place = place[part]
        found = place
    return found


def operation_of(document: Json, method: str, path: str) -> Json | None:
    """The operation that a request is for; None where there is none."""
    found: list[tuple[str, Json]] = []
    for known, template, operation in operations(document):
        pattern = re.sub(r"\\\{\w+\\\}", "(.+)", re.escape(template))
        if known == method and re.fullmatch(pattern, path):
            found.append((template, operation))
    # The one with the fewest names and the most words of its own is the one that is routed to.
    found.sort(key=lambda each: (each[0].count("{"), -len(each[0])))
    return found[0][1] if found else None


def undeclared(document: Json, method: str, path: str, status: int, kind: str, body: Json) -> str | None:
    """Why a reply is none that was declared, in a sentence; None where it is one.

    Args:
        document: the description.
        method: of the request.
        path: of the request, decoded.
        status: of the reply.
        kind: its content type.
        body: its JSON, where it is a problem; else empty.
    """
    operation = operation_of(document, method, path)
    if operation is None or (status == 404 and body.get("code") == "HTTP_404"):
        return None
    what = f"{method} {path} ({operation['operationId']}) answered {status}"
    response = operation["responses"].get(str(status))
    if response is None:
        return f"{what}, which it does not declare: say so at the route or in api/contract_rows.py::OWN."
    content = resolve(document, response).get("content", {})
    media = kind.partition(";")[0]
    if content and media and media not in content:
        return f"{what} as {media}, which it does not declare."
    if media == "application/problem+json":
        schema = resolve(document, content[media]["schema"])
        known = schema["properties"]["code"]["enum"]
        if body["code"] not in known:
            return f"{what} with {body['code']}, and declares {known}: add it in api/contract_rows.py::OWN."
    return None
