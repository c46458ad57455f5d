"""Waiting in the merge line: one look at the database for all of this process's landings to one branch.

Landings of this process wake each other. Those of other processes are seen at a look, and the pause between
two looks grows while nothing changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session
from temporalio import activity

from paceline.domain.events import EventDraft, EventType
from paceline.domain.merge_line import Silence, next_batch, positions
from paceline.domain.model import Model
from paceline.domain.states import StoryState
from paceline.errors import StaleFence
from paceline.store import events, merge_line, status
from paceline.store.database import Database
from paceline.store.merge_line import Entry, Joined

log = logging.getLogger(__name__)

PATIENCE = 8.0
"""Seconds after which a landing that raised no beat is passed over; Temporal tries it again after six."""
_BEAT = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0


@dataclass
class Turn:
    """What came of waiting: how the landing ended, or the entries that it may land now, its own first."""

    report: Mapping[str, Any] | None = None
    batch: list[Entry] = field(default_factory=list[Entry])


@dataclass(frozen=True)
class _Waiter:
    claim: str
    landing: str
    turn: asyncio.Future[Turn]


def landing_name() -> str:
    """Names the activity that lands, the same for all its tries; called within it."""
    info = activity.info()
    return f"{info.workflow_run_id}#{info.activity_id}"


class LineWatch:
    """What this process knows of one branch's line.

    Args:
        database: where the line is.
        line: names the branch.
        limit: the most stories that are landed together.
        patience: seconds without a beat after which a landing is passed over.
    """

    def __init__(self, database: Database, line: str, limit: int, patience: float = PATIENCE) -> None:
        self._database = database
        self._line = line
        self._limit = limit
        self._silence = Silence(patience)
        self._holders: dict[str, str] = {}
        self._waiters: dict[str, _Waiter] = {}
        self._told: dict[str, int] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def joined(self, claim: str, landing: str, step: Model, holder: str) -> AsyncGenerator[Joined]:
        """Hold a place while the block lasts; a landing that did not end in it keeps the place for later.

        Args:
            claim: the story's, or the rollback's.
            landing: names the activity, the same for all its tries.
            step: what to land.
            holder: names this try.
        """
        values = step.model_dump(mode="json")
        found = await self._database.write(merge_line.join_line, self._line, claim, landing, values, holder)
        self._holders[holder] = claim
        self._keep_watch()
        try:
            yield found
        finally:
            del self._holders[holder]
            await asyncio.shield(self._database.write(merge_line.leave_line, self._line, claim, holder))
            self.tell()

    async def turn(self, claim: str, landing: str, holder: str) -> Turn:
        """Wait until the landing has ended, or until it is the first that is alive.

        Raises:
            StaleFence: the story lands anew by now, or has ended.
        """
        waiter = _Waiter(claim, landing, asyncio.get_running_loop().create_future())
        self._waiters[holder] = waiter
        self._keep_watch()
        self.tell()
        try:
            return await waiter.turn
        finally:
            self._waiters.pop(holder, None)

    def tell(self) -> None:
        """This process changed the line."""
        self._news.set()

    def _keep_watch(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name=f"merge line {self._line}")

    async def _watch(self) -> None:
        try:
            await self._watch_until_empty()
        except Exception as error:
            # Those who wait fail with it, and are tried again by Temporal.
            log.warning("the merge line %s could not be watched: %s", self._line, error)
            for waiter in self._waiters.values():
                if not waiter.turn.done():
                    waiter.turn.set_exception(error)

    async def _watch_until_empty(self) -> None:
        pause, beaten = _FIRST_PAUSE, time.monotonic()
        while self._holders:
            if self._news.is_set():
                self._news.clear()
                pause = _FIRST_PAUSE
            if any(not waiter.turn.done() for waiter in self._waiters.values()):
                await self._look()
            if time.monotonic() - beaten >= _BEAT:
                beaten = time.monotonic()
                await self._database.write(merge_line.beat, self._line, list(self._holders))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _look(self) -> None:
        # Who joins while the database is read is not in what was read.
        asked = list(self._waiters.items())
        entries = await self._database.read(merge_line.entries_of, self._line)
        known = {entry.place.claim: entry for entry in entries}
        waiting = [entry for entry in entries if entry.report is None]
        alive = self._silence.observe([entry.place for entry in waiting], time.monotonic(), self._holders)
        batch = [known[place.claim] for place in next_batch(alive, self._limit)]
        for holder, waiter in asked:
            if not waiter.turn.done():
                await self._answer(holder, waiter, known.get(waiter.claim), batch)
        mine = {waiter.claim for waiter in self._waiters.values() if not waiter.turn.done()}
        places = {claim: place for claim, place in positions(alive).items() if claim in mine and place > 1}
        if places != self._told:
            self._told = places
            await self._database.write(_tell_places, self._line, places)

    async def _answer(
        self, holder: str, waiter: _Waiter, entry: Entry | None, batch: Sequence[Entry]
    ) -> None:
        if entry is None or entry.landing != waiter.landing:
            said = f"{waiter.claim} does not land this work any more; its story ended or lands anew."
            waiter.turn.set_exception(StaleFence(said))
        elif entry.report is not None:
            waiter.turn.set_result(Turn(entry.report))
        elif entry.place.holder is None:
            # Another try of this landing had taken the place over, and was stopped.
            await self._database.write(merge_line.hold_place, self._line, waiter.claim, holder)
            self.tell()
        elif batch and batch[0] is entry and entry.place.holder == holder:
            waiter.turn.set_result(Turn(batch=list(batch)))


def _tell_places(session: Session, line: str, places: Mapping[str, int]) -> None:
    """Say where stories and rollbacks stand in the line, as far as they still wait."""
    for entry in merge_line.waiting_in(session, line):
        number = places.get(entry.place.claim)
        if number is None:
            continue
        project = entry.step["project"]
        if not entry.place.alone:
            status.set_story(
                session,
                project,
                entry.place.story,
                state=StoryState.VERIFYING,
                reason=f"waits in the merge line at place {number}",
                reason_code="WAITING_FOR_MERGE",
            )
        which = "number" if entry.place.alone else "attempt"
        draft = EventDraft(
            key=f"{entry.place.claim}#merge.waiting#{entry.landing}",
            type=EventType.WORKFLOW_EVENT,
            name="merge.waiting",
            story=entry.place.story or None,
            data={"place": number, "rollback" if entry.place.alone else "attempt": entry.step[which]},
        )
        events.append_events(session, project, [draft])
