"""Where the time and the money of a run went, by its events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from paceline.domain.events import Event
from paceline.domain.states import FINAL_STATES

AGENT_RAN = "agent.ran"
ENDS = frozenset(f"story.{state.value}" for state in FINAL_STATES)
TIME_EVENTS = ("attempt.started", "attempt.ended", *sorted(ENDS), AGENT_RAN)
"""The events that `StoryTimes` reads."""


@dataclass
class StoryTime:
    """The time of one story, in seconds."""

    started_at: datetime | None = None
    """When its first attempt began."""
    ended_at: datetime | None = None
    working: float = 0.0
    """In attempts, from their beginning to their end, proof and merge included."""
    agents: float = 0.0
    """In runs of agents; those of several agents add up."""
    _began: datetime | None = None

    def begin(self, at: datetime) -> None:
        """An attempt begins; it ends the one before, of which no end was told."""
        self.pause(at)
        self.started_at = self.started_at or at
        self.ended_at, self._began = None, at

    def pause(self, at: datetime) -> None:
        """The attempt under way ends."""
        if self._began is not None:
            self.working += (at - self._began).total_seconds()
            self._began = None

    @property
    def elapsed(self) -> float | None:
        """From the beginning of the first attempt to the story's end; None before that."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()


class StoryTimes:
    """The time of each story, from the events of `TIME_EVENTS` as they are read, in order."""

    def __init__(self) -> None:
        self._of: dict[str, StoryTime] = defaultdict(StoryTime)

    def read(self, events: Iterable[Event]) -> None:
        """Take the next events into account."""
        for event in events:
            time = self._of[event.story or ""]
            if event.name == "attempt.started":
                time.begin(event.at)
            elif event.name == AGENT_RAN:
                time.agents += float(event.data.get("seconds") or 0.0)
            else:
                time.pause(event.at)
                if event.name in ENDS:
                    time.ended_at = event.at

    def of(self, story: str) -> StoryTime:
        """The time of a story; that of one which never began is empty."""
        return self._of.get(story) or StoryTime()
