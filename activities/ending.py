"""Steps that must not be left half-way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


async def to_its_end(step: Coroutine[Any, Any, _Result]) -> _Result:
    """Carry out a step that must not be left half-way: a cancellation that comes meanwhile comes too late."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        return await task
