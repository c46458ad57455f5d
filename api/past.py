"""Events that no feed remembers any more, a page at a time; pages that many ask for are read once.

After a restart all clients of a project come back for the same events, and anybody may ask for everything
again and again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from sqlalchemy.orm import Session

from api.feeds import PAGE, Entry
from paceline.store.database import Database
from paceline.store.events import events_after

MOST_KEPT = 32_000_000
"""Characters of all pages that are kept."""


class Past:
    """Pages of projects, as the database has them, each read by one of those who ask for it at once.

    Args:
        database: where events are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pages: OrderedDict[tuple[str, int], tuple[list[Entry], int]] = OrderedDict()
        self._kept = 0
        self._reading: dict[tuple[str, int], asyncio.Task[list[Entry]]] = {}

    async def after(self, project: str, number: int, needed: int) -> list[Entry]:
        """Some of the events after a number, in order; at least one where there is one.

        Args:
            project: the run.
            number: of the last event that is known.
            needed: place up to which the events must be there; a page that ends before it, and has room, is
                read again.
        """
        page, skipped = divmod(number, PAGE)
        found, _ = self._pages.get((project, page), (None, 0))
        if found is not None and _is_enough(found, needed):
            self._pages.move_to_end((project, page))
            return found[skipped:]
        found = await self._read(project, page)
        if not _is_enough(found, needed):
            # Somebody began to read it before the last events were there; whoever began since then was not.
            found = await self._read(project, page)
        return found[skipped:]

    async def _read(self, project: str, page: int) -> list[Entry]:
        """Read a page, or await who reads it."""
        key = (project, page)
        reading = self._reading.get(key)
        if reading is None:
            reading = asyncio.create_task(self._load(project, page))
            self._reading[key] = reading
            reading.add_done_callback(lambda _: self._reading.pop(key, None))
        # One that goes while it waits does not take the page from the others.
        return await asyncio.shield(reading)

    async def _load(self, project: str, page: int) -> list[Entry]:
        found = await self._database.read(entries_after, project, page * PAGE)
        self._keep((project, page), found)
        return found

    def _keep(self, key: tuple[str, int], found: list[Entry]) -> None:
        _, before = self._pages.pop(key, ([], 0))
        size = sum(len(entry.text) for entry in found)
        self._pages[key] = (found, size)
        self._kept += size - before
        while self._kept > MOST_KEPT:
            _, (_, dropped) = self._pages.popitem(last=False)
            self._kept -= dropped


def _is_enough(found: list[Entry], needed: int) -> bool:
    return len(found) >= PAGE or (bool(found) and found[-1].place >= needed)


def entries_after(session: Session, project: str, number: int) -> list[Entry]:
    """Up to a page of the events after a number."""
    return [Entry(event) for event in events_after(session, project, number, PAGE)]
