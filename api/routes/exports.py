"""Tables of a run as CSV, streamed in pages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from api.deps import DatabaseDep
from paceline.domain.exports import (
    ATTEMPT_EVENTS,
    COLUMNS,
    AttemptTable,
    Cell,
    ExportTable,
    csv_text,
    event_row,
    question_row,
    story_row,
)
from paceline.domain.ids import slug
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
    pages = (
        _attempts(database, project) if table is ExportTable.ATTEMPTS else _plain(database, project, table)
    )
    async for rows in pages:
        yield csv_text(rows)


async def _plain(database: Database, project: str, table: ExportTable) -> AsyncGenerator[_Rows]:
    read, to_row = _PLAIN[table]
    last: Any = None
    while page := await database.read(read, project, last, PAGE):
        yield [to_row(each) for each in page]
        last = page[-1]


async def _attempts(database: Database, project: str) -> AsyncGenerator[_Rows]:
    attempts, last = AttemptTable(), None
    while page := await database.read(exports.events_from, project, last, PAGE, ATTEMPT_EVENTS):
        yield attempts.read(page)
        last = page[-1]
    yield attempts.rest()
