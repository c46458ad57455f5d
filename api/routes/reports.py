"""The reports of sprints, the standup of this moment, and what people add to reviews and retrospectives."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import AwareDatetime, Field, TypeAdapter
from sqlalchemy.orm import Session

from activities.reports import report_files
from activities.sprint_records import sprint_to_look_back_on, standup_now
from api.deps import HIGHEST, DatabaseDep
from api.paging import NUMBER, AnyPage, Kind, PageOf200
from api.permissions import ActingDep
from paceline.domain.events import EventDraft, EventType
from paceline.domain.exchange import NAME_LIMIT
from paceline.domain.model import Model
from paceline.domain.report_texts import report_text
from paceline.domain.reports import Report, ReportKind
from paceline.domain.retro_entries import TEXT_LIMIT, EntryDraft, EntryKind, RetroEntry
from paceline.errors import NotFound
from paceline.store import changes, events, reports, runs

router = APIRouter(prefix="/projects", tags=["reports"])

MARKDOWN = "text/markdown"
Accept = Annotated[str, Header(description="`text/markdown` for people; else JSON.")]
KindFilter = Annotated[ReportKind | None, Query(description="Only reports of this kind.")]
SprintFilter = Annotated[str | None, Query(description="Only those of this sprint.", max_length=500)]
Number = Annotated[int, Path(ge=1, le=HIGHEST, description="Which of the sprint's, from 1.")]
REPORT_KEY: Kind = TypeAdapter(tuple[AwareDatetime, int, str, str])
Name = Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]


class EntryRequest(Model):
    """What a person adds to a retrospective, or as feedback to a review."""

    text: str = Field(min_length=1, max_length=TEXT_LIMIT)
    kind: EntryKind = EntryKind.IMPROVEMENT
    topic: str = Field(default="", max_length=NAME_LIMIT)
    sprint: str | None = Field(default=None, max_length=500, description="Default: the last that ended.")
    actor: Name = "unknown"
    key: Name | None = Field(default=None, description="The same key again is the same entry.")


@router.get("/{project}/reports", operation_id="list_reports")
async def list_reports(
    project: str,
    database: DatabaseDep,
    page: PageOf200,
    kind: KindFilter = None,
    sprint: SprintFilter = None,
) -> list[Report]:
    """The reports of a run, newest first."""
    await database.read(runs.get_run, project)
    after = page.after(REPORT_KEY)
    found = await database.read(reports.reports_of, project, sprint, kind, page.fetch, after)
    return page.cut(found, lambda each: (each.made_at, each.number, each.kind.value, each.sprint))


@router.get(
    "/{project}/reports/{kind}/{sprint:path}/{number}",
    operation_id="get_report",
    response_model=Report,
    responses={200: {"content": {MARKDOWN: {}}}},
)
async def get_report(
    project: str, kind: ReportKind, sprint: str, number: Number, database: DatabaseDep, accept: Accept = ""
) -> Report | Response:
    """One report, as JSON or as markdown."""
    report = await database.read(reports.get_report, project, sprint, kind, number)
    if MARKDOWN not in accept:
        return report
    _, plan, _ = await database.read(changes.run_in_force, project)
    entries = await database.read(reports.entries_of, project, sprint)
    return Response(report_files(report, plan, entries)[0][1], media_type=MARKDOWN)


@router.get(
    "/{project}/standup",
    operation_id="get_standup",
    response_model=Report,
    responses={200: {"content": {MARKDOWN: {}}}},
)
async def get_standup(project: str, database: DatabaseDep, accept: Accept = "") -> Report | Response:
    """The standup of this moment, from where the last stored one ended; it is not stored."""
    report, plan = await database.read(standup_now, project)
    if MARKDOWN not in accept:
        return report
    return Response(report_text(report, plan), media_type=MARKDOWN)


@router.get("/{project}/retrospective", operation_id="list_retrospective_entries")
async def list_entries(
    project: str, database: DatabaseDep, page: AnyPage, sprint: SprintFilter = None
) -> list[RetroEntry]:
    """What people added to the reviews and retrospectives of a run, oldest first."""
    await database.read(runs.get_run, project)
    after = page.after(NUMBER)
    found = await database.read(reports.entries_of, project, sprint, page.fetch, after)
    return page.cut(found, lambda entry: (entry.number,))


@router.post(
    "/{project}/retrospective",
    operation_id="add_retrospective_entry",
    status_code=201,
    responses={200: {"model": RetroEntry, "description": "The key is known."}},
)
async def add_entry(
    project: str, body: EntryRequest, response: Response, database: DatabaseDep, acting: ActingDep
) -> RetroEntry:
    """Add to a retrospective or a review; an improvement is in the plan of the sprint after it."""
    wish = body.model_copy(update={"actor": acting.named(body.actor), "key": body.key or acting.fresh_id()})
    entry, new = await database.write(_add, project, wish)
    response.status_code = 201 if new else 200
    return entry


def _add(session: Session, project: str, body: EntryRequest) -> tuple[RetroEntry, bool]:
    _, plan, _ = changes.run_in_force(session, project)
    sprint = body.sprint or sprint_to_look_back_on(session, project)
    if sprint not in {each.id for each in plan.sprints}:
        known = ", ".join(each.id for each in plan.sprints)
        raise NotFound(f"{project} has no sprint {sprint}; it has {known}.", project=project)
    draft = EntryDraft(
        key=body.key or "",
        kind=body.kind,
        topic=body.topic,
        text=body.text,
        actor=body.actor,
    )
    entry, new = reports.add_entry(session, project, sprint, draft)
    told = EventDraft(
        key=f"{project}#retrospective#{entry.number}",
        type=EventType.WORKFLOW_EVENT,
        name="retrospective.entry",
        actor=entry.actor,
        data={"sprint": sprint, "kind": entry.kind.value, "topic": entry.topic, "text": entry.text},
    )
    events.append_events(session, project, [told])
    return entry, new
