"""What the columns of a table mean, and whether its rows are work: an API's endpoints are not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

from paceline.plans.columns import Column, column_of
from paceline.plans.inline import read_line, without_mark
from paceline.plans.labels import Meanings, Words
from paceline.plans.left_out import left_out
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Table
from paceline.plans.statuses import is_done
from paceline.plans.task_entries import box_of

Meaning = Column | Literal["files", "criteria", "description", "type", "parent", "links"]

_MORE = Meanings(
    {
        "files": "files",
        "acceptance_criteria": "criteria",
        "definition_of_done": "criteria",
        "description": "description",
        "column.type": "type",
        "column.parent": "parent",
        "column.links": "links",
        "column.action": "task",
    }
)
_VAGUE = Words("column.vague")
_ACTION, _DUE = Words("column.action"), Words("column.due")
_RISK = Words("risks", "probability", "impact")
_AGENT_LABELS = Words("agents")
_IDENTITY = re.compile(r"^[`#*]*(?:[A-Za-z][A-Za-z0-9]*[-_ ])*#?[A-Z]{0,8}\d+(?:\.\d+)*[a-z]?[`*]*$")
_ENOUGH = 2
_MORE_THAN_ASSIGNED = frozenset({"status", "dependencies", "criteria", "files", "parent", "links"})


@dataclass(slots=True)
class Columns:
    """The meaning of each column; None where nobody knows it."""

    meanings: list[Meaning | None]

    @property
    def says_more(self) -> bool:
        """Whether there is what a table that only assigns work to people does not have."""
        return not _MORE_THAN_ASSIGNED.isdisjoint(self.meanings)

    @property
    def title(self) -> int | None:
        """The place of the column with the titles."""
        return next((n for n, each in enumerate(self.meanings) if each in {"story", "task"}), None)


def columns_of(table: Table) -> Columns | None:
    """The columns of a table of work.

    Args:
        table: any.

    Returns:
        None where its rows are no work: there is no column of titles, or nothing beside it that only work
        has. A header such as `Name` or `Description` may be that of anything, so it needs more beside it.
    """
    headers = [_bare(cell) for cell in table.header.cells]
    meanings: list[Meaning | None] = [
        column_of(header) or cast("Meaning | None", _MORE.get(header)) for header in headers
    ]
    _mark_boxes(meanings, table)
    _sharpen(meanings, headers)
    found = Columns(meanings)
    if found.title is None or not table.rows:
        return None
    if _is_action(headers, found):
        return found
    vague = headers[found.title] in _VAGUE or headers[found.title] in _ACTION
    weight = sum(_weight(place, meanings, headers, table, vague) for place in range(len(meanings)))
    return found if weight >= (_ENOUGH if vague else 1) else None


def _is_action(headers: list[str], columns: Columns) -> bool:
    """Whether rows say what somebody does by a day, as in `What | Who | By when`; not a risk's measure."""
    titled = columns.title is not None and headers[columns.title] in _ACTION
    due = any(header in _DUE for header in headers)
    return titled and due and "assignee" in columns.meanings and not any(each in _RISK for each in headers)


def _sharpen(meanings: list[Meaning | None], headers: list[str]) -> None:
    """Of several columns that may hold titles, a vague one is the description of the other."""
    titles = [n for n, meaning in enumerate(meanings) if meaning == "story"]
    clear = [n for n in titles if headers[n] not in _VAGUE]
    for place in titles:
        if (clear and place not in clear) or (not clear and place != titles[0]):
            known = _MORE.get(headers[place])
            meanings[place] = "description" if known == "description" else None


def _mark_boxes(meanings: list[Meaning | None], table: Table) -> None:
    """A column without a name that holds nothing but boxes says whether the work is done."""
    if "status" in meanings:
        return
    for place, meaning in enumerate(meanings):
        cells = [row.cells[place] for row in table.rows if place < len(row.cells) and row.cells[place]]
        if meaning is None and cells and all(mark_of(cell)[1] is not None for cell in cells):
            meanings[place] = "status"
            return


def _weight(place: int, meanings: list[Meaning | None], headers: list[str], table: Table, vague: bool) -> int:
    match meanings[place]:
        case "points" | "dependencies" | "links" | "sprint":
            return 2
        case "assignee":
            return int(headers[place] in _AGENT_LABELS or not vague)
        case "priority" | "epic" | "criteria":
            return 1
        case "id" | "number":
            return int(not vague or _all(place, table, _is_name))
        case "status":
            return int(not vague) or _ENOUGH * _all(place, table, _is_state)
        case _:
            return 0


def _all(place: int, table: Table, holds: Callable[[str], bool]) -> bool:
    cells = [row.cells[place] for row in table.rows if place < len(row.cells) and row.cells[place]]
    return bool(cells) and all(holds(cell) for cell in cells)


def _is_name(cell: str) -> bool:
    return is_identity(cell) and not cell.isdecimal()


def _is_state(cell: str) -> bool:
    text, mark = mark_of(cell)
    return mark is not None or is_done(text) is not None or left_out(text) is not None


def is_identity(cell: str) -> bool:
    """Whether a cell holds nothing but an id, such as `US-1` or `1.2`."""
    return len(cell) < 60 and _IDENTITY.match(cell.strip()) is not None


def mark_of(cell: str) -> tuple[str, bool | None]:
    """A cell's text without the box or sign that says whether the work is done."""
    text, mark = without_mark(cell)
    if mark is not None:
        return text, mark
    if text.startswith("["):
        box = box_of(read_line(f"{text} .", 1))
        if box is not None and box.left_out is None:
            return box.text.removesuffix(".").strip(), box.done
    return text, None


def _bare(header: str) -> str:
    return without_pictures(header).strip("*:?! ")
