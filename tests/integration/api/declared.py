"""Whether a reply is one that the API's own description declares."""

from __future__ import annotations

from typing import Any, cast

from fastapi import FastAPI

from api.endpoints import Endpoints
from api.main import routes

Json = dict[str, Any]
_ENDPOINTS = Endpoints(routes())


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
    """The operation that a request is routed to; None where there is none."""
    template = _ENDPOINTS.find(method, path).template
    return document["paths"].get(template, {}).get(method.lower())


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
