"""Runs: where they stand, their stories and events, and cancelling them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field, TypeAdapter
from sqlalchemy.orm import Session

from api.deps import HIGHEST, ClientDep, DatabaseDep
from api.paging import NUMBER_TEXT, AnyPage, Kind, PageOf50, PageOf200
from api.permissions import ActingDep
from api.temporal import RPC_TIMEOUT, TemporalErrors, is_not_found, unavailable
from paceline.domain.events import Event, EventType
from paceline.domain.exchange import CancelReply
from paceline.domain.proof import Proof
from paceline.domain.states import RunState, StoryState
from paceline.domain.status import ListedRun, ProjectStatus, StoryStatus
from paceline.errors import Conflict
from paceline.store import events, proofs, runs, status
from paceline.store.waits import explain_waits

router = APIRouter(prefix="/projects", tags=["projects"])

After = Annotated[int, Query(ge=0, le=HIGHEST, description="Number of the last event that is known.")]

StoryFilter = Annotated[str | None, Query(description="Only those of this story.", max_length=1000)]
TitleFilter = Annotated[
    str | None, Query(description="Only those with this text in their title or id.", max_length=200)
]
StatesFilter = Annotated[list[StoryState] | None, Query(description="Only those in one of these states.")]
PartFilter = Annotated[str | None, Query(description="Only the stories of this one.", max_length=1000)]
TypesFilter = Annotated[list[EventType] | None, Query(description="Only events of one of these types.")]
NamesFilter = Annotated[
    list[Annotated[str, Field(max_length=200)]] | None,
    Query(description="Only events with one of these names.", max_length=100),
]
RUN_KEY: Kind = TypeAdapter(tuple[AwareDatetime, int, str])
PROOF_KEY: Kind = TypeAdapter(tuple[str, int, AwareDatetime, str, str, int])


@router.get("", operation_id="list_projects")
async def list_projects(
    database: DatabaseDep,
    acting: ActingDep,
    page: PageOf50,
    state: RunState | None = None,
    title: TitleFilter = None,
) -> list[ListedRun]:
    """Runs, newest first."""
    after = page.after(RUN_KEY)
    found = await database.read(runs.list_runs, page.fetch, state, acting.within, title=title, after=after)
    shown = page.cut(found, lambda run: (run.started_at, run.run_number, run.id))
    return await database.read(status.listed, shown)


@router.get("/{project}", operation_id="get_project")
async def get_project(
    project: str,
    database: DatabaseDep,
    stories: Annotated[
        bool, Query(description="List the stories; a large run answers faster without.")
    ] = True,
) -> ProjectStatus:
    """A run with its stories, agents and the number of open questions."""
    return await database.read(status.project_status, project, with_stories=stories)


@router.get("/{project}/stories", operation_id="list_stories")
async def list_stories(
    project: str,
    database: DatabaseDep,
    page: AnyPage,
    state: StatesFilter = None,
    epic: PartFilter = None,
    sprint: PartFilter = None,
    agent: PartFilter = None,
) -> list[StoryStatus]:
    """The stories of a run in the order of the plan."""
    await database.read(runs.get_run, project)
    wanted: dict[str, Any] = {"states": state or (), "epic": epic, "sprint": sprint, "agent": agent}
    after = page.after(NUMBER_TEXT)
    found = await database.read(status.find_stories, project, page.fetch, after, **wanted)
    return [story for _, story in page.cut(found, lambda each: (each[0], each[1].id))]


@router.get("/{project}/stories/{story:path}", operation_id="get_story")
async def get_story(project: str, story: str, database: DatabaseDep) -> StoryStatus:
    """One story, and why it waits."""
    return await database.read(_story, project, story)


@router.get("/{project}/proofs", operation_id="list_proofs")
async def list_proofs(
    project: str, database: DatabaseDep, page: AnyPage, story: StoryFilter = None
) -> list[Proof]:
    """Who or what answered for each criterion and check, on which commit."""
    await database.read(runs.get_run, project)
    after = page.after(PROOF_KEY)
    found = await database.read(proofs.proofs_of, project, story, None, page.fetch, after)
    return page.cut(found, proofs.proof_key)


@router.get("/{project}/events", operation_id="list_events")
async def list_events(
    project: str,
    database: DatabaseDep,
    page: PageOf200,
    after: After = 0,
    type: TypesFilter = None,
    name: NamesFilter = None,
    story: StoryFilter = None,
) -> list[Event]:
    """Events after a number, oldest first."""
    await database.read(runs.get_run, project)
    known = page.number(after)
    wanted: dict[str, Any] = {"types": type or (), "names": name or (), "story": story}
    found = await database.read(events.find_events, project, known, page.most, **wanted)
    return page.cut(found, lambda event: (event.number,))


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
