"""Who calls: a token of the database, the API's own, an agent's, or somebody of this machine.

What the database says of a token is believed for `BELIEVED_SECONDS`, in every process that serves the API, so
a revoked token is refused everywhere after that time at the latest.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from paceline.domain.access import Role
from paceline.errors import PacelineError
from paceline.settings import Settings
from paceline.store import runs, tokens
from paceline.store.database import Database

BELIEVED_SECONDS = 2.0
"""How long the database's word about a token holds."""
USE_SECONDS = 60.0
"""The time of a token's last use is written down at most so often."""
MOST_REMEMBERED = 2_000
NAME_LIMIT = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """Who asks, and what for they may ask."""

    role: Role
    name: str | None = None
    """A token's name, under which everything is done; None: the caller says who it is."""
    projects: frozenset[str] | None = None
    """None: all."""
    token: str = ""
    """Id of a token of the database."""
    given: str | None = field(default=None, repr=False)
    """What the request brought; an agent's is checked by the route."""
    local: bool = False
    """Somebody of this machine, where that is enough."""

    @property
    def token_known(self) -> bool:
        """Whether it was recognised by what it brought."""
        return self.given is not None and not self.local and self.role is not Role.AGENT

    def acts_as(self, said: str) -> str:
        """The actor of what is done.

        Args:
            said: whom the request names.

        Returns:
            The token's name where there is one, with whom it says to act for.
        """
        if self.name is None:
            return said
        if said in ("", "unknown", self.name):
            return self.name
        room = NAME_LIMIT - len(self.name) - len(" (for )")
        return f"{self.name} (for {said[:room]})"


NOBODY = Caller(Role.AGENT)
"""Of a request that was refused before anybody was recognised."""


class _Known(NamedTuple):
    caller: Caller | None
    until: datetime | None
    loaded: float


class Callers:
    """Recognises callers.

    Args:
        settings: say whether a token is needed, and name the API's own.
        database: where tokens are; None: only the API's own is known.
        needed: the API's own token; None where nobody needs one.
    """

    def __init__(self, settings: Settings, database: Database | None, needed: str | None) -> None:
        self._needed = needed
        self._database = database
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._changes = 0
        self._bases: dict[str, str] = {}
        self._used: dict[str, float] = {}
        self._writing: set[asyncio.Task[None]] = set()

    async def find(self, given: str | None) -> Caller | None:
        """Who brought this token; None where it is not good, or none was brought and one is needed."""
        if given is None:
            return Caller(Role.ADMIN, local=True) if self._needed is None else None
        if self._needed is not None and hmac.compare_digest(given.encode(), self._needed.encode()):
            return Caller(Role.ADMIN, given=given)
        found = await self._look_up(given)
        if found is None and self._needed is None and not given.startswith(tokens.PREFIX):
            # Where none is needed, a client may bring what it brings elsewhere.
            return Caller(Role.ADMIN, local=True, given=given)
        return found

    async def still(self, caller: Caller) -> bool:
        """Whether a caller's token is still good; for those who stay connected."""
        return not caller.token or await self._look_up(caller.given or "") is not None

    async def sees(self, caller: Caller, project: str) -> bool:
        """Whether a run is of a project that the caller is not kept from."""
        if caller.projects is None:
            return True
        base = self._bases.get(project)
        if base is None and self._database is not None:
            base = await self._database.read(runs.base_of, project)
            if base is not None:
                self._bases[project] = base
        return base in caller.projects

    def forget(self) -> None:
        """Ask the database again about every token, as one was changed by this process."""
        self._changes += 1
        self._known.clear()

    async def close(self) -> None:
        """Await what is being written down."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def _look_up(self, given: str) -> Caller | None:
        if self._database is None or not given.startswith(tokens.PREFIX):
            return None
        digest = hashlib.sha256(given.encode()).hexdigest()
        known = self._known.get(digest)
        if known is None or time.monotonic() - known.loaded > BELIEVED_SECONDS:
            known = await self._load(given, digest)
        if known.caller is None or (known.until is not None and known.until <= datetime.now(UTC)):
            return None
        self._note_use(known.caller.token)
        return known.caller

    async def _load(self, given: str, digest: str) -> _Known:
        assert self._database is not None  # noqa: S101 - asked before; narrows the type
        began, changes = time.monotonic(), self._changes
        held = await self._database.read(tokens.find_token, given)
        caller = None
        if held is not None:
            token = held.token
            within = frozenset(token.projects) or None
            caller = Caller(token.role, token.name, within, token.id, given)
        known = _Known(caller, held.until if held else None, began)
        if changes != self._changes:
            # A token was changed while the database was asked, perhaps this one: ask again next time.
            return known
        self._known[digest] = known
        self._known.move_to_end(digest)
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return known

    def _note_use(self, token: str) -> None:
        """Write down, now and then, that a token is in use; no request waits for that."""
        now = time.monotonic()
        if now - self._used.get(token, -USE_SECONDS) < USE_SECONDS:
            return
        self._used[token] = now
        task = asyncio.create_task(self._write_use(token))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write_use(self, token: str) -> None:
        assert self._database is not None  # noqa: S101 - it has tokens; narrows the type
        try:
            await self._database.write(tokens.note_used, token)
        except PacelineError as error:
            log.warning("The use of token %s was not written down: %s", token, error.message)
