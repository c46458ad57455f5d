"""A worker: the control queue with its workflows, the work queues with their agents, and the sweep."""

from __future__ import annotations

import asyncio
import compileall
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.absence import AbsenceActivities
from activities.amending import AmendingActivities
from activities.attempts import AttemptActivities
from activities.carrying import CarryingActivities
from activities.claims import ClaimActivities
from activities.context import ActivityContext
from activities.finish import FinishActivities
from activities.gates import GateActivities
from activities.landing import LandingActivities
from activities.lost import LostActivities
from activities.measuring import MeasuringActivities
from activities.outlines import OutlineActivities
from activities.people import PeopleActivities
from activities.reports import ReportActivities
from activities.review import ReviewActivities
from activities.rollback import RollbackActivities
from activities.scope import ScopeActivities
from activities.status import StatusActivities
from activities.steering import SteeringActivities
from activities.work import WorkActivities
from paceline.contracts import CONTROL_TASK_QUEUE, WORK_TASK_QUEUE
from paceline.observe.metrics import ACTIVITY_SLOTS
from paceline.settings import Settings
from paceline.store.database import Database
from workers.artifact_watch import watch_artifacts
from workers.errors import TypedFailures
from workers.notifier import notify_forever
from workers.observing import ObservedActivities
from workers.sweep import sweep_forever
from workflows.absence import AbsenceWorkflow
from workflows.clock import ClockWorkflow
from workflows.epic import EpicWorkflow
from workflows.measures import MeasuresWorkflow
from workflows.project import ProjectWorkflow
from workflows.rollback import RollbackWorkflow
from workflows.scope import ScopeWorkflow
from workflows.sprint import SprintWorkflow
from workflows.story import StoryWorkflow

WORKFLOWS: tuple[type, ...] = (
    ProjectWorkflow,
    SprintWorkflow,
    EpicWorkflow,
    StoryWorkflow,
    RollbackWorkflow,
    ClockWorkflow,
    AbsenceWorkflow,
    ScopeWorkflow,
    MeasuresWorkflow,
)

PASSED_THROUGH = (
    "paceline",
    "opentelemetry",
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "typing_extensions",
    "typing_inspection",
)
"""Modules that workflows share with the process: data and rules, nothing that keeps a run's state."""


POLLERS = 20
"""Open requests for tasks, of each kind: with the SDK's five, a burst of small stories waits for its turn."""


WORK_SLOTS = 200
"""The most activities that one work queue's worker runs at once."""


