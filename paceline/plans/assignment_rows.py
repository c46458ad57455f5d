"""Rows of assignment tables, and the stories that they are parts of.

A story that several sprints share has a row in each: `STORY-006: Title (Start)` with `3/5` points, then
`STORY-006: Title (Complete)` with `2/5`. It is one story of five points with two allocations.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from paceline.domain.plan import Allocation, Story, StoryKind
from paceline.plans.columns import Column, column_of
from paceline.plans.field_lines import lines_of_cell
from paceline.plans.fields import split_parenthesis
from paceline.plans.findings import Code
from paceline.plans.inline import DONE_MARK, without_mark
from paceline.plans.labels import Labels, Words, per_table
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Row, Table
from paceline.plans.quantities import number_of
from paceline.plans.reading import Reading
from paceline.plans.statuses import is_done
from paceline.plans.targets import key

MARKERS = Words("value.part_marker")
"""Remarks after a title that say which part of a story a row is; all others belong to the title."""

_LINK = re.compile(r"^\[([^\]]{1,200})\]\([^)]{0,400}\)")
_ID = re.compile(
    r"^`?(?P<id>(?:[A-Z][A-Za-z0-9]*-)+\d[\w.]*(?<!\.)|(?i:(?:user )?story|task)\s+#?\d[\w.]*(?<!\.)|#\d+)`?"
    r"(?:\s*[:\u2013\u2014]\s*|\s+-\s+|\.\s+|\s+|$)(?P<title>.*)$"
)
_NUMBERED = re.compile(
    r"^(?P<id>\d+(?:\.\d+)*)(?:\s*[:\uff1a\u2013\u2014]\s*|\s+-\s+|[.)]\s+|(?<=\.\d)\s+)(?P<title>.+)$"
)
_BLANK = Words("value.nothing", "value.undecided", "value.nobody")
_TOTAL = Words("value.total")


@per_table
def _points(table: Labels) -> re.Pattern[str]:
    """`5`, `5 SP` and `3/5`, three points of a story of five."""
    number = r"\d{1,9}(?:[.,]\d{1,9})?"
    return re.compile(
        rf"^~?\s*(?P<points>{number})(?:\s*(?:/|of|von|de|sur)\s*(?P<of>{number}))?"
        rf"\s*(?:{table.alternation('unit.points')})?\.?$",
        re.IGNORECASE,
    )


@dataclass(slots=True)
class AssignmentRow:
    """One row: a story's part in a sprint, or work that has no id."""

    sprint: str
    title: str
    line: int
    id: str | None = None
    number: str | None = None
    """Its place in a list, which is an id only where it is unique in the whole document."""
    kind: StoryKind = "story"
    marker: str | None = None
    assignee: str | None = None
    points: float | None = None
    of: float | None = None
    priority: str | None = None
    epic: str | None = None
    dependencies: str | None = None
    done: bool | None = None


def is_assignment_table(table: Table) -> bool:
    """Whether a table's columns say who does what, or for how many points."""
    columns = _columns(table)
    work = columns & {"story", "task", "id", "number"}
    return bool(work) and bool(columns & {"assignee", "points"})


def has_sprint_column(table: Table) -> bool:
    """Whether each row says its sprint itself."""
    return "sprint" in _columns(table)


