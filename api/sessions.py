"""Recognises browser sessions, and begins and ends them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from api.believed import Believed, Known, Uses
from api.callers import USE_SECONDS, Caller, Callers
from paceline.domain.access import Role
from paceline.domain.sessions import BrowserSession, SignedInBy
from paceline.domain.users import Grant
from paceline.errors import NotListed, Refused, Unauthorized
from paceline.settings import Settings
from paceline.store import browser_sessions
from paceline.store.browser_sessions import HeldSession, Person, digest_of
from paceline.store.database import Database
from paceline.store.tokens import is_name


class Sessions:
    """The browser sessions of an API.

    Args:
        settings: say how long sessions live, and which provider vouches for people.
        database: where they are.
        callers: recognise tokens.
    """

    def __init__(self, settings: Settings, database: Database | None, callers: Callers) -> None:
        self._settings = settings
        self._database = database
        self._callers = callers
        self._believed: Believed[Caller] = Believed(self._load)
        self.idle = timedelta(seconds=settings.session_idle)
        self.lifetime = timedelta(seconds=settings.session_lifetime)
        often = min(USE_SECONDS, settings.session_idle / 4)
        self._uses = Uses(database, browser_sessions.note_session_used, often)

    async def find(self, secret: str) -> Caller | None:
        """Whose session it is; None where it is over."""
        if self._database is None or not secret.startswith(browser_sessions.PREFIX):
            return None
        caller = await self._believed.get(secret)
        if caller is not None and caller.session is not None:
            self._uses.note(caller.session.id)
        return caller

    async def still(self, caller: Caller) -> bool:
        """Whether a caller is still let in, by a session or a token; for those who stay connected."""
        if caller.session is None:
            return await self._callers.still(caller)
        found = await self.find(caller.given or "")
        return found is not None and not found.refusal

    async def person_of(self, token: str, said: str | None) -> Person:
        """Who signs in with a token.

        Args:
            token: what they show.
            said: whom they say they are; needed with the server's own token, which has no name.

        Raises:
            Unauthorized: the token is not good.
            Refused: nobody can be called so.
            NotListed: whose it is is not on the list of users.
        """
        caller = await self._callers.find(token)
        if caller is None or caller.local:
            raise Unauthorized("The token is not good; sign in with another.")
        if caller.refusal:
            raise NotListed(caller.refusal, name=caller.name)
        if caller.name is not None:
            return Person(caller.name, SignedInBy.TOKEN, token)
        if not is_name(said or ""):
            raise Refused(
                "The server's own token has no name; say as `name` who signs in, in up to 60 letters, "
                "digits, blanks and . @ + - _ that begin with a letter."
            )
        return Person(said or "", SignedInBy.SERVER_TOKEN, token)

    async def begin(self, person: Person, replaced: str | None) -> Caller:
        """Make a session, under an id that nobody knew before.

        Args:
            person: who signs in.
            replaced: the browser's session up to now, which ends.

        Raises:
            Unauthorized: what they showed has ended meanwhile.
        """
        begun = await self._in.write(browser_sessions.begin_session, person, self.lifetime, replaced)
        self._believed.forget()
        caller = await self.find(begun.secret)
        if caller is None:
            raise Unauthorized("What you signed in with has ended meanwhile; sign in with something else.")
        return caller

    async def end(self, id: str, by: str) -> BrowserSession:
        """End one.

        Raises:
            NotFound: there is none.
        """
        found = await self._in.write(browser_sessions.end_session, id, by)
        self._believed.forget()
        return found

    async def end_all_of(self, name: str, by: str) -> list[BrowserSession]:
        """End all of one name."""
        found = await self._in.write(browser_sessions.end_sessions_of, name, by)
        self._believed.forget()
        return found

    async def listed(self, name: str | None = None) -> list[BrowserSession]:
        """Those that are not over."""
        return await self._in.read(browser_sessions.list_sessions, self.idle, name)

    def forget(self) -> None:
        """Ask the database again about every session, as a token was changed by this process."""
        self._believed.forget()

    async def close(self) -> None:
        """Await what is being written down."""
        await self._uses.close()

    @property
    def _in(self) -> Database:
        assert self._database is not None  # noqa: S101 - only applications with one have the routes
        return self._database

    async def _load(self, secret: str) -> Known[Caller]:
        held = await self._in.read(browser_sessions.find_session, secret, self.idle)
        caller = self._caller(held, secret) if held is not None else None
        return Known(caller, held.until if held is not None else None)

    def _caller(self, held: HeldSession, secret: str) -> Caller | None:
        session = held.session
        if session.signed_in is SignedInBy.OIDC:
            return self._vouched_for(session, secret)
        if held.token is None:
            own = self._callers.needed
            good = own is not None and digest_of(own) == held.token_digest
            return Caller(Role.ADMIN, session.name, given=secret, session=session) if good else None
        token = held.token
        return Caller(
            token.role,
            token.name,
            frozenset(token.projects) or None,
            token.id,
            secret,
            session=session,
            refusal=self._callers.users.refusal([token.name]),
        )

    def refusal(self, person: Person) -> str:
        """Why somebody whom the provider vouches for may not come in; empty: they may."""
        return self._granted(person.name, person.email, person.groups)[0]

    def _granted(self, name: str, email: str, groups: Sequence[str]) -> tuple[str, Grant | None]:
        """What the list and their groups say now."""
        users, known_as = self._callers.users, [name, email]
        refusal, grant = users.refusal(known_as), users.grant(known_as, groups)
        if grant is None:
            refusal = refusal or f"{name} has no role by the list of users or a group; ask an admin."
        return refusal, grant

    def _vouched_for(self, session: BrowserSession, secret: str) -> Caller | None:
        """Of who signed in at the provider."""
        if session.issuer != (self._settings.oidc_issuer or ""):
            return None
        refusal, grant = self._granted(session.name, session.email, session.groups)
        role, projects = grant or Grant(Role.VIEWER, None)
        return Caller(role, session.name, projects, given=secret, session=session, refusal=refusal)
