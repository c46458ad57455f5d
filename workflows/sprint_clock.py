"""A sprint's hold on its clock: starting it, and its last reports."""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

from workflows.clock import ClockWorkflow
from workflows.policies import A_FEW_TIMES, HEARTBEAT, SHORT, WORKFLOW_TASK

with workflow.unsafe.imports_passed_through():
    from activities.reports import ReportActivities
    from paceline import search_attributes
    from paceline.contracts import SprintInput
    from paceline.domain import ids
    from paceline.domain.clock_steps import ClockInput, ClockStep


class SprintClock:
    """The clock beside a sprint. Nothing of the sprint waits for it but its end, for one activity."""

    def __init__(self, sprint: SprintInput) -> None:
        self._sprint = sprint
        self._id = ids.clock_workflow_id(sprint.project, sprint.sprint)
        self._starting: asyncio.Task[None] | None = None
        self._started_at = workflow.info().start_time

    @property
    def settled(self) -> bool:
        """Whether no start of it is under way, which continue-as-new would lose."""
        return self._starting is None or self._starting.done()

    def start(self) -> None:
        """Start it beside the stories."""
        self._starting = asyncio.create_task(self._start())

    async def _start(self) -> None:
        sprint = self._sprint
        try:
            await workflow.start_child_workflow(
                ClockWorkflow.run,
                ClockInput(
                    project=sprint.project,
                    revision=sprint.revision,
                    sprint=sprint.sprint,
                    started_at=self._started_at,
                    history_limit=sprint.history_limit,
                ),
                id=self._id,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                # A sprint that continues as new keeps its clock.
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                task_timeout=WORKFLOW_TASK,
                search_attributes=search_attributes.of_part(sprint.project, sprint.sprint),
                static_summary=f"days of {sprint.sprint}"[:200],
            )
        except (ChildWorkflowError, WorkflowAlreadyStartedError) as error:
            workflow.logger.warning("the clock of %s was not started: %s", self._id, error)

    async def stop(self) -> None:
        """Stop it, and have the last reports made; a sprint ends also where they cannot be."""
        if self._starting is not None:
            await self._starting
        try:
            await workflow.get_external_workflow_handle(self._id).signal("sprint-ended")
        except ApplicationError:
            workflow.logger.info("clock %s is closed already", self._id)
        try:
            await workflow.execute_activity_method(
                ReportActivities.report_sprint,
                ClockStep(
                    project=self._sprint.project,
                    revision=self._sprint.revision,
                    sprint=self._sprint.sprint,
                    started_at=self._started_at,
                    now=workflow.now(),
                    over=True,
                ),
                start_to_close_timeout=SHORT,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=A_FEW_TIMES,
                summary="make the last reports",
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("the last reports of %s were not made: %s", self._sprint.sprint, error)
