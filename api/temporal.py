"""What can go wrong between the API and Temporal, as our own errors."""

from __future__ import annotations

from datetime import timedelta

from temporalio.service import RPCError, RPCStatusCode

from activities.updates import update_workflow as update_workflow
from paceline.errors import ServerUnavailable

RPC_TIMEOUT = timedelta(seconds=10)
TemporalErrors = (RPCError, RuntimeError)
"""A refused or broken call, and what the SDK raises where no connection can be made at all."""


def is_not_found(error: RPCError | RuntimeError) -> bool:
    """Whether Temporal answered that there is no such running workflow."""
    return isinstance(error, RPCError) and error.status == RPCStatusCode.NOT_FOUND


def is_not_ready(error: RPCError | RuntimeError) -> bool:
    """Whether the workflow cannot take an update now, as its workers were killed again and again.

    A signal waits for the next worker instead.
    """
    return isinstance(error, RPCError) and error.status == RPCStatusCode.FAILED_PRECONDITION


def unavailable(error: RPCError | RuntimeError, then: str) -> ServerUnavailable:
    """A sentence for a Temporal that does not answer.

    Args:
        error: what the SDK raised.
        then: what the user should do, without a full stop.
    """
    reason = " ".join(str(error).split())[:200]
    return ServerUnavailable(f"Temporal does not answer ({reason}); {then}.")
