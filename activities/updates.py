"""Asking a workflow something and waiting for what it says."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from paceline.domain.model import Model

R = TypeVar("R", bound=Model)

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
