"""The clock of one sprint: a durable timer a day, and the reports that are due when it fires."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.policies import ALWAYS, HEARTBEAT, SHORT

with workflow.unsafe.imports_passed_through():
    from activities.reports import ReportActivities
    from paceline.domain.clock_steps import ClockInput, ClockStep, ClockTick


@workflow.defn(name="clock")
class ClockWorkflow:
    """Has the days of a sprint reported until the sprint tells it that it has ended.

    However many days passed while nobody was there, it wakes up once and has them reported together.
    """

    @workflow.init
    def __init__(self, start: ClockInput) -> None:
        self._in = start
        self._over = False

    @workflow.run
    async def run(self, start: ClockInput) -> None:
        """Tick until the sprint is over; its last reports are made by the sprint itself."""
        try:
            while not self._over:
                tick = await self._report()
                if tick.over or await self._told_before(tick):
                    return
                if workflow.info().get_current_history_length() > self._in.history_limit:
                    workflow.continue_as_new(self._in)
        except (asyncio.CancelledError, ActivityError) as error:
            if is_cancelled_exception(error):
                # Who cancels a clock closed its sprint from outside, and nobody else makes the last reports.
                await self._report(over=True)
            raise

    async def _report(self, *, over: bool = False) -> ClockTick:
        return await workflow.execute_activity_method(
            ReportActivities.report_sprint,
            ClockStep(
                project=self._in.project,
                revision=self._in.revision,
                sprint=self._in.sprint,
                started_at=self._in.started_at,
                now=workflow.now(),
                over=over,
            ),
            start_to_close_timeout=SHORT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=ALWAYS,
            summary="make the reports that are due",
        )

    async def _told_before(self, tick: ClockTick) -> bool:
        """Wait for the next day; returns whether the sprint ended before it."""
        self._show(tick)
        wait = max(tick.next_day - workflow.now(), timedelta())
        try:
            await workflow.wait_condition(
                lambda: self._over, timeout=wait, timeout_summary=f"day {tick.day + 1}"
            )
        except TimeoutError:
            return False
        return True

    def _show(self, tick: ClockTick) -> None:
        of = f" of {tick.planned_days}" if tick.planned_days else ""
        phases = f"\n\n{', '.join(tick.phases)}" if tick.phases else ""
        workflow.set_current_details(f"Day {tick.day}{of}{phases}"[:15_000])

    @workflow.signal(name="sprint-ended")
    def sprint_ended(self) -> None:
        """The sprint's word that it is over."""
        self._over = True
