"""Recording a rollback that a person asks for, and starting its workflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.context import RunContext, run_now
from activities.rollback_history import load_history
from activities.rollback_rows import asked, refuse
from activities.rollback_texts import title_of
from api.temporal import RPC_TIMEOUT, TemporalErrors, unavailable
from paceline import search_attributes
from paceline.contracts import CONTROL_TASK_QUEUE
from paceline.domain.rollback import START, History, Rollback, RollbackKind, RollbackState, find_story
from paceline.domain.rollback_steps import RollbackInput
from paceline.errors import ConfigurationError, Conflict
from paceline.store import events, rollbacks
from paceline.store.database import Database
from paceline.vcs.repository import Repository
from workflows.rollback import RollbackWorkflow


@dataclass(frozen=True)
class Wanted:
    """What a person asks for; `confirmed_by` where nobody needs to be asked about what was named."""

    kind: RollbackKind
    target: str
    asked_by: str
    confirmed_by: str | None = None


async def ask(project: str, wanted: Wanted, database: Database, client: Client) -> tuple[Rollback, bool]:
    """Record a rollback and start its workflow; the same request attaches to the one that is there.

    Returns:
        The rollback, and whether it was there before: open, or made and not undone since.

    Raises:
        NotFound: no such run, story or rollback.
        Conflict: there is nothing to roll back.
        ConfigurationError: the run has no repository.
        ServerUnavailable: it is recorded, and Temporal does not answer; asking again goes on.
    """
    run, history = await read_history(project, database)
    kind, target = wanted.kind, wanted.target
    if kind is RollbackKind.STORY or (kind is RollbackKind.BOUNDARY and target != START):
        target = find_story(list(run.stories), target)
    try:
        history.targets(kind, target)
    except Conflict as conflict:
        made = [each for each in history.rollbacks if (each.kind, each.target) == (kind, target)]
        if conflict.details.get("already") and made and made[-1].state is RollbackState.MADE:
            return made[-1], True
        if not made or made[-1].state is not RollbackState.OPEN:
            raise
    rollback, attached = await database.write(
        _record, project, Wanted(kind, target, wanted.asked_by, wanted.confirmed_by)
    )
    return await _start(database, client, rollback), attached


async def read_history(project: str, database: Database) -> tuple[RunContext, History]:
    """A run and the history of its newest branch.

    Raises:
        NotFound: no such run.
        Conflict: no sprint has a branch yet.
        ConfigurationError: the run has no repository.
        RepositoryMissing: it is gone.
    """
    context = await database.read(run_now, project)
    place = context.run.repository
    if place is None:
        raise ConfigurationError(f"Run {project} has no repository, so there is nothing to roll back.")
    repository = await Repository.open(Path(place))
    return context, await load_history(database, context, repository)


def _record(session: Session, project: str, wanted: Wanted) -> tuple[Rollback, bool]:
    rollback, attached = rollbacks.ask_rollback(
        session,
        project,
        wanted.kind,
        wanted.target,
        wanted.asked_by,
        wanted.confirmed_by,
        datetime.now(UTC),
    )
    events.append_events(session, project, [asked(rollback)])
    return rollback, attached


async def _start(database: Database, client: Client, rollback: Rollback) -> Rollback:
    project = SearchAttributePair(search_attributes.PROJECT, rollback.project[:200])
    try:
        await client.start_workflow(
            RollbackWorkflow.run,
            RollbackInput(project=rollback.project, number=rollback.number),
            id=rollback.id,
            task_queue=CONTROL_TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            search_attributes=TypedSearchAttributes([project]),
            static_summary=title_of(rollback)[:200],
            rpc_timeout=RPC_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        return await _look(database, client, rollback)
    except TemporalErrors as error:
        raise unavailable(
            error, f"rollback {rollback.number} is recorded, ask again and it goes on"
        ) from error
    return rollback


async def _look(database: Database, client: Client, rollback: Rollback) -> Rollback:
    """A workflow of its id is there: its own, one that was closed from outside, or an epic's of that name."""
    try:
        found = await client.get_workflow_handle(rollback.id).describe(rpc_timeout=RPC_TIMEOUT)
    except TemporalErrors as error:
        raise unavailable(error, "ask again") from error
    if found.workflow_type != "rollback":
        reason = f"An epic's workflow is called {rollback.id}; ask again, and the next number is taken."
        await database.write(refuse, rollback, Conflict.code, reason)
    elif found.status is not WorkflowExecutionStatus.RUNNING:
        reason = "its workflow was closed from outside; what it held is freed"
        await database.write(refuse, rollback, "WORKFLOW_CLOSED", reason)
    return await database.read(rollbacks.get_rollback, rollback.project, rollback.number)
