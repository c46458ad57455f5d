"""Writes down every request to change something, and what came of it, before the caller hears of it."""

from __future__ import annotations

import hashlib

from starlette.types import Message, Receive, Scope

from api.callers import NOBODY, Caller
from api.endpoints import Endpoint
from api.limits import Buckets
from paceline.domain.access import Role
from paceline.domain.audit import AuditDraft
from paceline.errors import RateLimited
from paceline.store import audit
from paceline.store.database import Database

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing, and are not written down."""
ABANDONED = 499
"""Stands for the status of a request whose caller went before the answer."""
FAILED = 500
_TEXT_LIMIT = 500


class Record:
    """What is written down of one request.

    Args:
        database: where; None: nowhere.
        scope: the request.
        endpoint: what it asks for.
        strangers: how many refusals of people who were not recognised are written down; None: all.
    """

    def __init__(
        self, database: Database | None, scope: Scope, endpoint: Endpoint, strangers: Buckets | None = None
    ) -> None:
        self._database = database
        self._scope = scope
        self._endpoint = endpoint
        self._strangers = strangers
        self._body = hashlib.sha256()
        self._open = endpoint.access is not None and endpoint.access.open
        self._done = database is None or not (endpoint.method not in READING or self._begins)

    @property
    def _begins(self) -> bool:
        """Whether a session may come of it, though it only reads."""
        return self._open and self._endpoint.template.endswith("/callback")

    def needed(self) -> None:
        """Write it down though it only reads."""
        self._done = self._database is None

    def reading(self, receive: Receive) -> Receive:
        """The request's body, which is taken into account as it is read."""
        if self._done or self._open:
            # What somebody signs in with is not written down, not even as a hash.
            return receive

        async def counted() -> Message:
            message = await receive()
            self._body.update(message.get("body", b""))
            return message

        return counted

    async def write(self, status: int) -> None:
        """Write the request's outcome down, once.

        Raises:
            ServerUnavailable: the database cannot be reached.
        """
        if self._done or self._database is None:
            return
        self._done = True
        if self._is_stranger(status) and self._are_too_many():
            return
        await self._database.write(audit.append_audit, self._draft(status))

    def _is_stranger(self, status: int) -> bool:
        """Whether somebody was refused who could be anybody."""
        state = self._scope["state"]
        caller: Caller = state.get("caller", NOBODY)
        if caller is NOBODY:
            return status >= 400 and "signing_in" not in state
        # An agent's token is looked at by the route only.
        return status == 401 and caller.role is Role.AGENT

    def _are_too_many(self) -> bool:
        try:
            if self._strangers is not None:
                self._strangers.take("strangers")
        except RateLimited:
            return True
        return False

    def _draft(self, status: int) -> AuditDraft:
        state = self._scope["state"]
        caller: Caller = state.get("caller", NOBODY)
        nobody = caller is NOBODY
        who = state.get("actor") or caller.name or ("agent" if caller.role is Role.AGENT else "unknown")
        code = state.get("code", "")
        return AuditDraft(
            actor=(state.get("signing_in", "unknown") if nobody else who)[:_TEXT_LIMIT],
            role="" if nobody else caller.role.value,
            token=caller.proof,
            method=self._endpoint.method[:20],
            path=self._endpoint.template,
            project=(self._endpoint.project or state.get("project", ""))[:_TEXT_LIMIT],
            request=state["request_id"],
            status=status,
            code=(code or f"HTTP_{status}") if status >= 400 else "",
            body=self._body.hexdigest(),
        )
