"""Waiting in the line of a claim."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow

from workflows.policies import LONGEST_REASK


async def wait_to_be_told(told: Callable[[], bool], reask: timedelta) -> timedelta:
    """Wait for the signal of a grant, or until it is time to ask again: a signal can be lost.

    Args:
        told: whether the signal came.
        reask: the longest to wait.

    Returns:
        How long to wait the next time.
    """
    try:
        await workflow.wait_condition(told, timeout=reask, timeout_summary="ask again for the claim")
    except TimeoutError:
        return min(reask * 2, LONGEST_REASK)
    return reask
