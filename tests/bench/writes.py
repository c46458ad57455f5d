"""A story's usual write: `python -m tests.bench.writes`; milliseconds, one by one and 50 at once."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from sqlalchemy.orm import Session

from paceline.domain.events import EventDraft, EventType
from paceline.domain.states import AgentState, StoryState
from paceline.domain.status import StoryStatus
from paceline.store import events, status
from paceline.store.database import Database
from tests.bench.claims import TARGETS, opened


async def measure_writes(url: str, count: int) -> dict[str, float]:
    """A story's usual write (3 events, its status, its agent) in milliseconds: one by one, and 50 at once."""
    database = Database(url)
    stories = [StoryStatus(id=str(number), title="t", sprint="1") for number in range(50)]
    await database.write(status.plan_stories, "p", stories)
    began = time.perf_counter()
    for number in range(count):
        await database.write(_write_story, number)
    alone = time.perf_counter() - began
    began = time.perf_counter()
    for start in range(count, 2 * count, 50):
        await asyncio.gather(*(database.write(_write_story, start + number) for number in range(50)))
    together = time.perf_counter() - began
    database.close()
    return {"write_alone_ms": 1000 * alone / count, "write_grouped_ms": 1000 * together / count}


def _write_story(session: Session, number: int) -> None:
    state = StoryState.WORKING if number % 2 else StoryState.VERIFYING
    status.set_story(session, "p", str(number % 50), state=state, attempt=number)
    status.set_agent(session, "p", f"agent-{number % 5}", AgentState.WORKING, story=str(number))
    drafts = [
        EventDraft(key=f"{number}-{each}", type=EventType.WORKFLOW_EVENT, name="story.working")
        for each in range(3)
    ]
    events.append_events(session, "p", drafts)


def main() -> None:
    """Measure, and print one JSON object a database."""
    for kind in sorted(TARGETS):
        with opened(kind) as url:
            if url is not None:
                numbers = asyncio.run(measure_writes(url, 500))
                sys.stdout.write(json.dumps({"database": kind, **numbers}) + "\n")


if __name__ == "__main__":
    main()
