"""Questions that workflows wait with and the database does not know: it was restored from an older copy.

Nobody could see such a question, and its story would wait for ever. It is opened again under its own id, by
the activity that asked it first.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError

from activities.context import ActivityContext
from activities.people import PeopleActivities
from activities.rollback import RollbackActivities
from paceline import search_attributes
from paceline.contracts import AskStep, ProjectAsk
from paceline.domain.asking import OpenQuestion
from paceline.domain.rollback_steps import RollbackAsk
from paceline.domain.states import RunState, StoryState
from paceline.errors import PacelineError
from paceline.store import questions, runs
from workflows.answers import Answerable

_TOGETHER = 16
"""The most workflows that are asked at once."""
_QUERY_SECONDS = timedelta(seconds=5)
_WAITING = (
    "ExecutionStatus = 'Running' AND (WorkflowType = 'rollback' OR WorkflowType = 'absence' "
    "OR WorkflowType = 'scope' OR WorkflowType = 'measures' OR (WorkflowType = 'story' "
    f"AND {search_attributes.STATE.name} = '{StoryState.WAITING_FOR_PERSON.value}'))"
)

log = logging.getLogger(__name__)


async def open_lost_questions(context: ActivityContext) -> list[str]:
    """Ask every workflow that waits for a person, and open its question where nobody can see it.

    Returns:
        The ids of the questions that were opened again.
    """
    known = await context.database.read(runs.list_runs, 1000, RunState.RUNNING)
    waiting = [run.id for run in known]
    waiting += [each.id async for each in context.client.list_workflows(_WAITING)]
    gate = asyncio.Semaphore(_TOGETHER)
    opened = await asyncio.gather(*(_look(context, gate, workflow) for workflow in waiting))
    return [each for each in opened if each is not None]


async def _look(context: ActivityContext, gate: asyncio.Semaphore, workflow: str) -> str | None:
    async with gate:
        try:
            asks = await context.client.get_workflow_handle(workflow).query(
                Answerable.question, rpc_timeout=_QUERY_SECONDS
            )
        except (RPCError, WorkflowQueryFailedError):
            return None  # it has ended, or no worker runs that could answer for it
        if asks is None or await context.database.read(questions.is_known, asks.question):
            return None
        try:
            await _open(context, asks)
        except PacelineError as error:
            # Such as a run that this database does not have at all.
            log.warning("question %s of %s cannot be opened again: %s", asks.question, workflow, error)
            return None
    log.warning("question %s of %s was not in the database, and is open again", asks.question, workflow)
    return asks.question


async def _open(context: ActivityContext, asks: OpenQuestion) -> None:
    if asks.asked_by == "story":
        await PeopleActivities(context).ask_person(AskStep.model_validate(asks.step))
    elif asks.asked_by == "project":
        await PeopleActivities(context).ask_about_project(ProjectAsk.model_validate(asks.step))
    else:
        await RollbackActivities(context).ask_about_rollback(RollbackAsk.model_validate(asks.step))
