"""The one place where the error tree becomes Temporal's typed failures."""

from __future__ import annotations

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from paceline.errors import PacelineError

PERMANENT = frozenset(
    {"NOT_FOUND", "CONFIGURATION", "SANDBOX_UNAVAILABLE", "STALE_FENCE", "PLAN_INVALID", "PLAN_UNREADABLE"}
)
"""Codes that another try cannot cure."""


class TypedFailures(Interceptor):
    """Gives every failure of an activity its stable code as type, and its one sentence as message."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap the chain of one activity worker."""
        return _TypedActivity(next)


class _TypedActivity(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await super().execute_activity(input)
        except PacelineError as error:
            raise ApplicationError(
                error.message, error.details, type=error.code, non_retryable=error.code in PERMANENT
            ) from None
