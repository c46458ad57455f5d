"""The sweep: frees what nobody holds any more, and tells waiters whose signal was lost.

A claim lives while its holder's workflow runs. Temporal is asked, not a clock: `Terminate` runs no clean-up
code in a workflow, and only this frees such a claim. A thorough sweep also asks under which fence each holder
works, and finds what a database has forgotten that was restored from an older copy.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowQueryFailedError
from temporalio.service import RPCError

from activities.announcing import announce
from activities.claims import closed_step, settle
from activities.context import ActivityContext, RunContext
from activities.merges import note_merge, record_merge
from activities.outlines import dependants
from activities.status import CLOSED_RUNS, record_end
from paceline.contracts import FinishProject, SettledBatch, SettleStep, StoryResult, StorySettled
from paceline.domain import ids
from paceline.domain.claims import Look, Reconciled
from paceline.domain.plan import Story
from paceline.domain.states import FINAL_STATES, RunState, StoryState
from paceline.errors import NotFound, PacelineError
from paceline.observe.metrics import expect_sweeps, sweeping
from paceline.store import claim_decisions, claims, keyed_requests, runs, status, webhook_deliveries
from paceline.store.claim_reconcile import look_at_claims, reconcile
from workers.absences import AbsenceWatch
from workers.expiry import expire_preserved
from workers.forecasts import ForecastWatch
from workers.lost_questions import open_lost_questions

THOROUGH_EVERY = 15
"""Of so many sweeps one is thorough, the first of a process among them."""
_TOGETHER = 16
"""The most workflows that are asked at once."""
_QUERY_SECONDS = timedelta(seconds=5)

log = logging.getLogger(__name__)


class Found(NamedTuple):
    """What Temporal says of a holder."""

    runs: bool
    fence: int | None = None


class End(NamedTuple):
    """How a story ended whose workflow is closed."""

    run: RunContext
    story: Story
    step: SettleStep


_COMPLETED = WorkflowExecutionStatus.COMPLETED


async def sweep_forever(context: ActivityContext) -> None:
    """Sweep at the settings' interval until cancelled; a failed sweep is logged and the next one tries."""
    absences, forecasts = AbsenceWatch(context), ForecastWatch(context)
    expect_sweeps("claims", "absences", "forecasts")
    for number in itertools.count():
        await asyncio.sleep(context.settings.sweep_interval)
        try:
            with sweeping("claims"):
                await sweep(context, thorough=number % THOROUGH_EVERY == 0)
            with sweeping("absences"):
                await absences.look()
            with sweeping("forecasts"):
                await forecasts.look()
        except (PacelineError, RPCError, OSError) as error:
            log.warning("the sweep failed and will try again: %s", error)


async def sweep(context: ActivityContext, *, thorough: bool = True) -> list[str]:
    """Sweep once.

    Args:
        context: the services of this process.
        thorough: also compare fences, the ends of stories and open questions with Temporal, and remove old
            records and work that expired.

    Returns:
        Holders whose claims were freed.
    """
    await context.tell(await context.database.read(claims.unsignalled_grants))
    freed: list[str] = []
    for look in await context.database.read(look_at_claims):
        try:
            freed += await _compare(context, look, thorough)
        except PacelineError as error:
            # Such as a repository that is gone: others need not wait for it.
            log.warning("the claims of %s are not swept now: %s", look.scope, error)
    if thorough:
        for run in await context.database.read(runs.list_runs, 1000, RunState.RUNNING):
            await _record_forgotten_ends(context, run.id)
            await context.database.write(claim_decisions.trim_decisions, run.id)
        await context.database.write(keyed_requests.forget_requests)
        await expire_preserved(context)
        await open_lost_questions(context)
        await context.database.write(webhook_deliveries.trim_delivered)
    await _end_closed_runs(context)
    return freed


# Claims ---


async def _compare(context: ActivityContext, look: Look, thorough: bool) -> list[str]:
    """Compare the claims of one scope with the workflows of their holders; who came later is left alone."""
    gate = asyncio.Semaphore(_TOGETHER)
    asked = await asyncio.gather(*(_ask(context, gate, holder, thorough) for holder in look.holders))
    found = dict(zip(look.holders, asked, strict=True))
    closed = [holder for holder, each in found.items() if not each.runs]
    if not closed and not thorough:
        return []
    running = {holder: each.fence for holder, each in found.items() if each.runs}
    ends = {holder: end for holder in closed if (end := await _end_of_holder(context, look, holder))}
    result = await context.database.write(_reconcile, look, running, ends)
    await context.tell(result.grants, result.lost)
    for end in ends.values():
        await _tell_epic(context, end)
    for claim in result.freed:
        log.warning("claim %s was held by a closed workflow, and is freed", claim)
    return closed