class RowReader:
    """Reads the tables of all sprints.

    Args:
        reading: takes the cells that no field holds, and the remarks.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.rows: list[AssignmentRow] = []

    def table(self, table: Table, sprint: str) -> None:
        """Read one table of a sprint; a row may name another sprint in a column of its own."""
        names = [column_of(cell) for cell in table.header.cells]
        for row in table.rows:
            cells: dict[str, str] = {}
            extra: dict[str, str] = {}
            for name, header, cell in zip(names, table.header.cells, row.cells, strict=False):
                if name is not None and name not in cells:
                    cells[name] = " ".join(lines_of_cell(cell))
                elif cell:
                    extra[header] = cell
            if any(row.cells) and not _is_total(row.cells):
                self._row(row, cells, extra, sprint)

    def _row(self, row: Row, cells: dict[str, str], extra: dict[str, str], sprint: str) -> None:
        written, mark = without_mark(cells.get("story") or cells.get("task") or "")
        identity, title, marker = _work(written, cells.get("id"))
        found = AssignmentRow(
            sprint=_sprint_id(cells.get("sprint")) or sprint,
            title=title,
            line=row.line,
            id=identity,
            number=cells.get("number") or None,
            kind="task" if "task" in cells and "story" not in cells else "story",
            marker=marker,
            assignee=_cell(cells.get("assignee")),
            priority=_cell(without_pictures(cells.get("priority") or "")),
            epic=_cell(cells.get("epic")),
            dependencies=cells.get("dependencies"),
            done=True if row.done else mark,
        )
        self._points(found, cells.get("points", ""))
        if cells.get("status") and cells["status"] != DONE_MARK:
            found.done = is_done(cells["status"])
            extra["Status"] = cells["status"]
        self.rows.append(found)
        for name, value in extra.items():
            self._reading.keep_cell(identity or title, name, value, row.line)

    def _points(self, row: AssignmentRow, cell: str) -> None:
        match = _points().match(cell)
        if match:
            row.points = number_of(match["points"])
            row.of = number_of(match["of"]) if match["of"] else None
        elif cell not in _BLANK:
            self._reading.warn(
                Code.POINTS_NOT_A_NUMBER,
                f"`{cell}` is not a number of points, so `{row.id or row.title}` has none in `{row.sprint}`.",
                "Write one number, such as `5`, or a part of it, such as `3/5`.",
                row.line,
            )


@dataclass(slots=True)
class Work:
    """A story with the rows that it was made of."""

    story: Story
    rows: list[AssignmentRow] = field(default_factory=list[AssignmentRow])


def stories_of_rows(rows: list[AssignmentRow], reading: Reading) -> list[Work]:
    """Put the rows together.

    Args:
        rows: of all sprints, in document order.
        reading: takes the remarks on rows that do not agree.

    Returns:
        The stories, and the work without ids, in the order of their first rows. Assignees are not resolved.
    """
    _number_rows(rows)
    has_ids = any(row.id is not None for row in rows)
    found: list[Work] = []
    open_stories: dict[str, Work] = {}
    taken: set[str] = set()
    for row in rows:
        work = open_stories.get(key(row.id)) if row.id is not None else None
        if work is not None and _continues(work, row):
            _remark_difference(work.rows[0], row, reading)
            work.rows.append(row)
            continue
        work = Work(_story(row, has_ids, taken), [row])
        found.append(work)
        if row.id is not None:
            open_stories[key(row.id)] = work
    for work in found:
        _settle_points(work)
    return found


def _columns(table: Table) -> set[Column]:
    return {column for cell in table.header.cells if (column := column_of(cell)) is not None}


def _is_total(cells: list[str]) -> bool:
    """A closing row that repeats the sum is no work."""
    first = next((cell for cell in cells if cell), "")
    return first.strip("*: ") in _TOTAL


def _cell(cell: str | None) -> str | None:
    return None if cell is None or cell in _BLANK else cell


def _sprint_id(cell: str | None) -> str | None:
    if not cell:
        return None
    return f"Sprint {cell}" if cell[:1].isdigit() else cell


def _work(written: str, identity: str | None) -> tuple[str | None, str, str | None]:
    """Id, title and marker of what a row is about."""
    bare, remark = split_parenthesis(_LINK.sub(r"\1", written))
    marker = remark if remark is not None and remark in MARKERS else None
    text = bare if marker else _LINK.sub(r"\1", written)
    if identity:
        token = _LINK.sub(r"\1", identity).strip("`")
        return token, text or token, marker
    match = _ID.match(text) or _NUMBERED.match(text)
    if match is None:
        return None, text, marker
    return match["id"], match["title"].strip() or match["id"], marker


def _number_rows(rows: list[AssignmentRow]) -> None:
    """Take the numbers of rows for ids where there are no others and no number is used twice."""
    numbers = {row.number for row in rows if row.number is not None}
    if len(numbers) == len(rows) and all(row.id is None for row in rows):
        for row in rows:
            row.id = row.number


def _continues(work: Work, row: AssignmentRow) -> bool:
    """Whether a row is a further part of a story and not another story of the same id."""
    first = work.rows[0]
    partial = any(each.marker or each.of for each in (first, row))
    elsewhere = all(row.sprint != earlier.sprint for earlier in work.rows)
    return partial or (elsewhere and key(row.title) == key(first.title))


def _remark_difference(first: AssignmentRow, row: AssignmentRow, reading: Reading) -> None:
    pairs = (("title", first.title, row.title), ("priority", first.priority, row.priority))
    for what, kept, other in pairs:
        if kept is not None and other is not None and key(kept) != key(other):
            reading.warn(
                Code.ROWS_DIFFER,
                f"`{row.id}` has the {what} `{other}` here and `{kept}` in line {first.line}; "
                "the first is kept.",
                f"Write the same {what} in both rows.",
                row.line,
            )


def _story(row: AssignmentRow, has_ids: bool, taken: set[str]) -> Story:
    identity = row.id
    if identity is None:
        identity, number = f"{row.sprint}: {row.title}", 1
        while identity in taken:
            number += 1
            identity = f"{row.sprint}: {row.title} ({number})"
        taken.add(identity)
    # Among stories with ids, a row without one is work that no story asked for.
    kind: StoryKind = "task" if row.id is None and has_ids else row.kind
    return Story(id=identity, title=row.title, kind=kind, priority=row.priority, line=row.line)


def _settle_points(work: Work) -> None:
    story, rows = work.story, work.rows
    story.sprints = list(dict.fromkeys(row.sprint for row in rows))
    wholes = [row.of for row in rows if row.of is not None]
    parts = [row.points for row in rows if row.points is not None]
    if wholes:
        story.points = max(wholes)
    elif parts and len(parts) == len(rows):
        story.points = sum(parts)
    if len(rows) > 1 or wholes or rows[0].marker:
        story.allocations = [
            Allocation(sprint=row.sprint, points=row.points, of=row.of, marker=row.marker, line=row.line)
            for row in rows
            if row.points is not None
        ]
    story.priority = next((row.priority for row in rows if row.priority), None)
    story.done = rows[-1].done
    written = dict.fromkeys(row.assignee for row in rows if row.assignee)
    story.agents_as_written = ", ".join(written) or None
    story.agents_line = next((row.line for row in rows if row.assignee), None)
