"""The forms in which one line or one table says labels with values."""

from __future__ import annotations

import re
from collections.abc import Container

from paceline.plans.folding import at_colon, normal
from paceline.plans.inline import Text
from paceline.plans.labels import Words
from paceline.plans.outline import Table

_BREAK = re.compile(r" ?<br ?/?> ?", re.IGNORECASE)
_BETWEEN_FIELDS = re.compile(r" [|\u00b7\u2022] | ?\uff5c ?")
_EMPHASIS = "*_"
_LABELS_OF_WORK = Words(
    "agents",
    "dependencies",
    "tasks",
    "acceptance_criteria",
    "files",
    "new_files",
    "checks",
    "change",
    "no_change",
    "points",
    "total_points",
    "priority",
    "description",
    "user_story",
    "status",
    "title",
    "id",
    "epic",
    "sprints",
    "phase",
    "goal",
    "duration",
    "capacity",
    "project",
    "team",
)
_COLUMNS_OF_WORK = Words("id", "number", "column.story", "column.task")


def label_of(text: Text, known: Container[str]) -> tuple[str | None, str]:
    """The label of a line and its value: a bold label, or one in italics or plain that is known.

    Bold text without a colon is a label where it is known and the line goes on with no sentence.
    """
    if text.label is not None:
        return text.label, text.value
    if text.lead is not None and normal(text.lead) in known:
        rest = text.text.removeprefix(text.lead).strip()
        if not rest[:1].islower():
            return text.lead, rest
    head, colon, tail = at_colon(text.text)
    bare = head.strip(f"{_EMPHASIS} ")
    if colon and normal(bare) in known:
        return bare, (tail.strip(f"{_EMPHASIS} ") if head.startswith(tuple(_EMPHASIS)) else tail).strip()
    return None, text.text


def labels_in(label: str, value: str, known: Container[str]) -> list[tuple[str, str]]:
    """All labels of one line, such as `Agent: Ada | Points: 3`; one where the rest is no row of labels."""
    first, *others = _BETWEEN_FIELDS.split(" ".join(value.split()))
    if not others:
        return [(label, value)]
    found = [(label, first)]
    for other in others:
        head, colon, tail = at_colon(other)
        bare = head.strip(f"{_EMPHASIS} ")
        if not colon or normal(bare) not in known:
            return [(label, value)]
        found.append((bare, tail.strip(f"{_EMPHASIS} ")))
    return found


def lines_of_cell(cell: str) -> list[str]:
    """The lines of a table's cell, which `<br>` divides."""
    return [line for line in _BREAK.split(" ".join(cell.split())) if line]


def fields_of_table(table: Table) -> list[tuple[str, str, int]] | None:
    """Labels, values and lines of a table that describes one thing; None where its rows are things.

    Such a table has a row for every label, as `| Agent | Ada |`, or a column for every label and one row.
    """
    header = table.header
    if len(header.cells) == 2:
        rows = [(row.cells[0], row.cells[1], row.line) for row in table.rows if len(row.cells) > 1]
        known = [row for row in rows if _bare(row[0]) in _LABELS_OF_WORK]
        if known and 2 * len(known) >= len(rows):
            headed = (
                _bare(header.cells[0]) in _LABELS_OF_WORK and _bare(header.cells[0]) not in _COLUMNS_OF_WORK
            )
            return [*([(_bare(header.cells[0]), header.cells[1], header.line)] if headed else []), *rows]
    elif len(table.rows) == 1 and len(header.cells) > 2:
        names = [_bare(cell) for cell in header.cells]
        if all(name in _LABELS_OF_WORK and name not in _COLUMNS_OF_WORK for name in names):
            row = table.rows[0]
            return [(name, cell, row.line) for name, cell in zip(names, row.cells, strict=False)]
    return None


def _bare(cell: str) -> str:
    return cell.strip(f"{_EMPHASIS}: ")
