"""What can go wrong between the API and Temporal, as our own errors."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from paceline.domain.model import Model
from paceline.errors import ServerUnavailable

R = TypeVar("R", bound=Model)

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


OVERTAKEN_TRIES = 20
OVERTAKEN_PAUSE = 0.05
"""Seconds; by then the workflow has heard what overtook the update."""


async def update_workflow(client: Client, workflow_id: str, name: str, argument: Model, result: type[R]) -> R:
    """Send a workflow an update and wait for what it says; one that is overtaken by other news is sent again.

    Where a signal arrives while a workflow ends by an update, the server gives the update back. All updates
    here are idempotent by an id in their argument.

    Raises:
        WorkflowUpdateFailedError: the workflow refused it.
        WorkflowUpdateRPCTimeoutOrCancelledError: no worker took it in time.
        RPCError: Temporal did not take it.
    """
    for left in reversed(range(OVERTAKEN_TRIES)):
        try:
            handle = client.get_workflow_handle(workflow_id)
            found: Any = await handle.execute_update(name, argument, result_type=result)  # pyright: ignore[reportUnknownMemberType] - open generic
            return found
        except RPCError as error:
            if error.status is not RPCStatusCode.FAILED_PRECONDITION or not left:
                raise
        await asyncio.sleep(OVERTAKEN_PAUSE)
    raise AssertionError("the last try returns or raises")
