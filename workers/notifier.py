"""Sends what was written down for people outside, until it arrived or was tried often enough.

Messages are written in the transaction of their event. Whoever claims one may try it until its lease is over;
after a crash somebody else does. So each arrives at least once, and its id tells a receiver what it has.
Webhooks of events have lanes of their own beside the messages about questions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from activities.context import ActivityContext
from paceline.domain.notifications import Notification
from paceline.errors import NotFound, NotifyError, PacelineError
from paceline.observe.metrics import expect_sweeps, sweeping
from paceline.store import notifications, webhook_deliveries
from workers.receivers import send
from workers.webhooks import WebhookPump, deliver

TOGETHER = 32
"""The most messages that are under way at once; one that hangs holds up none of the others."""
LOOK_EVERY = 1.0
"""Seconds between two looks for what is due, where nothing new was written by this process."""

log = logging.getLogger(__name__)


async def notify_forever(context: ActivityContext) -> None:
    """Send what is due until cancelled; what is under way then is sent again by the next process."""
    loop, written = asyncio.get_running_loop(), asyncio.Event()

    def heard(_project: str) -> None:
        loop.call_soon_threadsafe(written.set)

    expect_sweeps("notifications", "webhooks")
    forget = context.database.add_listener(heard)
    pump = WebhookPump(context)
    sending: dict[asyncio.Task[None], str | None] = {}
    try:
        while True:
            written.clear()
            try:
                with sweeping("notifications"):
                    due = await _claim(context, TOGETHER - _in_lane(sending, None))
                for claimed in due:
                    sending[asyncio.create_task(_try(context, claimed))] = None
                with sweeping("webhooks"):
                    await pump.look()
                    wanted = await _claim_for_webhooks(context, sending)
                for claimed in wanted:
                    sending[asyncio.create_task(deliver(context, claimed))] = claimed.subscription
            except (PacelineError, OSError) as error:
                log.warning("notifications cannot be read and will be looked for again: %s", error)
            woken = asyncio.create_task(written.wait())
            await asyncio.wait({woken, *sending}, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
            woken.cancel()
            sending = {task: lane for task, lane in sending.items() if not task.done()}
    finally:
        forget()
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


def _in_lane(sending: Mapping[asyncio.Task[None], str | None], lane: str | None) -> int:
    return sum(each == lane for each in sending.values())


async def _claim_for_webhooks(
    context: ActivityContext, sending: Mapping[asyncio.Task[None], str | None]
) -> list[Notification]:
    """Take what is due for each webhook, up to its own width: one that hangs takes nobody else's room."""
    found: list[Notification] = []
    for lane in await context.database.read(webhook_deliveries.lanes):
        room = lane.width - _in_lane(sending, lane.webhook)
        if room > 0:
            claim = notifications.claim_due
            found += await context.database.write(claim, room, lane.webhook, lane.only)
    return found


async def _claim(context: ActivityContext, room: int) -> list[Notification]:
    """Take what is due; a look that finds nothing writes nothing."""
    if room <= 0 or not await context.database.read(notifications.any_due):
        return []
    return await context.database.write(notifications.claim_due, room)


async def _try(context: ActivityContext, claimed: Notification) -> None:
    """Try one message, and write down what came of it."""
    try:
        run = (await context.run(claimed.project)).run
        options, settings = run.options.notify, context.settings
        if options is None or claimed.receiver not in options.receivers():
            raise NotFound(f"Run {run.id} has no receiver {claimed.receiver} any more.")
        folder = Path(run.repository) if run.repository else settings.home
        try:
            await send(claimed, options, folder, settings.home / "notifications")
        except NotifyError as error:
            over = claimed.tries >= options.tries
            pause = None if over else options.pause_after(claimed.tries)
            await _failed(context, claimed, error, pause)
        else:
            await context.database.write(notifications.note_sent, claimed)
    except NotFound as error:
        await _failed(context, claimed, error, None)
    except (PacelineError, OSError) as error:
        log.warning("notification %s is tried again when its lease is over: %s", claimed.id, error)


async def _failed(
    context: ActivityContext, claimed: Notification, error: PacelineError, pause: float | None
) -> None:
    after = "it is given up" if pause is None else f"tried again in {pause:g} s"
    log.warning("notification %s: %s %s; %s", claimed.id, error.code, error.message, after)
    await context.database.write(notifications.note_failed, claimed, error.code, error.message, pause)
