"""A sprint's hold on its measuring: what can be measured at its end is, and people are asked for the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import (
    ActivityError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

from workflows.measures import MeasuresWorkflow
from workflows.policies import A_FEW_TIMES, HEARTBEAT, LANDING, WORKFLOW_TASK

with workflow.unsafe.imports_passed_through():
    from activities.measuring import MeasuringActivities
    from paceline import search_attributes
    from paceline.contracts import WORK_TASK_QUEUE, SprintInput
    from paceline.domain import ids
    from paceline.domain.metric_steps import MeasureReport, MeasuresInput, MeasureStep


class SprintMeasures:
    """Measures, and asks; a sprint ends also where that fails.

    Args:
        sprint: that ends.
        forced: whether a person ends it all the same, while it waits for an answer.
        amended: whether the plan was amended, so that it has to look first whether it really ends.
    """

    def __init__(self, sprint: SprintInput, forced: Callable[[], bool], amended: Callable[[], bool]) -> None:
        self._sprint = sprint
        self._forced = forced
        self._amended = amended
        self._asking: workflow.ChildWorkflowHandle[Any, None] | None = None
        self._ends = 0
        self.under_way = False
        """Its stories have ended, and it is found out what they came to."""

    @property
    def is_open(self) -> bool:
        """Whether people are asked; continue-as-new would lose the answer's coming."""
        return self._asking is not None and not self._asking.done()

    async def run(self) -> None:
        """Find out what the sprint came to; returns early where the plan was amended meanwhile."""
        self.under_way = True
        report = await self._measure()
        if report.ask:
            await self._ask(report)
        self.under_way = False

    async def _measure(self) -> MeasureReport:
        sprint = self._sprint
        step = MeasureStep(
            project=sprint.project, revision=sprint.revision, sprint=sprint.sprint, ends=self._ends
        )
        self._ends += 1
        try:
            return await workflow.execute_activity_method(
                MeasuringActivities.measure_sprint,
                step,
                task_queue=WORK_TASK_QUEUE,
                start_to_close_timeout=LANDING,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=A_FEW_TIMES,
                summary=f"measure what {sprint.sprint} came to"[:200],
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("what %s came to was not measured: %s", sprint.sprint, error)
            return MeasureReport()

    async def _ask(self, report: MeasureReport) -> None:
        try:
            if not self.is_open:
                self._asking = await self._start(report)
            if report.wait and self._asking is not None:
                await self._wait(self._asking)
        except (ChildWorkflowError, WorkflowAlreadyStartedError) as error:
            if is_cancelled_exception(error) and workflow.cancellation_reason() is not None:
                raise
            workflow.logger.warning("nobody is asked what %s came to: %s", self._sprint.sprint, error)

    async def _wait(self, asking: workflow.ChildWorkflowHandle[Any, None]) -> None:
        await workflow.wait_condition(lambda: asking.done() or self._forced() or self._amended())
        if self._amended() and not asking.done() and not self._forced():
            if workflow.patched("look-again-while-measuring"):
                return
            await workflow.wait_condition(lambda: asking.done() or self._forced())
        if asking.done():
            await asking

    async def _start(self, report: MeasureReport) -> workflow.ChildWorkflowHandle[Any, None]:
        sprint = self._sprint
        return await workflow.start_child_workflow(
            MeasuresWorkflow.run,
            MeasuresInput(
                project=sprint.project,
                revision=sprint.revision,
                sprint=sprint.sprint,
                wait=report.wait,
            ),
            id=ids.measures_workflow_id(sprint.project, sprint.sprint),
            # A sprint that ran again asks again, unless its first question is still open.
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            # Who answers after the sprint, or after the run, is heard too.
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            task_timeout=WORKFLOW_TASK,
            search_attributes=search_attributes.of_part(sprint.project, sprint.sprint),
            static_summary=f"what {sprint.sprint} came to"[:200],
        )
