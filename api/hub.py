"""Events from the database to any number of WebSockets: each event is read and serialised once.

One reader asks the database for news, woken at once by writers of this process and every `POLL_SECONDS` for
those of others, and only while somebody listens. It appends to a feed: a short memory of the latest events.
Subscribers pull from the feed at their own pace and fall back to the database for anything older, so replay
and live are one sequence, nothing is queued per client, and a slow client costs no memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from sqlalchemy.orm import Session

from paceline.store.database import Database
from paceline.store.events import events_after, last_number, last_numbers

POLL_SECONDS = 0.025
MEMORY = 4096
"""Events that a feed remembers; older ones are read from the database."""
PAGE = 500

log = logging.getLogger(__name__)


class Feed:
    """The latest serialised events of one stream, numbered without gaps.

    Args:
        last: number of the last event that is not in the feed.
    """

    def __init__(self, last: int) -> None:
        self.subscribers = 0
        self.changed = asyncio.Event()
        self._first = last + 1
        self._texts: list[str] = []

    @property
    def last(self) -> int:
        """Number of the latest event."""
        return self._first + len(self._texts) - 1

    def append(self, texts: list[str]) -> None:
        """Add the events after `last`, and wake everybody who waits for them."""
        if not texts:
            return
        self._texts += texts
        if len(self._texts) > 2 * MEMORY:
            dropped = len(self._texts) - MEMORY
            self._first += dropped
            del self._texts[:dropped]
        self.changed.set()
        self.changed = asyncio.Event()

    def since(self, number: int) -> list[str] | None:
        """Up to `PAGE` events after `number`; None where the feed no longer remembers them."""
        start = number + 1 - self._first
        return None if start < 0 else self._texts[start : start + PAGE]


class Hub:
    """The feeds of one process.

    Args:
        database: where events are.
        poll_seconds: the longest time until an event of another process is seen.
    """

    def __init__(self, database: Database, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._feeds: dict[str, Feed] = {}
        self._everything = Feed(0)
        self._seen: dict[str, int] = {}
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Read while the context is open."""
        loop = asyncio.get_running_loop()

        def wake(_project: str) -> None:
            with suppress(RuntimeError):  # the loop closes before the last writer of the process
                loop.call_soon_threadsafe(self._news.set)

        remove = self._database.add_listener(wake)
        reader = asyncio.create_task(self._read(), name="hub")
        try:
            yield
        finally:
            remove()
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader

    async def project_events(self, project: str, after: int) -> AsyncGenerator[list[str]]:
        """The events of one project after a number, first what was, then what comes, without end.

        Args:
            project: id of the project.
            after: number of the last event that the client has; 0 for all.
        """
        async with self._subscribed(project) as feed:
            sent = after
            while True:
                changed = feed.changed
                texts = feed.since(sent)
                if texts is None:
                    page = await self._database.read(events_after, project, sent, PAGE)
                    texts = [event.model_dump_json() for event in page]
                if texts:
                    sent += len(texts)
                    yield texts
                else:
                    await changed.wait()

    async def all_events(self) -> AsyncGenerator[list[str]]:
        """The events of all projects from now on; ends when the client falls too far behind to go on."""
        feed = self._everything
        if feed.subscribers == 0:
            seen = await self._database.read(last_numbers)
            if feed.subscribers == 0:  # else another first subscriber was faster, and its numbers move on
                self._seen = seen
        feed.subscribers += 1
        self._wanted.set()
        try:
            sent = feed.last
            while True:
                changed = feed.changed
                texts = feed.since(sent)
                if texts is None:
                    return
                if texts:
                    sent += len(texts)
                    yield texts
                else:
                    await changed.wait()
        finally:
            feed.subscribers -= 1
            self._rest()

    @asynccontextmanager
    async def _subscribed(self, project: str) -> AsyncGenerator[Feed]:
        if project not in self._feeds:
            last = await self._database.read(last_number, project)
            # Another subscriber may have come while this one read; its feed is as good.
            self._feeds.setdefault(project, Feed(last))
        feed = self._feeds[project]
        feed.subscribers += 1
        self._wanted.set()
        try:
            yield feed
        finally:
            feed.subscribers -= 1
            if feed.subscribers == 0:
                self._feeds.pop(project, None)
            self._rest()

    def _rest(self) -> None:
        if not self._feeds and self._everything.subscribers == 0:
            self._wanted.clear()

    async def _read(self) -> None:
        while True:
            await self._wanted.wait()
            try:
                await self._read_once()
            except Exception:
                # The database may come back; every subscriber goes on from its own number.
                log.exception("The event stream could not read the database and tries again in a second.")
                await asyncio.sleep(1)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._news.wait()
            self._news.clear()

    async def _read_once(self) -> None:
        feeds = dict(self._feeds)
        for_all = self._everything.subscribers > 0
        wanted = {project: feed.last for project, feed in feeds.items()}
        seen = dict(self._seen) if for_all else None
        fresh = await self._database.read(_fresh_events, wanted, seen)
        for project, events in fresh.items():
            if project in feeds:
                feeds[project].append([text for number, text in events if number > wanted[project]])
            if seen is not None:
                known = seen.get(project, 0)
                self._everything.append([text for number, text in events if number > known])
                self._seen[project] = max(known, events[-1][0])


def _fresh_events(
    session: Session, wanted: dict[str, int], seen: dict[str, int] | None
) -> dict[str, list[tuple[int, str]]]:
    """Events that some feed does not have, serialised, by project.

    Args:
        session: a read transaction.
        wanted: last number by project that a feed has.
        seen: last number by project that the stream of everything has; None where nobody listens to it.
    """
    fresh: dict[str, list[tuple[int, str]]] = {}
    for project, last in last_numbers(session, None if seen is not None else list(wanted)).items():
        for_all = last if seen is None else seen.get(project, 0)
        after = min(wanted.get(project, last), for_all)
        if last > after:
            page = events_after(session, project, after, PAGE)
            fresh[project] = [(event.number, event.model_dump_json()) for event in page]
    return fresh
