"""What a failed step says, as workflows record it."""

from __future__ import annotations

from temporalio.exceptions import ActivityError, ApplicationError


def code_of(error: BaseException) -> str:
    """The stable code of an activity's failure; that of all errors where it has none of its own."""
    cause = error.cause if isinstance(error, ActivityError) else error
    return (cause.type if isinstance(cause, ApplicationError) else None) or "PACELINE"


def sentence_of(error: BaseException) -> str:
    """What an activity's failure says, bounded."""
    cause = error.cause if isinstance(error, ActivityError) and error.cause else error
    return str(cause)[:2000] or type(cause).__name__
