"""Connects to a Temporal server with Paceline's data converter."""

from __future__ import annotations

import asyncio
import atexit
import time
from functools import cache

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from paceline.errors import ConfigurationError, ServerUnavailable
from paceline.observe.tracing import interceptors

FIRST_DELAY = 0.05
LONGEST_DELAY = 1.0
ATTEMPT_LIMIT = 5.0
LAST_CALLBACK = 0.1
"""Seconds that the SDK's threads get at exit to let go of Python."""


async def connect(address: str, namespace: str, *, patience: float = 10.0) -> Client:
    """Connects, trying again with growing pauses while the server does not answer.

    Args:
        address: host and port.
        namespace: must exist.
        patience: seconds after which it is given up; one attempt is always made.

    Raises:
        ConfigurationError: the server answers and has no such namespace.
        ServerUnavailable: nothing answers at the address.
    """
    deadline = time.monotonic() + patience
    delay = FIRST_DELAY
    while True:
        try:
            return await connect_once(address, namespace)
        except ServerUnavailable:
            if time.monotonic() + delay > deadline:
                raise
        await asyncio.sleep(delay)
        delay = min(2 * delay, LONGEST_DELAY)


async def connect_once(address: str, namespace: str) -> Client:
    """One attempt of `connect`; raises the same."""
    _pause_at_exit()
    try:
        async with asyncio.timeout(ATTEMPT_LIMIT):
            client = await Client.connect(
                address,
                namespace=namespace,
                data_converter=pydantic_data_converter,
                interceptors=interceptors(),
            )
            await _look_up_namespace(client, address)
    except TimeoutError as error:
        raise _unavailable(address, f"no answer within {ATTEMPT_LIMIT:.0f} s") from error
    except (RPCError, RuntimeError, OSError, ValueError) as error:
        raise _unavailable(address, _reason(error)) from error
    return client


@cache
def _pause_at_exit() -> None:
    """Keeps a process that ends right after a call from being aborted by the SDK.

    A thread of the SDK that still finishes its last call when the interpreter shuts down aborts the process
    (temporalio/sdk-python issue 300); measured, every second process that ends right after connecting.
    """
    atexit.register(time.sleep, LAST_CALLBACK)


async def _look_up_namespace(client: Client, address: str) -> None:
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        if error.status == RPCStatusCode.PERMISSION_DENIED:
            return  # a cluster may keep descriptions to its operators; the first start will tell
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        raise ConfigurationError(
            f"the Temporal server at {address} has no namespace {client.namespace}; create it with "
            f"`temporal operator namespace create --namespace {client.namespace}`, or correct "
            "PACELINE_TEMPORAL_NAMESPACE."
        ) from error


def _reason(error: Exception) -> str:
    text = str(error)
    if "ConnectionRefused" in text or "Connection refused" in text:
        return "connection refused"
    return text.strip().splitlines()[0][:200] if text.strip() else type(error).__name__


def _unavailable(address: str, why: str) -> ServerUnavailable:
    return ServerUnavailable(
        f"no Temporal server answers at {address} ({why}); start it, or correct PACELINE_TEMPORAL_ADDRESS.",
        address=address,
    )
