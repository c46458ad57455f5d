"""The words for where a run, a story and an agent stand."""

from __future__ import annotations

from enum import StrEnum


class StoryState(StrEnum):
    """Where a story stands. Merged, settled, failed, skipped, cancelled, blocked and reverted are final; part
    done is final for its sprint."""

    PENDING = "pending"
    """Its dependencies have not settled."""
    CLAIMING = "claiming"
    """In the waiting line for its claim."""
    WORKING = "working"
    VERIFYING = "verifying"
    MERGING = "merging"
    WAITING_FOR_PERSON = "waiting_for_person"
    PAUSED = "paused"
    """A person paused it or something above it; it holds its files and nothing else."""
    MERGED = "merged"
    SETTLED = "settled"
    """Proven with nothing to merge."""
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"
    """A story it depends on ended without success."""
    PART_DONE = "part_done"
    """Its part in this sprint is done, and its work is kept; a later sprint has its next part."""
    REVERTED = "reverted"
    """It had merged, and a person rolled it back; undoing that makes it merged again."""


FINAL_STATES = frozenset(
    {
        StoryState.MERGED,
        StoryState.SETTLED,
        StoryState.FAILED,
        StoryState.SKIPPED,
        StoryState.CANCELLED,
        StoryState.BLOCKED,
        StoryState.PART_DONE,
        StoryState.REVERTED,
    }
)
SUCCESS_STATES = frozenset({StoryState.MERGED, StoryState.SETTLED, StoryState.SKIPPED})
"""States that let dependants start: a person who skips a story says that others may go on."""


class RunState(StrEnum):
    """Where a project's run stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    """Every story ended in success."""
    INCOMPLETE = "incomplete"
    """It ended, and some story did not succeed."""
    CANCELLED = "cancelled"
    FAILED = "failed"


class AgentState(StrEnum):
    """What an agent does. DEAD is never stored: it is derived from a silent heartbeat."""

    IDLE = "IDLE"
    WORKING = "WORKING"
    WAITING_FOR_HITL = "WAITING_FOR_HITL"
    ERROR = "ERROR"
    DEAD = "DEAD"
