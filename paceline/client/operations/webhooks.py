"""The operations of the tag `webhooks`; written by `scripts/write_client.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

from paceline.client.connection import Connection, Json, Page
from paceline.domain.notifications import Notification
from paceline.domain.webhooks import Reconciliation, WebhookSubscription


class WebhooksOperations(Connection):
    """Calls about webhooks."""

    async def list_webhooks(self) -> Page[WebhookSubscription]:
        """Every webhook by name, without secrets and without paths of addresses."""
        return await self._ask("GET", "/api/v1/webhooks", list[WebhookSubscription])

    async def create_webhook(
        self,
        *,
        name: str,
        url: str,
        projects: Sequence[str] | None = None,
        events: Sequence[str] | None = None,
        secret: str | None = None,
        after: int | None = None,
        actor: str | None = None,
    ) -> Json:
        """Make one; its secret is in this answer and nowhere else."""
        return await self._ask(
            "POST",
            "/api/v1/webhooks",
            Json,
            body={
                "name": name,
                "url": url,
                "projects": projects,
                "events": events,
                "secret": secret,
                "after": after,
                "actor": actor,
            },
        )

    async def get_webhook(self, webhook: str) -> WebhookSubscription:
        """One, by its id or name."""
        return await self._ask("GET", f"/api/v1/webhooks/{_quoted(webhook)}", WebhookSubscription)

    async def change_webhook(
        self,
        webhook: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        active: bool | None = None,
        reason: str | None = None,
    ) -> WebhookSubscription:
        """Change its address or filter, pause it, or let it go on."""
        return await self._ask(
            "PATCH",
            f"/api/v1/webhooks/{_quoted(webhook)}",
            WebhookSubscription,
            body={"url": url, "events": events, "active": active, "reason": reason},
        )

    async def remove_webhook(self, webhook: str) -> WebhookSubscription:
        """Forget it, with what it has not got yet."""
        return await self._ask("DELETE", f"/api/v1/webhooks/{_quoted(webhook)}", WebhookSubscription)

    async def rotate_webhook_secret(self, webhook: str, *, grace: float | None = None) -> Json:
        """Give it a new secret, which is in this answer and nowhere else."""
        return await self._ask(
            "POST", f"/api/v1/webhooks/{_quoted(webhook)}/rotate", Json, body={"grace": grace}
        )

    async def ping_webhook(self, webhook: str) -> Notification:
        """Have a worker send it a ping, once; its deliveries say what came of that."""
        return await self._ask("POST", f"/api/v1/webhooks/{_quoted(webhook)}/test", Notification)

    async def list_deliveries(
        self,
        webhook: str,
        *,
        project: str | None = None,
        state: Literal["waiting", "sent", "dead"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Notification]:
        """Its messages, newest first, with how often each was tried and why it did not arrive."""
        return await self._ask(
            "GET",
            f"/api/v1/webhooks/{_quoted(webhook)}/deliveries",
            list[Notification],
            query={"project": project, "state": state, "limit": limit, "cursor": cursor},
        )

    async def redeliver_events(
        self,
        webhook: str,
        *,
        delivery: str | None = None,
        dead: bool | None = None,
        since: int | None = None,
        project: str | None = None,
    ) -> Json:
        """Send one message again, all that were given up, or a run's events from a number on."""
        return await self._ask(
            "POST",
            f"/api/v1/webhooks/{_quoted(webhook)}/redeliver",
            Json,
            body={"delivery": delivery, "dead": dead, "since": since, "project": project},
        )

    async def reconcile_webhook(
        self, webhook: str, *, project: str | None = None, deliver: bool | None = None
    ) -> Reconciliation:
        """Compare what it got with the events by their numbers, say the gaps, and deliver them."""
        return await self._ask(
            "POST",
            f"/api/v1/webhooks/{_quoted(webhook)}/reconcile",
            Reconciliation,
            body={"project": project, "deliver": deliver},
        )


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
