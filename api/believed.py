"""What the database said of a secret is believed for a short time, so that not every request asks it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy.orm import Session

from paceline.errors import PacelineError
from paceline.store.database import Database

BELIEVED_SECONDS = 2.0
"""How long the database's word about a secret holds."""
MOST_REMEMBERED = 2_000

T = TypeVar("T")
log = logging.getLogger(__name__)


class Known(NamedTuple, Generic[T]):
    """What a secret opens."""

    value: T | None
    """None: nothing."""
    until: datetime | None = None
    """None: it does not end by itself."""


class Believed(Generic[T]):
    """Remembers answers by the hash of the secret.

    Args:
        load: asks the database.
    """

    def __init__(self, load: Callable[[str], Awaitable[Known[T]]]) -> None:
        self._load = load
        self._known: OrderedDict[str, tuple[Known[T], float]] = OrderedDict()
        self._changes = 0

    async def get(self, secret: str) -> T | None:
        """What the secret opens."""
        digest = hashlib.sha256(secret.encode()).hexdigest()
        known, loaded = self._known.get(digest, (None, 0.0))
        if known is None or time.monotonic() - loaded > BELIEVED_SECONDS:
            known = await self._ask(secret, digest)
        return None if known.until is not None and known.until <= datetime.now(UTC) else known.value

    def forget(self) -> None:
        """Ask again about everything, as something was changed by this process."""
        self._changes += 1
        self._known.clear()

    async def _ask(self, secret: str, digest: str) -> Known[T]:
        began, changes = time.monotonic(), self._changes
        known = await self._load(secret)
        if changes != self._changes:
            # Something was changed while the database was asked, perhaps this: ask again next time.
            return known
        self._known[digest] = (known, began)
        self._known.move_to_end(digest)
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return known


class Uses:
    """Writes down, now and then, that something is in use; no request waits for that.

    Args:
        database: where; None: nowhere.
        write: writes the use of one id.
        seconds: at most so often for each.
    """

    def __init__(
        self, database: Database | None, write: Callable[[Session, str], None], seconds: float
    ) -> None:
        self._database = database
        self._write = write
        self._seconds = seconds
        self._used: OrderedDict[str, float] = OrderedDict()
        self._writing: set[asyncio.Task[None]] = set()

    def note(self, id: str) -> None:
        """It is used now."""
        now = time.monotonic()
        if now - self._used.get(id, -self._seconds) < self._seconds:
            return
        self._used[id] = now
        self._used.move_to_end(id)
        if len(self._used) > MOST_REMEMBERED:
            self._used.popitem(last=False)
        task = asyncio.create_task(self._note(id))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Await what is being written down."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def _note(self, id: str) -> None:
        assert self._database is not None  # noqa: S101 - it has the ids; narrows the type
        try:
            await self._database.write(self._write, id)
        except PacelineError as error:
            log.warning("The use of %s was not written down: %s", id, error.message)
