"""What a line of a log is about: fields that everything logged in the same task carries."""

from __future__ import annotations

from contextlib import AbstractContextManager

from structlog.contextvars import bind_contextvars, bound_contextvars

FIELDS = (
    "project",
    "sprint",
    "epic",
    "story",
    "attempt",
    "agent",
    "workflow_id",
    "activity",
    "request_id",
    "trace_id",
    "span_id",
    "caller",
    "method",
    "route",
    "status",
    "duration_ms",
    "outcome",
    "code",
)
"""The names of fields, in the order in which a line shows them; `extra` of a call may set them too."""


def bound(**fields: object) -> AbstractContextManager[None]:
    """Have everything that is logged inside carry these fields; those that are None are left out."""
    return bound_contextvars(**{name: value for name, value in fields.items() if value not in (None, "")})


def bind(**fields: object) -> None:
    """The same until the task, or the `bound` around it that names them, ends."""
    bind_contextvars(**{name: value for name, value in fields.items() if value not in (None, "")})
