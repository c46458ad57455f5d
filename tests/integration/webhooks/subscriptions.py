"""Webhooks made as the API makes them."""

from __future__ import annotations

from typing import Any

from paceline.domain.webhooks import WebhookSubscription, secret_of, shown_address
from paceline.settings import Settings
from paceline.store import notifications, webhooks
from paceline.store.database import Database
from paceline.store.sealing import Seal
from paceline.store.webhooks import Sealed

SECRET = secret_of(b"a secret of thirty-two bytes....")


def subscribe(
    database: Database, settings: Settings, url: str, name: str = "chat", **fields: Any
) -> WebhookSubscription:
    """Make one."""
    seal = Seal(settings.webhook_key)
    address = Sealed(seal.seal(url), shown_address(url))
    return database.write_now(webhooks.create_webhook, name, address, seal.seal(SECRET), "kim", **fields)


def found(database: Database, webhook: WebhookSubscription) -> WebhookSubscription:
    """How it is now."""
    return database.read_now(webhooks.get_webhook, webhook.id)


def in_state(
    database: Database, webhook: WebhookSubscription, state: str
) -> list[notifications.Notification]:
    """Its messages in a state, newest first."""
    return database.read_now(notifications.list_notifications, None, state, limit=1000, webhook=webhook.id)