async def _ask(context: ActivityContext, gate: asyncio.Semaphore, holder: str, thorough: bool) -> Found:
    """Whether a holder's workflow runs, and under which fence; one that does not tell has none."""
    async with gate:
        if await context.execution_status(holder) not in (
            WorkflowExecutionStatus.RUNNING,
            WorkflowExecutionStatus.CONTINUED_AS_NEW,
        ):
            return Found(False)
        if not thorough:
            return Found(True)
        try:
            fence: object = await context.client.get_workflow_handle(holder).query(
                "fence", rpc_timeout=_QUERY_SECONDS
            )
        except (RPCError, WorkflowQueryFailedError):
            return Found(True)
        return Found(True, fence if isinstance(fence, int) else None)


def _reconcile(
    session: Session, look: Look, running: Mapping[str, int | None], ends: Mapping[str, End]
) -> Reconciled:
    result = reconcile(session, look, running)
    for end in ends.values():
        _settle(session, end)
    announce(session, result.grants, result.lost)
    return result


def _settle(session: Session, end: End) -> None:
    """Record the end of a story whose workflow could not, or whose record was lost; never another end."""
    run, story, step = end
    row = status.story_status(session, run.run.id, story.id)
    if row.state in FINAL_STATES or step.attempts < row.attempt:
        return
    if step.merge_commit is not None:
        record_merge(session, run, story, step.merge_commit, row.fence, step.attempts)
    announce(session, settle(session, run, story, step).grants)


async def _end_of_holder(context: ActivityContext, look: Look, holder: str) -> End | None:
    """How the story of a closed holder ended; None where the claim is no story's."""
    for record in await context.database.read(claims.list_claims, look.scope):
        if record.holder != holder or record.story is None:
            continue
        try:
            run = await context.newest(record.project)
        except NotFound:
            return None  # a run that the database does not know has no stories to settle
        return await _end_of(context, run, run.story(record.story))
    return None


async def _end_of(context: ActivityContext, run: RunContext, story: Story) -> End:
    """As its workflow says it ended; of one that was closed from outside, as merged or failed."""
    row = await context.database.read(status.story_status, run.run.id, story.id)
    reason = "its workflow was closed from outside before it could settle"
    step = closed_step(run, story, row, StoryState.FAILED, reason)
    handle = context.client.get_workflow_handle(run.workflow_id(story), result_type=StoryResult)
    try:
        ended = await handle.result(follow_runs=False, rpc_timeout=_QUERY_SECONDS)
    except (RPCError, WorkflowFailureError):
        await note_merge(context, run, story)
        return End(run, story, step)
    told = {"state": ended.state, "merge_commit": ended.merge_commit, "attempts": ended.attempts}
    return End(run, story, step.model_copy(update={**told, "code": "", "reason": ""}))


async def _tell_epic(context: ActivityContext, end: End) -> None:
    """The epic's current run may have inherited the story, and then cannot see its end by itself."""
    run, story, step = end
    row = await context.database.read(status.story_status, run.run.id, story.id)
    others = dependants(run, step.sprint).get(story.id, set()) - {step.epic}
    settled = StorySettled(story=story.id, state=row.state, notify=sorted(others))
    epic = ids.epic_workflow_id(step.project, step.sprint, step.epic)
    try:
        await context.client.get_workflow_handle(epic).signal(
            "stories-settled", SettledBatch(stories=[settled])
        )
    except RPCError as error:
        log.info("epic %s was not told of %s: %s", epic, step.story, error.message)


# Runs ---


async def _record_forgotten_ends(context: ActivityContext, project: str) -> None:
    """Stories that ended after the copy of the database was made that was restored."""
    rows = await context.database.read(status.story_statuses, project)
    left = [row.id for row in rows if row.state not in FINAL_STATES]
    if not left:
        return
    run = await context.newest(project)
    by_holder = {run.workflow_id(run.story(name)): run.story(name) for name in left}
    completed = f"WorkflowType = 'story' AND ExecutionStatus = 'Completed' AND {_is_of(project)}"
    ends: list[End] = []
    async for each in context.client.list_workflows(completed):
        story = by_holder.get(each.id)
        # A story that was started again has an earlier run that completed, and one that goes on.
        if story is not None and await context.execution_status(each.id) is _COMPLETED:
            ends.append(await _end_of(context, run, story))
    if ends:
        await context.database.write(_settle_all, ends)


def _is_of(project: str) -> str:
    quoted = project.replace("'", "''")
    return f"WorkflowId STARTS_WITH '{quoted}/'"


def _settle_all(session: Session, ends: Sequence[End]) -> None:
    for end in ends:
        _settle(session, end)


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
