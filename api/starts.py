"""Start a run of a plan, exactly once.

The run's row is written first, in one transaction with its stories and its first event; then the workflow
is started under the run's id. A crash between the two leaves a row without a workflow, which the next post of
the same plan repairs; a second start of the same id is refused by Temporal and means that it runs already.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy.orm import Session
from temporalio.client import Client
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.status import CLOSED_RUNS
from api.start_checks import Wanted, check_request
from api.temporal import RPC_TIMEOUT, TemporalErrors, unavailable
from paceline import search_attributes
from paceline.contracts import CONTROL_TASK_QUEUE, ProjectInput
from paceline.domain import graph, ids
from paceline.domain.events import EventDraft, EventType
from paceline.domain.exchange import StartReply, StartRequest
from paceline.domain.plan import Plan
from paceline.domain.states import AgentState, RunState
from paceline.domain.status import Run, first_status
from paceline.errors import (
    Conflict,
    Forbidden,
    NotFound,
    PlanChanged,
    RepositoryDirty,
)
from paceline.store import events, runs, status
from paceline.store.database import Database
from workflows.project import ProjectWorkflow

STARTED = "project.started"
"""Name and key of the first event of a run."""
_RACES = 5
"""Two first starts of one project can collide on PostgreSQL; the loser looks again."""

log = logging.getLogger(__name__)


async def start_run(
    request: StartRequest,
    database: Database,
    client: Client,
    within: Collection[str] | None = None,
    keyed: str | None = None,
) -> StartReply:
    """Check a request, record its run, and start its workflow; or attach to the run that is there.

    Args:
        request: plan, repository and options.
        database: where runs are.
        client: the Temporal client.
        within: the projects of which runs may be started; None: any.
        keyed: names the request where it may be sent again: a run that it began is attached to.

    Raises:
        Forbidden: the project is none of these.
        PlanError: the plan has errors; nothing was started.
        ConfigurationError: an agent of the plan is not declared, or a repository is needed.
        RepositoryMissing: the path is no repository with a commit.
        RepositoryDirty: the checkout has uncommitted changes.
        PlanChanged: the project runs with another text of the plan.
        Conflict: the project runs in another repository.
        ServerUnavailable: the run is recorded, and Temporal does not answer; posting again goes on.
    """
    wanted = await check_request(request)
    if within is not None and wanted.base not in within:
        raise Forbidden(f"This token may start runs of {', '.join(sorted(within))}, not of {wanted.base}.")
    run, attached = await _record(database, wanted, keyed)
    if attached and run.state is RunState.RUNNING and run.options.agents != wanted.options.agents:
        wanted.warnings.append(
            f"Run {run.id} goes on with the declarations of agents that it began with, which are others now; "
            f"to begin anew with these: `paceline cancel {run.id}`, then --rerun."
        )
    if not attached:
        wanted.warnings.extend(await _passed_over(database, run, wanted))
    if run.state is RunState.RUNNING:
        run = await _start_workflow(database, client, run)
    return StartReply(run=run, attached=attached, stories=len(wanted.plan.stories), warnings=wanted.warnings)


# Recording ---


async def _record(database: Database, wanted: Wanted, keyed: str | None) -> tuple[Run, bool]:
    for _ in range(_RACES):
        try:
            return await database.write(_find_or_create, wanted, keyed)
        except Conflict as error:
            if type(error) is not Conflict or error.details.get("project"):
                raise
            log.info("run of %s was recorded by somebody else at the same time; looking again", wanted.base)
    raise Conflict(f"Too many starts of {wanted.base} at once; try again.", project=wanted.base)


def _find_or_create(session: Session, wanted: Wanted, keyed: str | None) -> tuple[Run, bool]:
    """Attach to the run of the same plan in the same repository, or record a new one."""
    earlier = runs.runs_of(session, wanted.base)
    last = earlier[-1] if earlier else None
    digest = runs.save_plan(session, wanted.plan, wanted.text)
    if last is not None:
        same_place = last.repository == wanted.repository
        same = last.plan_digest == digest and same_place
        if last.state is RunState.RUNNING and not same:
            raise _contradiction(last, same_place)
        again = wanted.rerun and not _began(session, last, keyed)
        if same and (last.state is RunState.RUNNING or not again):
            return last, True
    _refuse_dirty(wanted)
    run = Run(
        id=ids.project_id(wanted.base, number := _free_number(session, wanted, last)),
        run_number=number,
        title=wanted.plan.title,
        plan_digest=digest,
        repository=wanted.repository,
        base_commit=wanted.base_commit,
        options=wanted.options,
        started_at=datetime.now(UTC),
    )
    runs.create_run(session, run, base_id=wanted.base)
    _write_first_rows(session, run, wanted.plan, keyed)
    return run, False


def _began(session: Session, run: Run, keyed: str | None) -> bool:
    """Whether a run was begun by the request of this name."""
    if keyed is None:
        return False
    started = events.event_of(session, run.id, STARTED)
    return started is not None and started.data.get("request") == keyed


def _refuse_dirty(wanted: Wanted) -> None:
    if wanted.dirty:
        more = f" and {len(wanted.dirty) - 1} more" if len(wanted.dirty) > 1 else ""
        raise RepositoryDirty(
            f"The checkout {wanted.repository} has uncommitted changes that the run would not see "
            f"({wanted.dirty[0]}{more}); commit or stash them, or allow a dirty checkout.",
            paths=wanted.dirty[:100],
        )


def _free_number(session: Session, wanted: Wanted, last: Run | None) -> int:
    """The next run number whose id is free, in the database and in the repository.

    A plan called "x run 2" may hold the id of x's second run.
    """
    number = last.run_number + 1 if last is not None else 1
    while (taken := ids.project_id(wanted.base, number)) in wanted.used or _holder(session, taken):
        if any(run.run_number == number for run in runs.runs_of(session, wanted.base)):
            raise Conflict(f"Run {number} of {wanted.base} was recorded at the same time.")
        number += 1
    return number


async def _passed_over(database: Database, run: Run, wanted: Wanted) -> list[str]:
    """Say that the run has another number because of what an unknown run left in the repository."""
    before = ids.project_id(wanted.base, run.run_number - 1) if run.run_number > 1 else ""
    if before not in wanted.used or await database.read(_holder, before):
        return []
    return [
        f"{wanted.repository} has branches or preserved work of {before}, a run that this database does not "
        f"know; this run is {run.id} and begins anew."
    ]


def _holder(session: Session, project: str) -> Run | None:
    try:
        return runs.get_run(session, project)
    except NotFound:
        return None


def _contradiction(run: Run, same_place: bool) -> Conflict:
    if same_place:
        return PlanChanged(
            f"Run {run.id} is under way with another text of this plan; cancel it, wait for its end, or "
            "start this one under another project name.",
            project=run.id,
        )
    return Conflict(
        f"Run {run.id} is under way in the repository {run.repository or '(none)'}; start this one "
        "under another project name.",
        project=run.id,
    )


def _write_first_rows(session: Session, run: Run, plan: Plan, keyed: str | None) -> None:
    edges = graph.story_edges(plan)
    status.plan_stories(session, run.id, [first_status(story, plan, edges) for story in plan.stories])
    for name in dict.fromkeys(name for story in plan.stories for name in story.agents):
        status.set_agent(session, run.id, name, AgentState.IDLE)
    started = EventDraft(
        key=STARTED,
        type=EventType.WORKFLOW_EVENT,
        name=STARTED,
        data={
            "title": run.title,
            "run_number": run.run_number,
            "stories": len(plan.stories),
            "repository": run.repository,
            "base_commit": run.base_commit,
            **({"request": keyed} if keyed is not None else {}),
        },
    )
    events.append_events(session, run.id, [started])


# Starting ---


async def _start_workflow(database: Database, client: Client, run: Run) -> Run:
    """Start the run's workflow unless it was started before; returns the run as it then stands."""
    try:
        await client.start_workflow(
            ProjectWorkflow.run,
            ProjectInput(project=run.id),
            id=run.id,
            task_queue=CONTROL_TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=TypedSearchAttributes([SearchAttributePair(search_attributes.PROJECT, run.id)]),
            static_summary=run.title[:200],
            rpc_timeout=RPC_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        return await _settle_ended(database, client, run)
    except TemporalErrors as error:
        raise unavailable(error, f"run {run.id} is recorded, post the plan again and it goes on") from error
    return run


async def _settle_ended(database: Database, client: Client, run: Run) -> Run:
    """A workflow that was terminated could not record its end; do it for it."""
    described = await client.get_workflow_handle(run.id).describe(rpc_timeout=RPC_TIMEOUT)
    ended = CLOSED_RUNS.get(described.status) if described.status is not None else None
    if ended is not None:
        await database.write(runs.end_run, run.id, ended)
    return await database.read(runs.get_run, run.id)
