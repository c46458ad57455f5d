"""The sweep: frees what nobody holds any more, and tells waiters whose signal was lost.

A claim lives while its holder's workflow runs. Temporal is asked, not a clock: `Terminate` runs no clean-up
code in a workflow, and only this frees such a claim.
"""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.orm import Session
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from activities.announcing import announce
from activities.claims import closed_step, settle
from activities.context import ActivityContext
from activities.merges import note_merge
from activities.outlines import dependants
from activities.status import CLOSED_RUNS, record_end
from paceline.contracts import FinishProject, SettledBatch, SettleStep, StorySettled
from paceline.domain import ids
from paceline.domain.claims import Grant
from paceline.domain.states import FINAL_STATES, RunState, StoryState
from paceline.domain.status import StoryStatus
from paceline.errors import PacelineError
from paceline.store import claims, runs, status

log = logging.getLogger(__name__)


async def sweep_forever(context: ActivityContext) -> None:
    """Sweep at the settings' interval until cancelled; a failed sweep is logged and the next one tries."""
    while True:
        await asyncio.sleep(context.settings.sweep_interval)
        try:
            await sweep(context)
        except (PacelineError, RPCError, OSError) as error:
            log.warning("the sweep failed and will try again: %s", error)


async def sweep(context: ActivityContext) -> list[str]:
    """Sweep once.

    Returns:
        Holders whose claims were freed.
    """
    await context.tell(await context.database.read(claims.unsignalled_grants))
    freed: list[str] = []
    for holder in await context.database.read(claims.live_holders):
        if await _closed(context, holder) and await _free(context, holder):
            freed.append(holder)
    await _end_closed_runs(context)
    return freed


async def _end_closed_runs(context: ActivityContext) -> None:
    """A project workflow that was terminated could not record its run's end; the run would look alive.

    A run without a workflow is left alone: it is just being started, or the next start repairs it.
    """
    for run in await context.database.read(runs.list_runs, 1000, RunState.RUNNING):
        found = await context.execution_status(run.id)
        ended = CLOSED_RUNS.get(found) if found is not None else None
        if ended is not None:
            log.warning("workflow %s is closed and its run was not; it is %s", run.id, ended.value)
            step = FinishProject(project=run.id, state=ended, counts={})
            await context.database.write(record_end, step)


async def _closed(context: ActivityContext, holder: str) -> bool:
    return await context.execution_status(holder) not in (
        WorkflowExecutionStatus.RUNNING,
        WorkflowExecutionStatus.CONTINUED_AS_NEW,
    )


async def _free(context: ActivityContext, holder: str) -> bool:
    """Free what a closed workflow holds; False where it had given it back before it closed."""
    found = await context.database.read(_held_by, holder)
    if found is None:
        return False
    log.warning("workflow %s is closed and still held a claim, which is freed", holder)
    project, row = found
    if row is None:
        await context.tell(await context.database.write(_release, holder))
        return True
    run = await context.run(project)
    story = run.story(row.id)
    await note_merge(context, run, story)
    state = row.state if row.state in FINAL_STATES else StoryState.FAILED
    reason = "its workflow was closed from outside before it could settle"
    step = closed_step(run, story, row, state, reason)
    ended = await context.database.write(settle, run, story, step)
    await context.tell(ended.grants)
    await _tell_epic(context, step.model_copy(update={"state": ended.state}))
    return True


async def _tell_epic(context: ActivityContext, step: SettleStep) -> None:
    """The epic's current run may have inherited the story, and then cannot see its end by itself."""
    run = await context.run(step.project)
    others = dependants(run, step.sprint).get(step.story, set()) - {step.epic}
    settled = StorySettled(story=step.story, state=step.state, notify=sorted(others))
    epic = ids.epic_workflow_id(step.project, step.sprint, step.epic)
    try:
        await context.client.get_workflow_handle(epic).signal(
            "stories-settled", SettledBatch(stories=[settled])
        )
    except RPCError as error:
        log.info("epic %s was not told of %s: %s", epic, step.story, error.message)


def _release(session: Session, holder: str) -> list[Grant]:
    grants = claims.release_holder(session, holder)
    announce(session, grants)
    return grants


def _held_by(session: Session, holder: str) -> tuple[str, StoryStatus | None] | None:
    """The project and story of a holder's live claim; None where it holds and awaits nothing."""
    for claim in claims.list_claims(session):
        if claim.holder == holder:
            story = claim.story
            return claim.project, status.story_status(session, claim.project, story) if story else None
    return None
