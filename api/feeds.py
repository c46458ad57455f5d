"""What the event streams are made of: serialised events, the latest of them, and who wants which."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from functools import cached_property
from typing import NamedTuple

from paceline.domain.events import Event

MEMORY = 4096
"""Events that a feed remembers; older ones are read from the database."""
PAGE = 500


class Entry:
    """One event, serialised once for everybody.

    Args:
        event: what happened.
        position: its place among the events of all projects, for their stream; None: in its project's own.
    """

    def __init__(self, event: Event, position: int | None = None) -> None:
        self.place = event.number if position is None else position
        self.number, self.at = event.number, event.at
        self.words = (event.type.value, event.name)
        text = event.model_dump_json()
        self.text = text if position is None else f'{text[:-1]},"position":{position}}}'

    @cached_property
    def frame(self) -> bytes:
        """As a WebSocket message on the wire (RFC 6455, section 5.2): final, text, not masked."""
        payload = self.text.encode()
        size = len(payload)
        if size < 126:
            return bytes((0x81, size)) + payload
        if size < 1 << 16:
            return b"\x81\x7e" + size.to_bytes(2, "big") + payload
        return b"\x81\x7f" + size.to_bytes(8, "big") + payload

    @cached_property
    def sent_event(self) -> bytes:
        """As a server-sent event."""
        return f"id: {self.place}\nevent: {self.words[0]}\ndata: {self.text}\n\n".encode()


class Part(NamedTuple):
    """What a stream has for its client next."""

    entries: list[Entry]
    """Empty: nothing that it wants happened for some time."""
    last: int
    """The place after which the stream goes on; later than the last entry's where others were left out."""


class Selection:
    """Which events a client wants.

    Args:
        words: types (`HITL_REQUEST`) and names (`story.merged`); none: all events.
    """

    def __init__(self, words: Collection[str] = ()) -> None:
        self._words = frozenset(words)

    def of(self, entries: list[Entry]) -> list[Entry]:
        """Those that are wanted."""
        if not self._words:
            return entries
        return [entry for entry in entries if not self._words.isdisjoint(entry.words)]


class Live:
    """A subscriber that has everything, and is given what comes without a task of its own being woken.

    Args:
        sent: place of the last event that it has.
        chosen: which events it wants.
        push: gives it a part at once; false where it cannot take it now.
        now: the time in seconds, of the event loop.
    """

    def __init__(
        self, sent: int, chosen: Selection, push: Callable[[Part], bool], now: Callable[[], float]
    ) -> None:
        self.sent = sent
        self.told: float | None = None
        """When it was last given something."""
        self._chosen = chosen
        self._push = push
        self._now = now
        self._woken = asyncio.Event()

    async def listen(self, feed: Feed) -> None:
        """Take what comes until it cannot, or the feed is woken."""
        feed.live.add(self)
        try:
            await self._woken.wait()
        finally:
            feed.live.discard(self)

    def take(self, feed: Feed, entries: list[Entry]) -> None:
        """Events were appended."""
        wanted = self._chosen.of(entries)
        if wanted:
            if not self._push(Part(wanted, entries[-1].place)):
                # From now on it reads by itself, from here on.
                feed.live.discard(self)
                self.wake()
                return
            self.told = self._now()
        self.sent = entries[-1].place

    def wake(self) -> None:
        """Have it look."""
        self._woken.set()


class Feed:
    """The latest serialised events of one stream, numbered without gaps.

    Args:
        last: place of the last event that is not in the feed.
    """

    def __init__(self, last: int) -> None:
        self.subscribers = 0
        self.live: set[Live] = set()
        self.changed = asyncio.Event()
        self._first = last + 1
        self._entries: list[Entry] = []

    @property
    def last(self) -> int:
        """Place of the latest event."""
        return self._first + len(self._entries) - 1

    def append(self, entries: list[Entry]) -> None:
        """Add the events after `last`, and wake everybody who waits for them."""
        if not entries:
            return
        self._entries += entries
        # Who keeps up comes before who reads on its own.
        for each in tuple(self.live):
            each.take(self, entries)
        if len(self._entries) > 2 * MEMORY:
            dropped = len(self._entries) - MEMORY
            self._first += dropped
            del self._entries[:dropped]
        self._tell_readers()

    def wake(self) -> None:
        """Have everybody look again."""
        for each in self.live:
            each.wake()
        self._tell_readers()

    def _tell_readers(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    @property
    def first(self) -> int:
        """Place of the first event that it remembers, or would."""
        return self._first

    def since(self, place: int) -> list[Entry] | None:
        """Up to `PAGE` events after a place; None where the feed no longer remembers them."""
        start = place + 1 - self._first
        return None if start < 0 else self._entries[start : start + PAGE]
