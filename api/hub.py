"""Events from the database to any number of clients: each event is read and serialised once.

One reader asks the database for news when it is told that there are some, and only while somebody listens.
It appends to feeds: short memories of the latest events. Subscribers pull from a feed at their own pace and
fall back to the database for anything older, so replay and live are one sequence, nothing is queued per
client, and a slow client costs no memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from api.feeds import PAGE, Entry, Feed, Live, Part, Selection
from api.past import Past, entries_after
from paceline.observe.metrics import STREAM_LAG
from paceline.store.database import Database
from paceline.store.events import last_number, last_numbers, last_position, placed_after

LOOK_SECONDS = 2.0
"""How often is looked for what nobody told of."""
HEARTBEAT_SECONDS = 15.0
REPLAYED = 100
"""So many events at once are not news, but somebody who reads what was; they take turns."""
_ALL = Selection()
Push = Callable[[Part], bool]

log = logging.getLogger(__name__)


class Hub:
    """The feeds of one process.

    Args:
        database: where events are.
        heartbeat_seconds: after so long without an event a stream gives an empty part.
        look_seconds: the longest time until an event is seen that nobody told of.
    """

    def __init__(
        self,
        database: Database,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._database = database
        self._heartbeat = heartbeat_seconds
        self._look_seconds = look_seconds
        self._past = Past(database)
        self._feeds: dict[str, Feed] = {}
        self._everything: Feed | None = None
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self._closed = False
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Read while the context is open."""
        async with self._database.listening(self._news.set):
            tasks = [asyncio.create_task(work, name="hub") for work in (self._read(), self._tick())]
            try:
                yield
            finally:
                self.close()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """End every stream, and each that is asked for later."""
        self._closed = True
        self._wake_all()

    def has(self, project: str) -> bool:
        """Whether somebody listens to a project, which is then known to be there."""
        return project in self._feeds

    async def project_events(
        self, project: str, after: int, chosen: Selection = _ALL, push: Push | None = None
    ) -> AsyncGenerator[Part]:
        """The events of one project after a number, first what was, then what comes, until the hub closes.

        Args:
            project: id of the project.
            after: number of the last event that the client has; 0 for all.
            chosen: which of them.
            push: gives the client what comes once it has all that was; the parts that it does not take then
                are the stream's again. None: everything is the stream's.
        """

        async with self._subscribed(project) as feed:

            async def load(number: int) -> list[Entry]:
                return await self._past.after(project, number, feed.first - 1)

            async for part in self._follow(feed, after, load, chosen, push):
                yield part

    async def all_events(
        self, after: int | None = None, chosen: Selection = _ALL, push: Push | None = None
    ) -> AsyncGenerator[Part]:
        """The events of all projects after a position, in the order of their commits, until the hub closes.

        Args:
            after: position of the last event that the client has; None: only what comes.
            chosen: which of them.
            push: as for one project.
        """

        async def load(position: int) -> list[Entry]:
            return await self._database.read(_placed_entries, position)

        async with self._subscribed_to_everything() as feed:
            start = feed.last if after is None else after
            async for part in self._follow(feed, start, load, chosen, push):
                yield part

    async def _follow(
        self,
        feed: Feed,
        after: int,
        load: Callable[[int], Awaitable[list[Entry]]],
        chosen: Selection,
        push: Push | None,
    ) -> AsyncGenerator[Part]:
        loop = asyncio.get_running_loop()
        sent, told = after, loop.time()
        while not self._closed:
            changed = feed.changed
            entries = feed.since(sent)
            if entries is None:
                entries = await load(sent)
            if len(entries) >= REPLAYED:
                await self._take_turn()
            if entries:
                sent = entries[-1].place
                wanted = chosen.of(entries)
                if wanted:
                    yield Part(wanted, sent)
                    told = loop.time()
                    continue
            if loop.time() - told >= self._heartbeat:
                yield Part([], sent)
                told = loop.time()
            elif entries:
                continue
            elif push is None or sent != feed.last:
                await changed.wait()
            else:
                live = Live(sent, chosen, push, loop.time)
                await live.listen(feed)
                sent, told = live.sent, live.told or told

    async def _take_turn(self) -> None:
        """Let one reader of what was go on in each turn of the loop, so that news never wait for many."""
        async with self._turn:
            await asyncio.sleep(0)

    @asynccontextmanager
    async def _subscribed(self, project: str) -> AsyncGenerator[Feed]:
        if project not in self._feeds:
            last = await self._database.read(last_number, project)
            # Another subscriber may have come while this one read; its feed is as good.
            self._feeds.setdefault(project, Feed(last))
        feed = self._feeds[project]
        try:
            with self._counted(feed):
                yield feed
        finally:
            if feed.subscribers == 0:
                self._feeds.pop(project, None)
            self._rest()

    @asynccontextmanager
    async def _subscribed_to_everything(self) -> AsyncGenerator[Feed]:
        if self._everything is None:
            last = await self._database.read(last_position)
            self._everything = self._everything or Feed(last)
        feed = self._everything
        try:
            with self._counted(feed):
                yield feed
        finally:
            if feed.subscribers == 0:
                self._everything = None
            self._rest()

    @contextmanager
    def _counted(self, feed: Feed) -> Generator[None]:
        feed.subscribers += 1
        if feed.subscribers == 1:
            # Of what was committed since its last number was read, the reader may have been told already.
            self._news.set()
        self._wanted.set()
        try:
            yield
        finally:
            feed.subscribers -= 1

    def _rest(self) -> None:
        if not self._feeds and self._everything is None:
            self._wanted.clear()

    async def _tick(self) -> None:
        """Have the streams look whether their heartbeat is due: one timer for all."""
        while True:
            await asyncio.sleep(self._heartbeat / 4)
            self._wake_all()

    def _wake_all(self) -> None:
        for feed in (*self._feeds.values(), *([self._everything] if self._everything else [])):
            feed.wake()

    async def _read(self) -> None:
        while True:
            await self._wanted.wait()
            try:
                if await self._told() or await self._database.moved():
                    while await self._read_once():
                        pass
            except Exception:
                # The database may come back; every subscriber goes on from its own number.
                log.exception("The event stream could not read the database and tries again in a second.")
                await asyncio.sleep(1)
                self._news.set()

    async def _told(self) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._look_seconds):
                await self._news.wait()
        told = self._news.is_set()
        self._news.clear()
        return told

    async def _read_once(self) -> bool:
        """Append what is new to the feeds; returns whether there may be more."""
        feeds, everything = dict(self._feeds), self._everything
        wanted = {project: feed.last for project, feed in feeds.items()}
        fresh = await self._database.read(_fresh_events, wanted, everything.last if everything else None)
        for project, entries in fresh.projects.items():
            feeds[project].append(entries)
            _note_lag(entries)
        if everything is not None:
            everything.append(fresh.everything)
            _note_lag(fresh.everything)
        return fresh.more


def _note_lag(entries: Sequence[Entry]) -> None:
    now = datetime.now(UTC)
    for entry in entries:
        STREAM_LAG.observe(max(0.0, (now - entry.at).total_seconds()))


@dataclass
class _Fresh:
    """Events that some feed does not have."""

    projects: dict[str, list[Entry]] = field(default_factory=dict[str, list[Entry]])
    everything: list[Entry] = field(default_factory=list[Entry])

    @property
    def more(self) -> bool:
        return any(len(each) >= PAGE for each in (self.everything, *self.projects.values()))


def _fresh_events(session: Session, wanted: dict[str, int], position: int | None) -> _Fresh:
    """What the feeds lack.

    Args:
        session: a read transaction.
        wanted: last number by project that a feed has.
        position: the last that the stream of everything has; None where nobody listens to it.
    """
    fresh = _Fresh()
    for project, last in last_numbers(session, list(wanted)).items():
        if last > wanted[project]:
            fresh.projects[project] = entries_after(session, project, wanted[project])
    if position is not None:
        fresh.everything = _placed_entries(session, position)
    return fresh


def _placed_entries(session: Session, position: int) -> list[Entry]:
    return [Entry(placed.event, placed.position) for placed in placed_after(session, position, PAGE)]
