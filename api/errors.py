"""The one place where errors become HTTP: every refusal is problem+json (RFC 9457) with a stable code."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from api.endpoints import PREFIX
from paceline.errors import PacelineError

log = logging.getLogger(__name__)

STATUS_OF_CODE: dict[str, int] = {
    "PACELINE": 500,
    "PLAN_INVALID": 422,
    "PLAN_UNREADABLE": 422,
    "NOT_FOUND": 404,
    "ARTIFACTS_REMOVED": 410,
    "RANGE_UNSATISFIABLE": 416,
    "CONFLICT": 409,
    "ALREADY_ANSWERED": 409,
    "STALE_FENCE": 409,
    "PLAN_CHANGED": 409,
    "AMENDMENT_REFUSED": 409,
    "PRECONDITION_FAILED": 412,
    "IDEMPOTENT_REQUEST_UNDER_WAY": 409,
    "IDEMPOTENT_ANSWER_NOT_KEPT": 409,
    "REQUEST_INVALID": 422,
    "CURSOR_INVALID": 422,
    "IDEMPOTENCY_KEY_INVALID": 422,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "REFUSED": 403,
    "FOREIGN_FILE": 403,
    "FORBIDDEN": 403,
    "CSRF_REFUSED": 403,
    "NOT_LISTED": 403,
    "UNAUTHORIZED": 401,
    "OIDC": 502,
    "OIDC_REFUSED": 403,
    "OIDC_UNREACHABLE": 503,
    "RATE_LIMITED": 429,
    "CONFIGURATION": 422,
    "SANDBOX_UNAVAILABLE": 422,
    "REPOSITORY": 422,
    "REPOSITORY_MISSING": 422,
    "REPOSITORY_DIRTY": 409,
    "MERGE_CONFLICT": 409,
    "BRANCH_CHECKED_OUT": 409,
    "BRANCH_MOVED": 409,
    "DISK_FULL": 507,
    "REPOSITORY_UNSUPPORTED": 422,
    "AGENT": 500,
    "AGENT_EXIT": 500,
    "AGENT_NONSENSE": 500,
    "AGENT_TIMEOUT": 500,
    "DISK_QUOTA": 500,
    "WORKTREE_SETUP": 500,
    "UNCLAIMED_CHANGE": 409,
    "MODEL": 502,
    "MODEL_UNREACHABLE": 503,
    "MODEL_TIMEOUT": 504,
    "MODEL_UNAUTHORIZED": 502,
    "MODEL_RATE_LIMITED": 503,
    "MODEL_REFUSED": 502,
    "MODEL_TOO_LONG": 422,
    "MODEL_NONSENSE": 502,
    "NOTIFY": 502,
    "NOTIFY_UNREACHABLE": 502,
    "NOTIFY_TIMEOUT": 504,
    "NOTIFY_REFUSED": 502,
    "NOTIFY_GONE": 502,
    "NOTIFY_ADDRESS": 502,
    "NOTIFY_COMMAND": 500,
    "NOTIFY_SECRET": 500,
    "SERVER_UNAVAILABLE": 503,
    "PORT_BUSY": 503,
}
"""A test holds that every class of `paceline.errors` is here."""

_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "code", "request_id"})


class ProblemResponse(JSONResponse):
    """A JSON response with the media type of RFC 9457."""

    media_type = "application/problem+json"


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    path: str,
    request_id: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> ProblemResponse:
    """One problem document.

    Args:
        status: HTTP status.
        code: a stable code of `paceline.errors`, or `HTTP_<status>`.
        detail: one sentence for a person.
        path: path of the request.
        request_id: the id that the log carries too.
        more: extension members; names of RFC 9457 are not overwritten.
    """
    body: dict[str, Any] = {
        "type": f"urn:paceline:error:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": path,
        "code": code,
        "request_id": request_id,
    }
    body |= {name: value for name, value in (more or {}).items() if name not in _MEMBERS}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if "retry_after" in (more or {}):
        headers["Retry-After"] = str(body["retry_after"])
    return ProblemResponse(body, status_code=status, headers=headers)


def of_error(error: PacelineError, *, path: str, request_id: str | None = None) -> ProblemResponse:
    """The problem document of one of our own errors; its details become extension members."""
    status = STATUS_OF_CODE.get(error.code, 500)
    return problem(status, error.code, error.message, path=path, request_id=request_id, more=error.details)


def request_id_of(request: Request) -> str | None:
    """The id that `api.security.Guard` gave to the request."""
    return request.scope.get("state", {}).get("request_id")


def note_code(scope: Scope, code: str) -> None:
    """Leave a refusal's code where the audit log finds it."""
    scope.setdefault("state", {})["code"] = code


def install(app: FastAPI) -> None:
    """Register the handlers for our errors, HTTP errors, validation errors and everything else."""
    app.add_exception_handler(PacelineError, _on_paceline_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    for kind in (DataError, OverflowError, UnicodeEncodeError):
        app.add_exception_handler(kind, _on_unstorable)
    app.add_exception_handler(Exception, _on_unexpected)


async def _on_paceline_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, PacelineError)  # noqa: S101 - what the handler is registered for
    note_code(request.scope, error.code)
    return of_error(error, path=request.url.path, request_id=request_id_of(request))


async def _on_http_exception(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    code = f"HTTP_{error.status_code}"
    said = _in_words(request, error)
    answer = problem(error.status_code, code, said, path=request.url.path, request_id=request_id_of(request))
    # As `Allow`, without which nobody knows what to ask instead.
    answer.headers.update(error.headers or {})
    return answer


def _in_words(request: Request, error: HTTPException) -> str:
    """The router's own refusals are two words, which help nobody who mistyped an address."""
    if error.detail != HTTPStatus(error.status_code).phrase:
        return error.detail
    if error.status_code == HTTPStatus.NOT_FOUND:
        return f"There is nothing at this address; {PREFIX}/openapi.json describes every one that there is."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "none")
        return f"{request.method} is not for this address; what is: {allowed}."
    return error.detail


async def _on_validation_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what the handler is registered for
    note_code(request.scope, "REQUEST_INVALID")
    return invalid_request(request, [dict(entry) for entry in error.errors()])


def invalid_request(request: Request, entries: list[dict[str, Any]]) -> ProblemResponse:
    """A 422 that names each wrong field; what the client sent is not echoed."""
    errors = [
        {"location": [str(part) for part in entry["loc"]], "message": entry["msg"], "kind": entry["type"]}
        for entry in entries
    ]
    where = "; ".join(f"{'.'.join(entry['location'])}: {entry['message']}" for entry in errors[:5])
    return problem(
        422,
        "REQUEST_INVALID",
        f"The request is not valid: {where}.",
        path=request.url.path,
        request_id=request_id_of(request),
        more={"errors": errors},
    )


async def _on_unstorable(request: Request, error: Exception) -> ProblemResponse:
    """A number or a text that no database keeps; the transaction came to nothing."""
    log.warning("request %s has a value that is not kept: %s", request_id_of(request), error)
    note_code(request.scope, "REQUEST_INVALID")
    said = "a number is too large, or a text has a character that is not kept"
    return invalid_request(request, [{"loc": ("request",), "msg": said, "type": "not_kept"}])


async def _on_unexpected(request: Request, error: Exception) -> ProblemResponse:
    """Say nothing of the inside; the server logs the traceback itself after this answer."""
    return problem(
        500,
        "INTERNAL",
        "Something went wrong inside Paceline; the server's log has the cause under this request id.",
        path=request.url.path,
        request_id=request_id_of(request),
    )
