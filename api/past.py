"""Events that no feed remembers any more, a page at a time; pages that many ask for are read once.

After a restart all clients of a project come back for the same events, and anybody may ask for everything
again and again.
"""

from __future__ import annotations

from collections import OrderedDict

from sqlalchemy.orm import Session

from api.feeds import PAGE, Entry
from paceline.store.database import Database
from paceline.store.events import events_after

MOST_PAGES = 32
LARGEST_PAGE = 2_000_000
"""Characters of a page that is kept."""


class Past:
    """Pages of projects, as the database has them; a full one never changes.

    Args:
        database: where events are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pages: OrderedDict[tuple[str, int], list[Entry]] = OrderedDict()

    async def after(self, project: str, number: int) -> list[Entry]:
        """Some of the events after a number, in order; at least one where there is one."""
        page, skipped = divmod(number, PAGE)
        found = self._pages.get((project, page))
        if found is None:
            found = await self._database.read(entries_after, project, page * PAGE)
            self._keep(project, page, found)
        else:
            self._pages.move_to_end((project, page))
        return found[skipped:]

    def _keep(self, project: str, page: int, found: list[Entry]) -> None:
        if len(found) < PAGE or sum(len(entry.text) for entry in found) > LARGEST_PAGE:
            return
        self._pages[project, page] = found
        if len(self._pages) > MOST_PAGES:
            self._pages.popitem(last=False)


def entries_after(session: Session, project: str, number: int) -> list[Entry]:
    """Up to a page of the events after a number."""
    return [Entry(event) for event in events_after(session, project, number, PAGE)]