def sandbox() -> SandboxedWorkflowRunner:
    """The SDK's sandbox; workflow modules themselves are never passed through."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    )


def keep_bytecode(cache: Path) -> None:
    """See that workflow modules have bytecode: the sandbox imports them anew for every workflow.

    Where Python was told to write none beside the source, it is kept in `cache`; compiling at each import
    would take most of a small story's time.
    """
    if sys.dont_write_bytecode and sys.pycache_prefix is None:
        sys.pycache_prefix = str(cache / "bytecode")
    for module in {workflow.__module__ for workflow in WORKFLOWS}:
        source = sys.modules[module].__file__
        if source is not None:
            compileall.compile_dir(Path(source).parent, maxlevels=0, quiet=2)


def control_activities(context: ActivityContext) -> list[Callable[..., Any]]:
    """Short activities around the database; most run as local activities."""
    absence = AbsenceActivities(context)
    scope = ScopeActivities(context)
    claims = ClaimActivities(context)
    carrying = CarryingActivities(context)
    measuring = MeasuringActivities(context)
    people = PeopleActivities(context)
    outlines = OutlineActivities(context)
    status = StatusActivities(context)
    lost = LostActivities(context)
    rollback = RollbackActivities(context)
    steering = SteeringActivities(context)
    return [
        claims.claim_story,
        claims.resume_claim,
        claims.grow_claim,
        claims.settle_story,
        claims.block_stories,
        people.ask_person,
        people.record_answer,
        people.ask_about_project,
        people.record_project_answer,
        people.press_question,
        outlines.load_project,
        outlines.load_sprint,
        outlines.load_epic,
        status.settle_lost_story,
        lost.end_epic,
        lost.end_sprint,
        status.count_stories,
        status.count_epic,
        status.skip_sprint,
        status.finish_project,
        ReportActivities(context).report_sprint,
        AmendingActivities(context).amend_plan,
        absence.note_absence,
        absence.find_replacements,
        absence.withdraw_beside,
        scope.propose_cuts,
        scope.propose_more,
        scope.steer_epics,
        scope.defer_stories,
        scope.amend_scope,
        carrying.find_unfinished,
        carrying.carry_over,
        carrying.begin_next_parts,
        measuring.open_aims,
        measuring.record_said,
        rollback.ask_about_rollback,
        rollback.release_rollback,
        rollback.end_rollback,
        steering.record_steer,
        steering.refuse_steer,
        steering.pause_story,
        steering.reopen_stories,
        steering.end_stories,
        steering.cancel_run,
    ]


def work_activities(context: ActivityContext) -> list[Callable[..., Any]]:
    """Activities that need the repository and the agents."""
    rollback = RollbackActivities(context)
    return [
        WorkActivities(context).do_work,
        AttemptActivities(context).end_attempt,
        LandingActivities(context).land_story,
        ReviewActivities(context).review_story,
        GateActivities(context).check_gate,
        MeasuringActivities(context).measure_sprint,
        rollback.survey_rollback,
        rollback.claim_rollback,
        rollback.make_rollback,
        FinishActivities(context).finish_sprint,
    ]


@asynccontextmanager
async def running_workers(
    client: Client,
    database: Database,
    settings: Settings,
    *,
    work_queues: Sequence[str] = (WORK_TASK_QUEUE,),
    control: bool = True,
) -> AsyncGenerator[None]:
    """Workers for the control queue and the given work queues, until the block is left.

    Args:
        client: connected with the pydantic data converter.
        database: migrated.
        settings: timings and folders.
        work_queues: task queues whose agents this machine runs.
        control: also run workflows and the sweep.
    """
    context = ActivityContext(database, settings, client)
    common: dict[str, Any] = {
        "max_heartbeat_throttle_interval": timedelta(seconds=1.5),
        "default_heartbeat_throttle_interval": timedelta(seconds=1.5),
        "graceful_shutdown_timeout": timedelta(seconds=0),
        # The outer one sees failures as the inner one types them.
        "interceptors": [ObservedActivities(), TypedFailures()],
        # Without it the SDK reads the code of every loaded module to make one up, which takes a second.
        "build_id": f"paceline-{version('paceline')}",
    }
    async with AsyncExitStack() as stack:
        for queue in work_queues:
            ACTIVITY_SLOTS.labels(queue).set(WORK_SLOTS)
            work = Worker(
                client,
                task_queue=queue,
                activities=work_activities(context),
                max_concurrent_activities=WORK_SLOTS,
                max_concurrent_activity_task_polls=POLLERS,
                **common,
            )
            await stack.enter_async_context(work)
        if control:
            keep_bytecode(settings.cache)
            await stack.enter_async_context(
                Worker(
                    client,
                    task_queue=CONTROL_TASK_QUEUE,
                    workflows=WORKFLOWS,
                    activities=control_activities(context),
                    workflow_runner=sandbox(),
                    max_concurrent_workflow_task_polls=POLLERS,
                    sticky_queue_schedule_to_start_timeout=timedelta(seconds=3),
                    **common,
                )
            )
            sweep = asyncio.create_task(sweep_forever(context), name="sweep")
            stack.push_async_callback(_stop, sweep)
            notifier = asyncio.create_task(notify_forever(context), name="notifier")
            stack.push_async_callback(_stop, notifier)
            watch = asyncio.create_task(watch_artifacts(context), name="artifacts")
            stack.push_async_callback(_stop, watch)
        yield


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def run_workers(client: Client, database: Database, settings: Settings) -> None:
    """Run until cancelled."""
    async with running_workers(client, database, settings):
        await asyncio.Event().wait()
