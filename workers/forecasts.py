"""Renewing the forecasts of sprints as their stories end, between the daily reports.

However many stories ended between two looks, a sprint is counted once; where none did, one query says so for
all runs together. A worker that just started counts every sprint anew.
"""

from __future__ import annotations

import logging

from activities.context import ActivityContext
from activities.forecasts import renew_forecast
from paceline.errors import PacelineError
from paceline.store import reports, status
from paceline.store.statements import read_clock

log = logging.getLogger(__name__)


class ForecastWatch:
    """What one process has seen of the ends of stories of all runs."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context
        self._seen: dict[str, str] = {}

    async def look(self) -> list[str]:
        """Renew the forecast of every sprint of a run in which stories ended since the last look.

        Returns:
            The sprints that were counted, each as `<run>/<sprint>`.
        """
        marks = await self._context.database.read(status.ended_marks)
        news = [project for project, mark in marks.items() if self._seen.get(project) != mark]
        counted: list[str] = []
        for project in news:
            try:
                counted += await self._renew(project)
            except PacelineError as error:
                # Others need not wait for it; it is tried again when its next story ends.
                log.warning("the forecast of %s was not renewed: %s", project, error)
        self._seen = marks
        return counted

    async def _renew(self, project: str) -> list[str]:
        counted: list[str] = []
        for sprint in await self._context.database.read(reports.open_sprints, project):
            now = await self._context.database.read(read_clock)
            if await renew_forecast(self._context, project, sprint, now) is not None:
                counted.append(f"{project}/{sprint}")
        return counted
