"""What a run is made of: its plan in force, its sprints and epics, and the attempts of its stories."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from api.deps import DatabaseDep
from api.etags import IfNoneMatch, is_known, not_modified, plan_etag
from api.paging import NUMBER, AnyPage, Page
from paceline.domain.attempts import ATTEMPT_EVENTS, Attempt, attempts_of
from paceline.domain.changes import changed_plan
from paceline.domain.part_status import EpicStatus, SprintStatus, epic_statuses, sprint_statuses
from paceline.domain.plan import Plan
from paceline.domain.states import RunState
from paceline.domain.status import StoryStatus
from paceline.errors import NotFound
from paceline.store import changes, events, status

T = TypeVar("T", SprintStatus, EpicStatus)

router = APIRouter(prefix="/projects", tags=["projects"])

_MOST_EVENTS = 100_000
_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The caller has this version."}}


@router.get("/{project}/plan", operation_id="get_plan", response_model=Plan, responses=_NOT_MODIFIED)
async def get_plan(project: str, database: DatabaseDep, if_none_match: IfNoneMatch = None) -> Response:
    """The normal form of the plan that a run follows now, with what people changed; 304 where it is known."""
    run, plan, changed = await database.read(changes.run_in_force, project)
    etag = plan_etag(run, changed)
    if is_known(if_none_match, etag):
        return not_modified(etag)
    # The plan of thousands of stories takes a while, in which the API answers others.
    text = await asyncio.to_thread(lambda: changed_plan(plan, changed).model_dump_json())
    return Response(text, media_type="application/json", headers={"ETag": etag})


@router.get("/{project}/sprints", operation_id="list_sprints")
async def list_sprints(project: str, database: DatabaseDep, page: AnyPage) -> list[SprintStatus]:
    """The sprints of a run with their counts and states, in the plan's order."""
    return _cut(page, sprint_statuses(*await database.read(_stand, project)))


@router.get("/{project}/sprints/{sprint:path}", operation_id="get_sprint")
async def get_sprint(project: str, sprint: str, database: DatabaseDep) -> SprintStatus:
    """One sprint."""
    found = sprint_statuses(*await database.read(_stand, project))
    return _named(found, sprint, f"{project} has no sprint {sprint}")


@router.get("/{project}/epics", operation_id="list_epics")
async def list_epics(project: str, database: DatabaseDep, page: AnyPage) -> list[EpicStatus]:
    """The epics of a run with their counts and states, in the plan's order."""
    return _cut(page, epic_statuses(*await database.read(_stand, project)))


@router.get("/{project}/epics/{epic:path}", operation_id="get_epic")
async def get_epic(project: str, epic: str, database: DatabaseDep) -> EpicStatus:
    """One epic."""
    return _named(epic_statuses(*await database.read(_stand, project)), epic, f"{project} has no epic {epic}")


@router.get("/{project}/stories/{story:path}/attempts", operation_id="list_attempts")
async def list_attempts(project: str, story: str, database: DatabaseDep, page: AnyPage) -> list[Attempt]:
    """The attempts of a story, oldest first: when, who, what came of each, and what it took."""
    after = page.after(NUMBER)
    found = await database.read(_attempts, project, story)
    return page.cut(
        [each for each in found if after is None or each.attempt > after[0]], lambda each: (each.attempt,)
    )


@router.get("/{project}/stories/{story:path}/attempts/{attempt}", operation_id="get_attempt")
async def get_attempt(project: str, story: str, attempt: int, database: DatabaseDep) -> Attempt:
    """One attempt of a story."""
    for each in await database.read(_attempts, project, story):
        if each.attempt == attempt:
            return each
    raise NotFound(f"{story} of {project} has no attempt {attempt}.", project=project, story=story)


def _cut(page: Page, found: list[T]) -> list[T]:
    after = page.after(NUMBER)
    placed = list(enumerate(found))[after[0] + 1 if after and after[0] >= 0 else 0 :]
    return [each for _, each in page.cut(placed, lambda entry: (entry[0],))]


def _named(found: list[T], id: str, otherwise: str) -> T:
    for each in found:
        if each.id == id:
            return each
    raise NotFound(f"{otherwise}; it has {', '.join(each.id for each in found[:20]) or 'none'}.")


def _stand(session: Session, project: str) -> tuple[Plan, list[StoryStatus], RunState]:
    run, plan, _ = changes.run_in_force(session, project)
    return plan, status.story_statuses(session, project), run.state


def _attempts(session: Session, project: str, story: str) -> list[Attempt]:
    status.story_status(session, project, story)
    told = events.find_events(session, project, 0, _MOST_EVENTS, names=ATTEMPT_EVENTS, story=story)
    return attempts_of(told)
