"""The attempts of a story, from the events that tell of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import Field

from paceline.domain.events import Event
from paceline.domain.model import Model
from paceline.domain.usage import TIME_EVENTS

ATTEMPT_EVENTS = TIME_EVENTS
"""The events that `attempts_of` reads."""
UNDER_WAY = "under way"


class AgentRun(Model):
    """One run of an agent within an attempt."""

    agent: str
    run: str
    seconds: float | None = None
    outcome: str | None = None
    tokens: int | None = None
    cost_usd: float | None = None


class Attempt(Model):
    """One try at a story."""

    story: str
    attempt: int
    agents: list[str] = Field(default_factory=list[str])
    """Who took turns; the first led."""
    confined: bool | None = None
    started_at: datetime
    ended_at: datetime | None = None
    seconds: float | None = None
    """From its beginning to its end, proof and merge included."""
    outcome: str = UNDER_WAY
    """The story's final state where the attempt ended it, else the code of the attempt's end."""
    reason: str | None = None
    preserved: str | None = None
    """The ref that keeps its work."""
    runs: list[AgentRun] = Field(default_factory=list[AgentRun])
    tokens: int | None = None
    """Of its runs together, where they said it."""
    cost_usd: float | None = None


def attempts_of(events: Iterable[Event]) -> list[Attempt]:
    """The attempts of one story, oldest first.

    Args:
        events: of `ATTEMPT_EVENTS` and of this story, in order.
    """
    found: dict[int, Attempt] = {}
    last: Attempt | None = None
    for event in events:
        number = int(event.data.get("attempt") or 0)
        if event.name == "attempt.started":
            last = found.setdefault(number, _begun(event, number))
        elif event.name == "agent.ran":
            if number in found:
                _add(found[number], event)
        elif event.name == "attempt.ended":
            if number in found:
                _end(found[number], event, str(event.data.get("code") or ""))
        elif last is not None and last.ended_at is None:
            _end(last, event, event.name.partition(".")[2])
    return list(found.values())


def _begun(event: Event, number: int) -> Attempt:
    agents = event.data.get("agents") or [event.data.get("agent") or ""]
    return Attempt(
        story=event.story or "",
        attempt=number,
        agents=[str(each) for each in agents],
        confined=event.data.get("confined"),
        started_at=event.at,
    )


def _add(attempt: Attempt, event: Event) -> None:
    data = event.data
    run = AgentRun(
        agent=str(data.get("agent") or ""),
        run=str(data.get("run") or ""),
        **{name: data.get(name) for name in ("seconds", "outcome", "tokens", "cost_usd")},
    )
    attempt.runs.append(run)
    if run.tokens is not None:
        attempt.tokens = (attempt.tokens or 0) + run.tokens
    if run.cost_usd is not None:
        attempt.cost_usd = (attempt.cost_usd or 0.0) + run.cost_usd


def _end(attempt: Attempt, event: Event, outcome: str) -> None:
    attempt.ended_at, attempt.outcome = event.at, outcome
    attempt.seconds = round((event.at - attempt.started_at).total_seconds(), 3)
    attempt.reason = str(event.data.get("reason") or "") or None
    attempt.preserved = event.data.get("preserved")
