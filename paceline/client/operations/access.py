"""The operations of the tag `access`; written by `scripts/write_client.py`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from paceline.client.connection import Connection, Json, Page
from paceline.domain.access import ApiToken, Role
from paceline.domain.audit import AuditCheck, AuditEntry
from paceline.domain.sessions import BrowserSession, WhoAmI


class AccessOperations(Connection):
    """Calls about access."""

    async def list_tokens(self, *, limit: int | None = None, cursor: str | None = None) -> Page[ApiToken]:
        """Every token, oldest first, without its secret."""
        return await self._ask(
            "GET", "/api/v1/tokens", list[ApiToken], query={"limit": limit, "cursor": cursor}
        )

    async def create_token(
        self,
        *,
        name: str,
        role: Role,
        projects: Sequence[str] | None = None,
        expires_in: float | None = None,
        actor: str | None = None,
    ) -> Json:
        """Make a token; its secret is in this answer and nowhere else."""
        return await self._ask(
            "POST",
            "/api/v1/tokens",
            Json,
            body={"name": name, "role": role, "projects": projects, "expires_in": expires_in, "actor": actor},
        )

    async def rotate_token(self, token: str, *, grace: float | None = None) -> Json:
        """Give it a new secret, which is in this answer and nowhere else."""
        return await self._ask("POST", f"/api/v1/tokens/{_quoted(token)}/rotate", Json, body={"grace": grace})

    async def revoke_token(self, token: str) -> ApiToken:
        """End it, by its id, prefix or name."""
        return await self._ask("DELETE", f"/api/v1/tokens/{_quoted(token)}", ApiToken)

    async def get_session(self) -> WhoAmI:
        """Who asks, with which role, for which projects, and the session's token against foreign pages."""
        return await self._ask("GET", "/api/v1/session", WhoAmI)

    async def list_sessions(self, *, name: str | None = None) -> Page[BrowserSession]:
        """The browser sessions that are not over, oldest first."""
        return await self._ask("GET", "/api/v1/sessions", list[BrowserSession], query={"name": name})

    async def end_sessions(self, *, name: str) -> Page[BrowserSession]:
        """End all sessions of a name, and say which they were."""
        return await self._ask("DELETE", "/api/v1/sessions", list[BrowserSession], query={"name": name})

    async def end_session(self, session: str) -> BrowserSession:
        """End one session."""
        return await self._ask("DELETE", f"/api/v1/sessions/{_quoted(session)}", BrowserSession)

    async def list_audit(
        self,
        *,
        after: int | None = None,
        project: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[AuditEntry]:
        """Every request to change something after a number, oldest first."""
        return await self._ask(
            "GET",
            "/api/v1/audit",
            list[AuditEntry],
            query={"after": after, "project": project, "limit": limit, "cursor": cursor},
        )

    async def check_audit(self) -> AuditCheck:
        """Look at the whole chain, and say where it does not hold."""
        return await self._ask("GET", "/api/v1/audit/check", AuditCheck)


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
