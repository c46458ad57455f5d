"""Tables of a run as CSV, streamed in pages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from api.deps import DatabaseDep
from paceline.domain.events import Event
from paceline.domain.exports import (
    ATTEMPT_EVENTS,
    COLUMNS,
    AttemptTable,
    Cell,
    ExportTable,
    cost_row,
    csv_text,
    event_row,
    question_row,
    story_row,
    time_row,
)
from paceline.domain.ids import slug
from paceline.domain.usage import AGENT_RAN, TIME_EVENTS, StoryTimes
from paceline.store import exports, runs
from paceline.store.database import Database

router = APIRouter(prefix="/projects", tags=["exports"])

PAGE = 1000
"""Rows that are read and sent at a time."""
CSV = "text/csv; charset=utf-8"

_Rows = list[tuple[Cell, ...]]
_PLAIN: dict[ExportTable, tuple[Callable[..., list[Any]], Callable[[Any], tuple[Cell, ...]]]] = {
    ExportTable.STORIES: (exports.stories_from, story_row),
    ExportTable.EVENTS: (exports.events_from, event_row),
    ExportTable.QUESTIONS: (exports.questions_from, question_row),
}
"""How a page is read, and what each of its entries is as a row."""


@router.get(
    "/{project}/export/{table}",
    operation_id="export_table",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}}},
)
async def export_table(project: str, table: ExportTable, database: DatabaseDep) -> StreamingResponse:
    """A table of a run as CSV; texts that a spreadsheet would run begin with an apostrophe."""
    await database.read(runs.get_run, project)
    name = f"{slug(project)}-{table.value}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_texts(database, project, table), media_type=CSV, headers=headers)


async def _texts(database: Database, project: str, table: ExportTable) -> AsyncGenerator[str]:
    yield csv_text([COLUMNS[table]])
    derived = _DERIVED.get(table)
    pages = derived(database, project) if derived else _plain(database, project, table)
    async for rows in pages:
        yield csv_text(rows)


async def _plain(database: Database, project: str, table: ExportTable) -> AsyncGenerator[_Rows]:
    read, to_row = _PLAIN[table]
    last: Any = None
    while page := await database.read(read, project, last, PAGE):
        yield [to_row(each) for each in page]
        last = page[-1]


async def _events(database: Database, project: str, names: Sequence[str]) -> AsyncGenerator[list[Event]]:
    last = None
    while page := await database.read(exports.events_from, project, last, PAGE, names):
        yield page
        last = page[-1]


async def _attempts(database: Database, project: str) -> AsyncGenerator[_Rows]:
    attempts = AttemptTable()
    async for page in _events(database, project, ATTEMPT_EVENTS):
        yield attempts.read(page)
    yield attempts.rest()


async def _cost(database: Database, project: str) -> AsyncGenerator[_Rows]:
    async for page in _events(database, project, (AGENT_RAN,)):
        yield [cost_row(event) for event in page]


async def _time(database: Database, project: str) -> AsyncGenerator[_Rows]:
    times = StoryTimes()
    async for page in _events(database, project, TIME_EVENTS):
        times.read(page)
    waiting = await database.read(exports.seconds_waiting, project)
    last = None
    while stories := await database.read(exports.stories_from, project, last, PAGE):
        yield [time_row(story, times.of(story.id), waiting.get(story.id, 0.0)) for story in stories]
        last = stories[-1]


_DERIVED: dict[ExportTable, Callable[[Database, str], AsyncGenerator[_Rows]]] = {
    ExportTable.ATTEMPTS: _attempts,
    ExportTable.TIME: _time,
    ExportTable.COST: _cost,
}
"""Those whose rows are no rows of the database."""
