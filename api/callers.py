"""Who calls: a token of the database, the API's own, an agent's, a browser's, or somebody of this machine.

What the database says of a token is believed for `BELIEVED_SECONDS`, in every process that serves the API, so
a revoked token is refused everywhere after that time at the latest. `api.sessions` knows browser sessions.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from api.allow_list import AllowList
from api.believed import Believed, Known, Uses
from paceline.domain.access import Role
from paceline.domain.sessions import BrowserSession
from paceline.settings import Settings
from paceline.store import browser_sessions, runs, tokens
from paceline.store.database import Database

USE_SECONDS = 60.0
"""The time of a token's last use is written down at most so often."""
NAME_LIMIT = 200


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
    session: BrowserSession | None = None
    """The browser session that the request belongs to."""
    refusal: str = ""
    """Why whoever was recognised may not come in all the same."""

    @property
    def token_known(self) -> bool:
        """Whether it was recognised by what it brought."""
        return self.given is not None and not self.local and self.role is not Role.AGENT

    @property
    def proof(self) -> str:
        """What it is written down by: a session's id, or a token's; empty: neither is of the database."""
        return f"{browser_sessions.PREFIX}{self.session.id}" if self.session else self.token

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


class Callers:
    """Recognises callers.

    Args:
        settings: say whether a token is needed, name the API's own, and who may come in.
        database: where tokens are; None: only the API's own is known.
        needed: the API's own token; None where nobody needs one.

    Raises:
        ConfigurationError: the settings about users are wrong.
    """

    def __init__(self, settings: Settings, database: Database | None, needed: str | None) -> None:
        self.users = AllowList(settings)
        self.needed = needed
        self._database = database
        self._believed: Believed[Caller] = Believed(self._load)
        self._uses = Uses(database, tokens.note_used, USE_SECONDS)
        self._bases: dict[str, str] = {}

    async def find(self, given: str | None) -> Caller | None:
        """Who brought this token; None where it is not good, or none was brought and one is needed."""
        if given is None:
            return Caller(Role.ADMIN, local=True) if self.needed is None else None
        if self.needed is not None and hmac.compare_digest(given.encode(), self.needed.encode()):
            return Caller(Role.ADMIN, given=given)
        found = await self._look_up(given)
        if found is None and self.needed is None and not given.startswith(tokens.PREFIX):
            # Where none is needed, a client may bring what it brings elsewhere.
            return Caller(Role.ADMIN, local=True, given=given)
        return found

    async def still(self, caller: Caller) -> bool:
        """Whether a caller's token is still good; for those who stay connected."""
        if not caller.token:
            return True
        found = await self._look_up(caller.given or "")
        return found is not None and not found.refusal

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
        self._believed.forget()

    async def close(self) -> None:
        """Await what is being written down."""
        await self._uses.close()

    async def _look_up(self, given: str) -> Caller | None:
        if self._database is None or not given.startswith(tokens.PREFIX):
            return None
        caller = await self._believed.get(given)
        if caller is not None:
            self._uses.note(caller.token)
        return caller

    async def _load(self, given: str) -> Known[Caller]:
        assert self._database is not None  # noqa: S101 - asked before; narrows the type
        held = await self._database.read(tokens.find_token, given)
        if held is None:
            return Known(None)
        token = held.token
        within = frozenset(token.projects) or None
        refusal = self.users.refusal([token.name])
        caller = Caller(token.role, token.name, within, token.id, given, refusal=refusal)
        return Known(caller, held.until)
