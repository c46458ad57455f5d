"""Says by its exit status whether a worker of this host takes tasks: `python -m workers.health`.

Temporal is asked rather than the process: a worker that lost its server, or hangs, is not healthy.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from paceline.contracts import CONTROL_TASK_QUEUE
from paceline.errors import PacelineError
from paceline.settings import Settings
from workers.temporal_client import connect

FRESH = 90.0
"""Seconds since a poller was last seen; a poll with nothing to take returns after about 60."""


async def is_polling(client: Client, host: str) -> bool:
    """Whether a worker of the host asked for control tasks lately.

    Args:
        host: as the end of a worker's identity says it (`pid@host`, the SDK's own form).
    """
    return any(identity.endswith(f"@{host}") for identity in await pollers(client))


async def pollers(client: Client, limit: float = 10.0) -> list[str]:
    """Identities of the workers that asked for control tasks lately, each once.

    Args:
        client: whom to ask.
        limit: how long the answer may take, in seconds.

    Raises:
        RPCError: Temporal does not say.
    """
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=CONTROL_TASK_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        ),
        timeout=timedelta(seconds=limit),
    )
    oldest = time.time() - FRESH
    found = (each for each in described.pollers if each.last_access_time.seconds >= oldest)
    return sorted({each.identity for each in found})


async def _check() -> str | None:
    settings = Settings()
    if settings.temporal_address is None:
        return "PACELINE_TEMPORAL_ADDRESS is not set"
    client = await connect(settings.temporal_address, settings.temporal_namespace, patience=0)
    host = socket.gethostname()
    return None if await is_polling(client, host) else f"no worker of {host} polls {CONTROL_TASK_QUEUE}"


def main() -> int:
    try:
        trouble = asyncio.run(_check())
    except PacelineError as error:
        trouble = error.message
    if trouble is not None:
        sys.stderr.write(f"{trouble}\n")
    return 0 if trouble is None else 1


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # an interpreter that shuts down right after a call may be aborted by the SDK's threads
