"""What is done with artifacts beside the runs: bundles that were not made, what is too old or left over."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from sqlalchemy.orm import Session
from temporalio.service import RPCError

from activities.bundle import build_bundle
from activities.context import ActivityContext
from activities.retention import last_removal, remove_by_rules, remove_left_over
from activities.run_record import BUNDLE
from paceline.errors import PacelineError
from paceline.store import artifacts
from paceline.store.statements import read_clock

CLEAN_EVERY = 3600.0
"""Seconds between two clean-ups; the first is when the process starts."""
BUNDLE_AFTER = timedelta(seconds=60)
"""A run that ended longer ago and has no bundle ended without making one, such as one that was terminated."""
BUNDLE_WITHIN = timedelta(days=7)

log = logging.getLogger(__name__)


class ArtifactWatch:
    """What one process looks after.

    Args:
        context: the services of this process.
        bundle_after: how long after its end a run without a bundle gets one.
    """

    def __init__(self, context: ActivityContext, bundle_after: timedelta = BUNDLE_AFTER) -> None:
        self._context = context
        self._bundle_after = bundle_after
        self._tried: set[str] = set()
        self._cleaned: float | None = None

    async def look(self) -> None:
        """Make the bundles that are missing, each tried once a process; clean up where it is time to."""
        for project in await self._context.database.read(_without_bundle, self._bundle_after):
            if project not in self._tried:
                self._tried.add(project)
                await self._bundle(project)
        now = asyncio.get_running_loop().time()
        if self._cleaned is None or now - self._cleaned >= CLEAN_EVERY:
            self._cleaned = now
            await self.clean_up()

    async def clean_up(self) -> list[str]:
        """Remove what the settings say is too old or too much, and what killed processes left.

        Returns:
            The runs whose artifacts were removed.
        """
        database, settings = self._context.database, self._context.settings
        gone = await remove_by_rules(database, settings)
        left = await remove_left_over(database, settings)
        if left:
            log.info("%d files and folders that killed processes left were removed", left)
        return gone

    async def _bundle(self, project: str) -> None:
        try:
            made = await build_bundle(self._context.database, self._context.settings, project)
        except PacelineError as error:
            log.warning("no bundle of %s was made: %s", project, error)
        else:
            log.info("run %s had ended without a bundle and has %s now", project, made.id)


async def watch_artifacts(context: ActivityContext) -> None:
    """Look at the settings' interval until cancelled; a look that fails is logged and the next one tries."""
    watch = ArtifactWatch(context)
    while True:
        await asyncio.sleep(context.settings.sweep_interval)
        try:
            await watch.look()
        except (PacelineError, RPCError, OSError) as error:
            log.warning("artifacts are looked at again later: %s", error)


def _without_bundle(session: Session, after: timedelta) -> list[str]:
    now = read_clock(session)
    found = artifacts.ended_without(session, BUNDLE, now - BUNDLE_WITHIN, now - after)
    return [project for project in found if last_removal(session, project) is None]
