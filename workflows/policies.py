"""Timeouts and retries, said once: every activity call names one of these."""

from __future__ import annotations

from datetime import timedelta

from temporalio.common import RetryPolicy

SHORT = timedelta(seconds=30)
"""Limit of an activity that only talks to the database."""

ALWAYS = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    maximum_interval=timedelta(seconds=30),
    non_retryable_error_types=["NOT_FOUND", "CONFIGURATION"],
)
"""For effects that must happen: they are idempotent, and only a mistake in the run stops them."""

A_FEW_TIMES = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=5)
"""For what may be left undone, and is then said."""

GIT = timedelta(minutes=30)
"""Limit of a step that works with git; commands have limits of their own inside it."""

LANDING = timedelta(hours=24)
"""Limit of one landing with its wait in the merge line; heartbeats tell of a worker that dies in it."""

HEARTBEAT = timedelta(seconds=6)
"""A worker that is silent for so long is dead; what it did is tried again elsewhere."""

WORKFLOW_TASK = timedelta(seconds=5)
"""How long the server waits for a worker that took a workflow task and died."""

GONE = timedelta(minutes=1)
"""A queue of another machine on which nobody takes a step for so long: nobody is there."""

FIRST_REASK = timedelta(seconds=30)
LONGEST_REASK = timedelta(hours=6)
"""A waiting claim is told by signal, and by the sweep where that was lost. It also asks again after
this, doubled each time up to the longest, so that a year of waiting is a few thousand events."""

FIRST_LOOK = timedelta(hours=1)
LONGEST_LOOK = timedelta(days=1)
"""While a person is asked beside a run: whether the answer is still needed; doubled up to the longest."""

RETRY_PAUSE = timedelta(seconds=1)
"""Before an agent's second attempt; doubled for each further one."""
LONGEST_RETRY_PAUSE = timedelta(minutes=5)
AGENT_MARGIN = timedelta(minutes=10)
"""Beyond the agent's own limit, for its worktree and its diff."""
