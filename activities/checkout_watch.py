"""The user's checkout before and after an agent's run: what changed is told, and nobody is blamed.

Agents run as the user does, and no file permission keeps them out of the user's checkout. The user works
there too. So a change is an event with the paths and all attempts that ran meanwhile, and nothing is undone.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from activities.context import ActivityContext
from activities.files import write_whole
from paceline.contracts import WorkStep
from paceline.domain.events import EventDraft, EventType
from paceline.domain.states import StoryState
from paceline.errors import RepositoryError
from paceline.store import events, status
from paceline.vcs.checkout import Look, changes_between, look_at_checkout
from paceline.vcs.repository import Repository

log = logging.getLogger(__name__)

_SHOWN = 100


@dataclass(frozen=True)
class CheckoutWatch:
    """Looks at the checkout around one attempt.

    Args:
        note: a file of the attempt's, for what was seen before; a repeat after a crash keeps the first look.
    """

    context: ActivityContext
    repository: Repository
    step: WorkStep
    note: Path

    async def begin(self) -> None:
        """Look before the agent starts."""
        if self.note.exists():
            return
        try:
            look = await look_at_checkout(self.repository)
        except RepositoryError as error:
            log.warning("the checkout is not watched: %s", error.message)
            return
        running, last = await self.context.database.read(_running, self.step.project)
        write_whole(self.note, json.dumps({"look": look, "running": running, "last": last}))

    async def end(self) -> None:
        """Look again when the agent has ended, and tell what is different."""
        try:
            before = json.loads(self.note.read_text())
            look = await look_at_checkout(self.repository, before["look"])
        except (FileNotFoundError, RepositoryError) as error:
            log.warning("the checkout was not watched: %s", error)
            return
        paths = changes_between(before["look"], look)
        if paths:
            write = self.context.database.write
            await write(_tell, self.step, paths, look, before["running"], before["last"])


def _running(session: Session, project: str) -> tuple[list[str], int]:
    """The attempts whose agents may run now, and the number of the last event."""
    rows = status.story_statuses(session, project)
    found = [f"{row.id} attempt {row.attempt}" for row in rows if row.state is StoryState.WORKING]
    return found, events.last_number(session, project)


def _tell(
    session: Session, step: WorkStep, paths: list[str], look: Look, running: list[str], last: int
) -> None:
    now, _ = _running(session, step.project)
    since = [
        f"{event.story} attempt {event.data['attempt']}"
        for event in events.events_after(session, step.project, last)
        if event.name == "claim.granted"
    ]
    own = f"{step.story} attempt {step.attempt}"
    seen = hashlib.sha256(json.dumps([paths, look], sort_keys=True).encode()).hexdigest()[:16]
    draft = EventDraft(
        # Attempts that run at the same time see the same change.
        key=f"{step.project}#checkout.changed#{seen}",
        type=EventType.WORKFLOW_EVENT,
        name="checkout.changed",
        data={
            "paths": paths[:_SHOWN],
            "count": len(paths),
            "attempts": sorted({own, *running, *now, *since})[:_SHOWN],
        },
    )
    events.append_events(session, step.project, [draft])
