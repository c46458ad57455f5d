"""Delivers events to webhooks: written down from the events table, sent by the notifier's loop.

What is to be sent, what arrived and what failed is in the database; a process that is killed leaves leases,
after which another one sends the same again, under the same id.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time

from sqlalchemy.orm import Session

from activities.context import ActivityContext
from paceline.domain.addresses import networks_of
from paceline.domain.notifications import LONGEST_PAUSE, Notification
from paceline.domain.webhooks import PING, message_of, pause_after, signed_headers
from paceline.errors import NotFound, NotifyError, NotifyGone, NotifyTimeout, PacelineError
from paceline.settings import Settings
from paceline.store import webhook_deliveries, webhook_pump, webhooks
from paceline.store.events import event_of
from paceline.store.notifications import note_failed
from paceline.store.sealing import Seal
from paceline.store.webhook_deliveries import Failure
from workers.posting import post

_FULL = 429
"""Status of a receiver that is asked too often."""

log = logging.getLogger(__name__)


class WebhookPump:
    """Writes down what webhooks are to get, where there is news."""

    def __init__(self, context: ActivityContext) -> None:
        self._database = context.database
        self._mark: tuple[int, ...] | None = None

    async def look(self) -> int:
        """Write down the next events of every webhook; returns how many messages there are more."""
        mark = await self._database.read(webhook_pump.news_mark)
        if mark == self._mark:
            return 0
        written, behind = 0, await self._database.read(webhook_pump.runs_behind)
        for each in behind:
            page = await self._database.read(webhook_pump.read_page, each)
            if page:
                written += await self._database.write(webhook_pump.write_down, each, page)
        # With nothing behind, the same mark says the same; a webhook without room is looked at again.
        self._mark = mark if not behind and await self._database.read(_all_have_room) else None
        return written


def _all_have_room(session: Session) -> bool:
    return all(webhook_pump.has_room(session, each.id) for each in webhooks.list_webhooks(session))


async def deliver(context: ActivityContext, claimed: Notification) -> None:
    """Try one message, and write down what came of it."""
    try:
        try:
            await _send(context, claimed)
        except NotifyError as error:
            await _missed(context, claimed, error)
        else:
            await context.database.write(webhook_deliveries.note_arrived, claimed)
    except NotFound as error:
        await context.database.write(note_failed, claimed, error.code, error.message, None)
    except (PacelineError, OSError) as error:
        log.warning("delivery %s is tried again when its lease is over: %s", claimed.id, error)


async def _send(context: ActivityContext, claimed: Notification) -> None:
    settings, seal = context.settings, Seal(context.settings.webhook_key)
    target = await context.database.read(webhooks.target_of, claimed.subscription or "")
    url, secrets = seal.open(target.url), [seal.open(each) for each in target.secrets]
    body = claimed.body or await _body(context, claimed)
    headers = signed_headers(secrets, claimed.id, int(time.time()), body)
    name = f"Webhook {target.webhook.name}"
    try:
        async with asyncio.timeout(settings.webhook_timeout):
            await post(name, url, body, headers, networks_of(settings.webhook_networks or ""))
    except TimeoutError:
        raise NotifyTimeout(f"{name} did not take it within {settings.webhook_timeout:g} s.") from None


async def _body(context: ActivityContext, claimed: Notification) -> str:
    """The message of its event, which is the same whenever it is made."""
    event = await context.database.read(event_of, claimed.project, claimed.event)
    if event is None:
        raise NotFound(f"Event {claimed.number} of {claimed.project} is not there any more.")
    return message_of(event)


async def _missed(context: ActivityContext, claimed: Notification, error: NotifyError) -> None:
    failure = _failure(context.settings, claimed, error)
    after = "it is given up" if failure.pause is None else f"tried again in {failure.pause:.1f} s"
    log.warning("delivery %s: %s %s %s", claimed.id, error.code, error.message, after)
    if await context.database.write(webhook_deliveries.note_missed, claimed, failure):
        log.warning("webhook %s is paused", claimed.subscription)


def _failure(settings: Settings, claimed: Notification, error: NotifyError) -> Failure:
    """What follows: a receiver that is not there holds up the rest, one that refuses does not."""
    status = int(error.details.get("status", 0))
    gone = isinstance(error, NotifyGone)
    asked = float(error.details.get("retry_after", 0))
    share = random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
    pause = max(pause_after(settings.webhook_pause, claimed.tries, share), min(asked, LONGEST_PAUSE))
    over = claimed.name == PING or (claimed.tries >= settings.webhook_tries and not gone)
    hold = not 300 <= status < 500 or status == _FULL
    return Failure(error.code, error.message, None if over else pause, hold, gone, settings.webhook_patience)
