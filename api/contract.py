"""What every operation of the API can answer, by rules in one place, laid over FastAPI's description.

FastAPI knows each route's parameters, body and success. What else an answer may be follows from what the
guard does to every request, from the route's parameters and body, and from `OWN`, the refusals that only its
author knows. `gaps` names what an operation has not said; a test holds it to be nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.contract_rows import OWN, PARAMETERS, TAGS
from api.endpoints import ACCESS
from api.errors import STATUS_OF_CODE, ProblemResponse
from api.examples import examples
from api.idempotency import KEY_LIMIT, METHODS
from paceline.domain.access import Role

Json = dict[str, Any]

PROBLEM = ProblemResponse.media_type
_FRAMEWORK = re.compile(r"HTTP_(\d{3})")
_SPECIAL = {"INTERNAL": 500}

EVERYWHERE = (
    *("UNAUTHORIZED", "REFUSED", "FORBIDDEN", "CSRF_REFUSED", "NOT_LISTED", "RATE_LIMITED", "HTTP_408"),
    *("HTTP_413", "SERVER_UNAVAILABLE", "INTERNAL", "PACELINE"),
)
"""What the guard, a database that is away, or a fault of ours answers to any request."""
_SHARED: Mapping[frozenset[str], str] = {
    frozenset(codes): name
    for name, codes in (
        ("BadRequest", ("HTTP_400",)),
        ("Unauthorized", ("UNAUTHORIZED",)),
        ("Refused", ("REFUSED", "FORBIDDEN", "CSRF_REFUSED", "NOT_LISTED")),
        ("NotFound", ("NOT_FOUND", "HTTP_404")),
        ("Conflict", ("CONFLICT",)),
        ("ConflictOrKey", ("CONFLICT", "IDEMPOTENT_REQUEST_UNDER_WAY", "IDEMPOTENT_ANSWER_NOT_KEPT")),
        ("KeyConflict", ("IDEMPOTENT_REQUEST_UNDER_WAY", "IDEMPOTENT_ANSWER_NOT_KEPT")),
        ("TooSlow", ("HTTP_408",)),
        ("TooLarge", ("HTTP_413",)),
        ("UnsupportedMediaType", ("HTTP_415",)),
        ("Invalid", ("REQUEST_INVALID",)),
        ("InvalidOrKey", ("REQUEST_INVALID", "IDEMPOTENCY_KEY_INVALID", "IDEMPOTENCY_KEY_REUSED")),
        ("RateLimited", ("RATE_LIMITED",)),
        ("Internal", ("INTERNAL", "PACELINE")),
        ("Unavailable", ("SERVER_UNAVAILABLE",)),
    )
}
"""Refusals that many operations have, by their codes: written once, and referred to."""

_HEADERS: dict[str, Json] = {
    "X-Request-Id": {"description": "Names the request in the log.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "WWW-Authenticate": {"description": "The scheme.", "schema": {"type": "string"}},
    "ETag": {"description": "Names this state of it.", "schema": {"type": "string"}},
    "Link": {"description": "The next page, as RFC 8288 says it.", "schema": {"type": "string"}},
    "X-Next-Cursor": {"description": "The next page's `cursor`.", "schema": {"type": "string"}},
    "Location": {"description": "Where what was made is.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true` where this is the answer to an earlier request of the same key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}

_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request again gets the answer to the first, and nothing "
    "is done twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LIMIT, "pattern": r"^[\x21\x23-\x7e]+$"},
}
_KEY_CODES = (
    *("IDEMPOTENCY_KEY_INVALID", "IDEMPOTENCY_KEY_REUSED"),
    *("IDEMPOTENT_REQUEST_UNDER_WAY", "IDEMPOTENT_ANSWER_NOT_KEPT"),
)

SECURITY: Mapping[str, Json] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of `paceline token create`, or the API's own. Not needed on the machine "
        "itself, unless its settings say so.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-paceline-session",
        "description": "The session of a browser that signed in; on the machine itself the cookie is called "
        "`paceline-session-` and the port. What changes something brings `X-CSRF-Token` too.",
    },
}
"""How a caller says who it is; each alone is enough."""


def install(app: FastAPI) -> None:
    """Have the application describe itself by this contract."""

    def described() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = describe(
                get_openapi(
                    title=app.title, version=app.version, description=_ABOUT, routes=app.routes, tags=_tags()
                )
            )
        return app.openapi_schema

    app.openapi = described


_ABOUT = (
    "Sprints of coding agents. Every refusal is `application/problem+json` with a stable `code`; which codes "
    "an operation knows stands at its answers. Each operation names the least role that may call it."
)


def status_of(code: str) -> int:
    """The HTTP status under which a code is answered."""
    if found := _FRAMEWORK.fullmatch(code):
        return int(found[1])
    return _SPECIAL.get(code) or STATUS_OF_CODE[code]


def describe(document: Json) -> Json:
    """Lay the contract over a document of FastAPI's; the same one, changed."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM_SCHEMA
    components["headers"] = _HEADERS
    components["responses"] = {name: refusal(codes) for codes, name in _SHARED.items()}
    components["securitySchemes"] = dict(SECURITY)
    document["security"] = [*({name: []} for name in SECURITY), {}]
    for method, template, operation in operations(document):
        if method in METHODS:
            operation.setdefault("parameters", []).append(dict(_KEY))
        _describe(method, template, operation)
    return document


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Method, path template and description of every operation."""
    for template, found in document["paths"].items():
        for method, operation in found.items():
            yield method.upper(), template, operation


def refusal(codes: Iterable[str]) -> Json:
    """A response that refuses, with the codes of one status."""
    known = sorted(set(codes))
    status = status_of(known[0])
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {"code": {"enum": known}, "status": {"const": status}},
    }
    headers = ["X-Request-Id"]
    if status == 401:
        headers.append("WWW-Authenticate")
    if status in (409, 429, 503):
        headers.append("Retry-After")
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(f'`{code}`' for code in known)}.",
        "content": {PROBLEM: {"schema": schema}},
        "headers": _refer(headers),
    }


def codes_of(operation: Json) -> set[str]:
    """Every code with which an operation may refuse."""
    found = {*EVERYWHERE, *OWN.get(operation.get("operationId", ""), ())}
    names = {parameter["name"].lower(): parameter["in"] for parameter in operation.get("parameters", ())}
    if names or "requestBody" in operation:
        found.add("REQUEST_INVALID")
    if "idempotency-key" in names:
        found |= set(_KEY_CODES)
    if "cursor" in names:
        found.add("CURSOR_INVALID")
    if "if-match" in names:
        found.add("PRECONDITION_FAILED")
    if "path" in names.values():
        # A name with a slash may be no path of the API's at all.
        found |= {"NOT_FOUND", "HTTP_404"}
    if "requestBody" in operation:
        found |= {"HTTP_400", "HTTP_415"}
    return found


def gaps(document: Json) -> list[str]:
    """What operations have not said of themselves, each in a sentence that says where to."""
    rows = "api/contract_rows.py"
    missing: list[str] = []
    for method, template, operation in operations(document):
        name, what = operation.get("operationId", ""), f"{method} {template}"
        if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name):
            missing.append(f"{what} needs an operation_id of words, such as `list_stories`, not {name!r}.")
        if (method, template) not in ACCESS:
            missing.append(f"{what} needs a row in api/endpoints.py::ACCESS: who may call it.")
        if method != "GET" and name not in OWN:
            missing.append(
                f"{what} ({name}) changes something: say in {rows}::OWN which refusals it knows, "
                "or () for none."
            )
        if not operation.get("description"):
            missing.append(f"{what} ({name}) needs a docstring: it is its description.")
        tags = operation.get("tags", [])
        if len(tags) != 1 or tags[0] not in TAGS:
            missing.append(f"{what} ({name}) needs one tag that {rows}::TAGS describes, not {tags}.")
        if "application/json" in _bodies(operation) and not examples(name).requests:
            missing.append(f"{what} ({name}) takes a body: give an example of it in api/examples.json.")
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path" and parameter["name"] not in PARAMETERS:
                missing.append(f"{what} ({name}): say in {rows}::PARAMETERS what {parameter['name']!r} is.")
    known = {operation.get("operationId") for _, _, operation in operations(document)}
    missing += [f"{rows}::OWN has {name}, which is no operation." for name in sorted(OWN.keys() - known)]
    return missing


def _describe(method: str, template: str, operation: Json) -> None:
    name = operation.get("operationId", "")
    responses: Json = operation.setdefault("responses", {})
    responses.pop("422", None)
    _headers(operation, responses)
    by_status: dict[int, set[str]] = {}
    for code in codes_of(operation):
        by_status.setdefault(status_of(code), set()).add(code)
    for status, codes in by_status.items():
        own: Json | None = responses.get(str(status))
        if own is not None:
            # The route has an answer of its own with this status.
            own.setdefault("content", {}).update(refusal(codes)["content"])
        elif part := _SHARED.get(frozenset(codes)):
            responses[str(status)] = {"$ref": f"#/components/responses/{part}"}
        else:
            responses[str(status)] = refusal(codes)
    operation["responses"] = dict(sorted(responses.items()))
    _roles(method, template, operation)
    _explain(operation)
    _exemplify(name, operation)


def _headers(operation: Json, responses: Json) -> None:
    """Headers of successes that follow from what may be asked for."""
    if "304" in responses:
        _condition(operation)
    asked = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
    wanted = ["X-Request-Id"]
    if "cursor" in asked:
        wanted += ["Link", "X-Next-Cursor"]
    if "if-none-match" in asked:
        wanted.append("ETag")
        responses.setdefault("304", {"description": "It is as it was."})
    if "idempotency-key" in asked:
        wanted.append("Idempotency-Replayed")
    for status, response in responses.items():
        if status < "400":
            response.setdefault("headers", {}).update(_refer(wanted))


def _condition(operation: Json) -> None:
    """Say that the newest may be asked for only where it is another one."""
    parameters: list[Json] = operation.setdefault("parameters", [])
    if all(parameter["name"].lower() != "if-none-match" for parameter in parameters):
        said = "The ETag that is known: 304 where it is still that."
        schema = {"type": "string"}
        parameters.append({"name": "If-None-Match", "in": "header", "description": said, "schema": schema})


def _refer(names: Sequence[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _roles(method: str, template: str, operation: Json) -> None:
    access = ACCESS.get((method, template))
    if access is None:
        return
    operation["x-paceline-role"] = access.least.value
    who = f"Needs the role {access.least.value}"
    if access.agents:
        who += f", or a story's own token of the role {Role.AGENT.value}"
    if not access.limited:
        who += "; a token that is limited to projects may not"
    operation["description"] = f"{operation.get('description', '')}\n\n{who}.".strip()


def _explain(operation: Json) -> None:
    """Say of each path parameter what it is, with an example."""
    for parameter in operation.get("parameters", ()):
        row = PARAMETERS.get(parameter["name"]) if parameter["in"] == "path" else None
        if row is not None:
            parameter.setdefault("description", row[0])
            parameter["example"] = examples(operation["operationId"]).path.get(parameter["name"], row[1])


def _exemplify(name: str, operation: Json) -> None:
    found = examples(name)
    body = _bodies(operation).get("application/json")
    if body is not None and found.requests:
        body["examples"] = {
            key: {"summary": each.summary, "value": each.value} for key, each in found.requests.items()
        }
    for status, value in found.replies.items():
        content = operation["responses"].get(status, {}).get("content", {}).get("application/json")
        if content is not None:
            content["example"] = value


def _bodies(operation: Json) -> Json:
    return operation.get("requestBody", {}).get("content", {})


def _tags() -> list[dict[str, Any]]:
    return [{"name": name, "description": text} for name, text in TAGS.items()]


_PROBLEM_SCHEMA: Json = {
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457); some codes have members of their own.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "`urn:paceline:error:` and the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence: what happened, where, what to do."},
        "instance": {"type": "string", "description": "Path of the request."},
        "code": {"type": "string", "description": "Stable; docs/reference/errors.md lists them."},
        "request_id": {"type": ["string", "null"], "description": "The log has it too."},
        "retry_after": {"type": "integer", "description": "Seconds to wait, with `RATE_LIMITED`."},
        "errors": {
            "type": "array",
            "description": "With `REQUEST_INVALID`: each wrong field.",
            "items": {
                "type": "object",
                "required": ["location", "message", "kind"],
                "properties": {
                    "location": {"type": "array", "items": {"type": "string"}},
                    "message": {"type": "string"},
                    "kind": {"type": "string"},
                },
            },
        },
        "findings": {"type": "array", "description": "With `PLAN_INVALID`: what is wrong, and where."},
    },
}
