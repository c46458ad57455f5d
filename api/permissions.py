"""What a caller is refused, and under which name it acts."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.callers import Caller, Callers
from api.endpoints import Endpoint
from api.sessions import Sessions
from paceline.domain.access import Role, is_at_least
from paceline.errors import Forbidden, NotFound


class Acting:
    """Who acts in one request.

    Args:
        caller: who was recognised.
        callers: know which project a run is of.
        sessions: those of browsers.
        state: the request's, which the audit log reads.
    """

    def __init__(self, caller: Caller, callers: Callers, sessions: Sessions, state: dict[str, Any]) -> None:
        self.caller = caller
        self._callers = callers
        self._sessions = sessions
        self._state = state

    @property
    def within(self) -> frozenset[str] | None:
        """The projects that are to be shown; None: all."""
        return self.caller.projects

    def named(self, said: str) -> str:
        """The actor to be written down, where the request names this one."""
        self._state["actor"] = found = self.caller.acts_as(said)
        return found

    def about(self, project: str) -> None:
        """Say which project a request turned out to be about, where its path does not."""
        self._state["project"] = project

    def need(self, least: Role, what: str) -> None:
        """Refuse what needs more than the endpoint.

        Raises:
            Forbidden: the caller's role is not enough.
        """
        if not is_at_least(self.caller.role, least):
            raise forbidden(self.caller, least, what)

    async def sees(self, project: str) -> bool:
        """Whether a run may be shown."""
        return await self._callers.sees(self.caller, project)

    @property
    def keyed_id(self) -> str | None:
        """An id made from the request's `Idempotency-Key`, the same for each repeat; None without a key."""
        return self._state.get("fresh_id")

    def fresh_id(self) -> str:
        """An id for what is done, where the request names none: a repeat under its key has the same."""
        return self.keyed_id or uuid.uuid4().hex

    async def still(self) -> bool:
        """Whether the caller's token or session is still good; for answers that last."""
        return await self._sessions.still(self.caller)

    def forget(self) -> None:
        """A token was changed: ask the database again about it, and about the sessions made from it."""
        self._callers.forget()
        self._sessions.forget()


async def _acting(connection: HTTPConnection) -> Acting:
    state = connection.scope["state"]
    made = connection.app.state
    return Acting(state["caller"], made.callers, made.sessions, state)


ActingDep = Annotated[Acting, Depends(_acting)]


def check_access(caller: Caller, endpoint: Endpoint) -> None:
    """Hold a caller to the table.

    Raises:
        Forbidden: it does not allow this.
    """
    access, what = endpoint.access, f"{endpoint.method} {endpoint.template}"
    if access is None:
        return
    if not access.allows(caller.role):
        raise forbidden(caller, access.least, what)
    if caller.projects is not None and not access.limited:
        raise Forbidden(
            f"{what} needs a token that is not limited to projects.",
            role=caller.role.value,
            needed=access.least.value,
        )


def forbidden(caller: Caller, least: Role, what: str) -> Forbidden:
    """The refusal that says which role is needed."""
    return Forbidden(
        f"{what} needs the role {least.value}; this token's is {caller.role.value}.",
        role=caller.role.value,
        needed=least.value,
    )


def unseen(project: str) -> NotFound:
    """What is said of a project that a caller does not see: the same as of one that there is not."""
    return NotFound(f"There is no run {project}; `paceline status` lists the runs.", project=project)
