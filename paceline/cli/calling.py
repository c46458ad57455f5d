"""One question to the API of this process's settings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from paceline.cli.settings import load_settings
from paceline.cli.waiting import waiting
from paceline.client.api import ApiClient

T = TypeVar("T")


def call_api(ask: Callable[[ApiClient], Awaitable[T]]) -> T:
    """Ask the API of this process's settings, and wait for the answer.

    Args:
        ask: what to call of the client.
    """

    async def call() -> T:
        async with ApiClient.of(load_settings()) as client:
            return await ask(client)

    with waiting("Waiting for the API"):
        return asyncio.run(call())
