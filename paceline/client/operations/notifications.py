"""The operations of the tag `notifications`; written by `scripts/write_client.py`."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from paceline.client.connection import Connection, Page
from paceline.domain.notifications import Notification


class NotificationsOperations(Connection):
    """Calls about notifications."""

    async def list_notifications(
        self,
        *,
        project: str | None = None,
        state: Literal["waiting", "sent", "dead"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Notification]:
        """Messages, newest first, with how often each was tried and why it did not arrive."""
        return await self._ask(
            "GET",
            "/api/v1/notifications",
            list[Notification],
            query={"project": project, "state": state, "limit": limit, "cursor": cursor},
        )

    async def redeliver_notification(self, notification: str) -> Notification:
        """Send one again that was sent or given up; its receiver knows it by its id."""
        return await self._ask(
            "POST", f"/api/v1/notifications/{_quoted(notification)}/redeliver", Notification
        )


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
