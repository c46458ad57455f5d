"""The operations of the tag `rollbacks`; written by `scripts/write_client.py`."""

from __future__ import annotations

from urllib.parse import quote

from paceline.client.connection import Connection, Json, Page
from paceline.domain.rollback import Boundary, Rollback


class RollbacksOperations(Connection):
    """Calls about rollbacks."""

    async def start_rollback(
        self,
        project: str,
        *,
        story: str | None = None,
        to: str | None = None,
        undo: int | None = None,
        asked_by: str | None = None,
        confirmed_by: str | None = None,
    ) -> Json:
        """Take a story back, return to a boundary, or undo a rollback; a person is asked before it moves."""
        return await self._ask(
            "POST",
            f"/api/v1/projects/{_quoted(project)}/rollbacks",
            Json,
            body={"story": story, "to": to, "undo": undo, "asked_by": asked_by, "confirmed_by": confirmed_by},
        )

    async def list_rollbacks(
        self, project: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Page[Rollback]:
        """The rollbacks of a run, oldest first."""
        return await self._ask(
            "GET",
            f"/api/v1/projects/{_quoted(project)}/rollbacks",
            list[Rollback],
            query={"limit": limit, "cursor": cursor},
        )

    async def list_boundaries(self, project: str) -> Page[Boundary]:
        """The states that the sprint's branch can be returned to, oldest first."""
        return await self._ask("GET", f"/api/v1/projects/{_quoted(project)}/boundaries", list[Boundary])


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
