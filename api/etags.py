"""Versions of what is shown (RFC 9110): `ETag`, `If-None-Match` for reading, `If-Match` for changing."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from fastapi import Header, Response

from paceline.domain.changes import RunChange, plan_digest
from paceline.domain.questions import Question
from paceline.domain.status import Run
from paceline.errors import PreconditionFailed

IfMatch = Annotated[
    str | None, Header(description="Change it only if this is its ETag; otherwise 412.", max_length=2000)
]
IfNoneMatch = Annotated[str | None, Header(description="Answer 304 if this is its ETag.", max_length=2000)]
_TAG = re.compile(r'(W/)?("[^"]*")')


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller has this version; compared weakly."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in {tag for _, tag in _TAG.findall(if_none_match)}


def check_match(if_match: str | None, etag: str, what: str) -> None:
    """Refuse to change what is not any more as the caller saw it; compared strongly.

    Raises:
        PreconditionFailed: it is another version.
    """
    if if_match is None or if_match.strip() == "*":
        return
    if etag not in {tag for weak, tag in _TAG.findall(if_match) if not weak}:
        raise changed(what, etag)


def changed(what: str, etag: str) -> PreconditionFailed:
    """The refusal that says what it is now."""
    return PreconditionFailed(f"{what} has changed since; look at it again.", etag=etag)


def not_modified(etag: str) -> Response:
    """The caller has it."""
    return Response(status_code=304, headers={"ETag": etag})


def plan_etag(run: Run, changes: list[RunChange]) -> str:
    """Of the plan that a run follows: its digest, and the number of the newest change."""
    revision = changes[-1].revision if changes else 0
    return f'"{plan_digest(run.plan_digest, changes)[:32]}-{revision}"'


def question_etag(question: Question) -> str:
    """Of a question with its answer."""
    return f'"{hashlib.sha256(question.model_dump_json().encode()).hexdigest()[:32]}"'
