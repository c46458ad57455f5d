"""A sprint's hold on its measuring: what can be measured at its end is, and people are asked for the rest."""

from __future__ import annotations

from collections.abc import Callable

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
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


async def measure(sprint: SprintInput, forced: Callable[[], bool]) -> None:
    """Measure, and ask; a sprint ends also where that fails.

    Args:
        sprint: that ends.
        forced: whether a person ends it all the same, while it waits for an answer.
    """
    try:
        report = await workflow.execute_activity_method(
            MeasuringActivities.measure_sprint,
            MeasureStep(project=sprint.project, revision=sprint.revision, sprint=sprint.sprint),
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
        return
    if report.ask:
        await _ask(sprint, report, forced)


async def _ask(sprint: SprintInput, report: MeasureReport, forced: Callable[[], bool]) -> None:
    try:
        child = await workflow.start_child_workflow(
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
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(search_attributes.PROJECT, sprint.project[:200]),
                    SearchAttributePair(search_attributes.SPRINT, sprint.sprint[:200]),
                ]
            ),
            static_summary=f"what {sprint.sprint} came to"[:200],
        )
        if report.wait:
            await workflow.wait_condition(lambda: child.done() or forced())
            if child.done():
                await child
    except (ChildWorkflowError, WorkflowAlreadyStartedError) as error:
        if is_cancelled_exception(error) and workflow.cancellation_reason() is not None:
            raise
        workflow.logger.warning("nobody is asked what %s came to: %s", sprint.sprint, error)
