"""What agents' runs took: time, tokens and money, told as events."""

from __future__ import annotations

from paceline.agents.command import AgentRun
from paceline.domain.events import EventDraft, EventType


def run_draft(workflow_id: str, story: str, attempt: int, agent: str, run: str, done: AgentRun) -> EventDraft:
    """The event of one run of an agent that came to its end; the same again after a kill.

    Args:
        workflow_id: of the story.
        story: what it worked on.
        attempt: for which attempt.
        agent: who ran.
        run: names it within the attempt.
        done: what came of it.
    """
    result = done.result
    return EventDraft(
        key=f"{workflow_id}#ran#{attempt}#{run}",
        type=EventType.WORKFLOW_EVENT,
        name="agent.ran",
        actor=agent,
        story=story,
        data={
            "attempt": attempt,
            "agent": agent,
            "run": run,
            "seconds": round(done.ended.seconds, 3),
            "outcome": result.outcome.value if result is not None else done.code,
            "tokens": result.tokens if result is not None else None,
            "cost_usd": result.cost_usd if result is not None else None,
        },
    )
