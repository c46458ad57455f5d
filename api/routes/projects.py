"""Runs: where they stand, their stories and events, and cancelling them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from api.deps import ClientDep, DatabaseDep, Limit
from api.permissions import ActingDep
from api.temporal import RPC_TIMEOUT, TemporalErrors, is_not_found, unavailable
from paceline.domain.events import Event
from paceline.domain.exchange import CancelReply
from paceline.domain.proof import Proof
from paceline.domain.states import RunState
from paceline.domain.status import ProjectStatus, Run, StoryStatus
from paceline.errors import Conflict
from paceline.store import events, proofs, runs, status
from paceline.store.waits import explain_waits

router = APIRouter(prefix="/projects", tags=["projects"])

After = Annotated[int, Query(ge=0, description="Number of the last event that is known.")]

StoryFilter = Annotated[str | None, Query(description="Only those of this story.")]


@router.get("", operation_id="list_projects")
async def list_projects(
    database: DatabaseDep, acting: ActingDep, state: RunState | None = None, limit: Limit = 50
) -> list[Run]:
    """Runs, newest first."""
    return await database.read(runs.list_runs, limit, state, acting.within)


@router.get("/{project}", operation_id="get_project")
async def get_project(project: str, database: DatabaseDep) -> ProjectStatus:
    """A run with its stories, agents and the number of open questions."""
    return await database.read(status.project_status, project)


@router.get("/{project}/stories", operation_id="list_stories")
async def list_stories(project: str, database: DatabaseDep) -> list[StoryStatus]:
    """The stories of a run in the order of the plan."""
    await database.read(runs.get_run, project)
    return await database.read(status.shown_stories, project)


@router.get("/{project}/stories/{story:path}", operation_id="get_story")
async def get_story(project: str, story: str, database: DatabaseDep) -> StoryStatus:
    """One story, and why it waits."""
    return await database.read(_story, project, story)


@router.get("/{project}/proofs", operation_id="list_proofs")
async def list_proofs(project: str, database: DatabaseDep, story: StoryFilter = None) -> list[Proof]:
    """Who or what answered for each criterion and check, on which commit."""
    await database.read(runs.get_run, project)
    return await database.read(proofs.proofs_of, project, story)


@router.get("/{project}/events", operation_id="list_events")
async def list_events(
    project: str, database: DatabaseDep, after: After = 0, limit: Limit = 200
) -> list[Event]:
    """Events after a number, oldest first."""
    await database.read(runs.get_run, project)
    return await database.read(events.events_after, project, after, limit)


@router.post("/{project}/cancel", operation_id="cancel_project", status_code=202)
async def cancel_project(project: str, database: DatabaseDep, client: ClientDep) -> CancelReply:
    """Ask the run to stop: work is preserved, claims are released, nothing more is merged."""
    run = await database.read(runs.get_run, project)
    if run.state is not RunState.RUNNING:
        raise Conflict(f"Run {project} has already ended: it is {run.state}.", state=run.state.value)
    try:
        await client.get_workflow_handle(project).cancel(rpc_timeout=RPC_TIMEOUT)
    except TemporalErrors as error:
        if is_not_found(error):
            raise Conflict(
                f"Run {project} is not running in Temporal; post its plan again to repair it."
            ) from error
        raise unavailable(error, "the run was not cancelled, try again") from error
    return CancelReply(
        project=project,
        state=run.state,
        message=f"Run {project} was asked to stop; its stories end one by one.",
    )


def _story(session: Session, project: str, story: str) -> StoryStatus:
    found = status.story_status(session, project, story)
    explain_waits(session, [found])
    return found
