"""The reader for tables of work, markdown's or HTML's, whose headers say what the columns are."""

from __future__ import annotations

import re
from typing import Literal

from paceline.domain.plan import Epic, Fact, Item, Plan, Sprint, Story
from paceline.plans.columns import Column, column_of
from paceline.plans.document import Document
from paceline.plans.draft import Draft
from paceline.plans.evidence import Evidence
from paceline.plans.fields import normal
from paceline.plans.findings import Code
from paceline.plans.headings import epic_heading, sprint_heading
from paceline.plans.html_table import tables_of
from paceline.plans.inline import without_mark
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Paragraph, Row, Section, Table
from paceline.plans.paths import read_files
from paceline.plans.resolve import NOTHING, key
from paceline.plans.statuses import done_of

KIND = "table of work"

_More = Literal["files", "criteria"]
_MORE: dict[str, _More] = {
    **dict.fromkeys(("files", "file", "files modified", "dateien", "archivos", "fichiers"), "files"),
    "\u6587\u4ef6": "files",
    **dict.fromkeys(
        ("acceptance criteria", "criteria", "acceptance", "definition of done", "akzeptanzkriterien",
         "criterios de aceptaci\u00f3n", "crit\u00e8res d'acceptation", "\u9a8c\u6536\u6807\u51c6"),
        "criteria",
    ),
}  # fmt: skip
_TITLES = frozenset({"story", "task"})
_NAMES: tuple[Column, ...] = ("id", "number", "story", "task")
_SURE = frozenset({"id", "number", "assignee", "points", "dependencies", "status", "sprint"})
_POINTS = re.compile(r"^~?(?P<number>\d{1,6}(?:[.,]\d{1,3})?)\s*(?:[A-Za-z\u4e00-\u9fff]+\.?)?$")


class PlainTableReader:
    """Reads documents whose work stands in tables, one row for every story."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """Whether a table has a column of titles and another that only work has."""
        found = Evidence()
        if any(_is_work(table) for section in document.outline.walk() for table in tables_of(section)):
            found.add(2.5, "a table with columns such as Story, Points or Assignee")
        return found

    def read(self, document: Document) -> Plan:
        """Read the rows as stories; headings over the tables are sprints or epics."""
        draft = Draft()
        _visit(document.outline, None, None, draft)
        return draft.plan(document, KIND)


def _visit(section: Section, epic: Epic | None, sprint: str | None, draft: Draft) -> None:
    heading = sprint_heading(section) if section.level > 1 else None
    if heading is not None:
        sprint = heading.id
        draft.sprints.append(
            Sprint(id=sprint, name=heading.title or None, number=heading.number, line=section.line)
        )
    group = epic_heading(section) if section.level > 0 else None
    if group is not None:
        epic = draft.epic(group.id, without_pictures(group.title), section.line)
    for table in tables_of(section):
        if _is_work(table):
            _rows(table, epic, sprint, draft)
    _keep(section, draft)
    for below in section.sections:
        _visit(below, epic, sprint, draft)


def _rows(table: Table, epic: Epic | None, sprint: str | None, draft: Draft) -> None:
    columns: list[Column | _More | None] = [_column(header) for header in table.header.cells]
    for row in table.rows:
        cells: dict[Column | _More, str] = {}
        rest: list[tuple[str, str]] = []
        for place, (column, cell) in enumerate(zip(columns, row.cells, strict=False)):
            if column is not None and cells.get(column) is None:
                cells[column] = cell
            elif cell:
                rest.append((table.header.cells[place], cell))
        if any(cells.values()) and not _is_total(cells):
            _story(cells, rest, row, (epic, sprint), draft)


def _story(
    cells: dict[Column | _More, str],
    rest: list[tuple[str, str]],
    row: Row,
    place: tuple[Epic | None, str | None],
    draft: Draft,
) -> None:
    title = cells.get("story") or cells.get("task") or ""
    identity = (cells.get("id") or cells.get("number") or "").strip("`* ")
    title, mark = without_mark(title)
    story = Story(
        id=identity or f"T{len(draft.stories) + 1}",
        title=title or identity or "Untitled story",
        kind="story" if "story" in cells else "task",
        epic=place[0].id if place[0] else None,
        sprints=[place[1]] if place[1] else [],
        priority=cells.get("priority") or None,
        line=row.line,
    )
    if not identity:
        draft.numbered(story)
    if cells.get("story") and cells.get("task"):
        story.tasks = [Item(text=text, line=row.line) for text in _parts(cells["task"])]
    story.done = _done(cells.get("status", ""), row.line, draft) if cells.get("status") else mark
    story.points = _points(story, cells.get("points", ""), row.line, draft)
    story.acceptance_criteria = [Item(text=text, line=row.line) for text in _parts(cells.get("criteria", ""))]
    story.files = read_files([cells["files"]]).files if cells.get("files") else []
    story.files_line = row.line if story.files else None
    _belongs(story, cells, row.line, draft)
    draft.stories.append(story)
    if key(cells.get("assignee", "")) not in NOTHING | {"tbd", "unassigned"}:
        draft.assign(story, cells["assignee"], row.line)
    if key(cells.get("dependencies", "")) not in NOTHING:
        draft.wait_for(story, cells["dependencies"], row.line)
    for header, cell in rest:
        if normal(header) in {"description", "details", "beschreibung"} and story.description is None:
            story.description = cell
        else:
            draft.reading.facts.append(_fact(story.id, header, cell, row.line))


def _belongs(story: Story, cells: dict[Column | _More, str], line: int, draft: Draft) -> None:
    """The sprint and the epic that the row itself names."""
    name = cells.get("sprint", "").strip()
    if name and key(name) not in NOTHING:
        identity = f"Sprint {name}" if name.isdecimal() else name
        if all(sprint.id != identity for sprint in draft.sprints):
            number = identity.rpartition(" ")[2]
            draft.sprints.append(
                Sprint(
                    id=identity, number=int(number) if number.isdecimal() else None, implicit=True, line=line
                )
            )
        story.sprints = [identity]
    group = cells.get("epic", "").strip()
    if group and key(group) not in NOTHING:
        story.epic = draft.epic(group, group, line).id


def _points(story: Story, written: str, line: int, draft: Draft) -> float | None:
    match = _POINTS.match(written)
    if match:
        return float(match["number"].replace(",", "."))
    if key(written) not in NOTHING | {"?", "tbd"}:
        draft.reading.warn(
            Code.POINTS_NOT_A_NUMBER,
            f"`{written}` of `{story.id}` is not a number of points, so there are none.",
            "Write one number, such as `5`.",
            line,
        )
        draft.reading.facts.append(_fact(story.id, "points", written, line))
    return None


def _done(status: str, line: int, draft: Draft) -> bool | None:
    text, mark = without_mark(status)
    return mark if mark is not None else done_of(text, line, draft.reading)


def _is_work(table: Table) -> bool:
    columns = {_column(header) for header in table.header.cells}
    return bool(columns & _TITLES) and bool(columns & _SURE) and bool(table.rows)


def _is_total(cells: dict[Column | _More, str]) -> bool:
    """A row that adds up the others is no story."""
    named = [cells.get(name, "") for name in _NAMES]
    words = {normal(name).strip("*: ") for name in named if name}
    return bool(words) and words <= {
        "total",
        "totals",
        "sum",
        "summe",
        "gesamt",
        "total points",
        "\u603b\u8ba1",
    }


def _column(header: str) -> Column | _More | None:
    bare = without_pictures(header).strip("*: ")
    return _MORE.get(normal(bare)) or column_of(bare)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip() and key(part) not in NOTHING]


def _keep(section: Section, draft: Draft) -> None:
    """Keep the running text, the lists, and the tables that hold no work."""
    rest = Section(level=section.level, title=section.title, parent=section.parent)
    rest.blocks = [b for b in section.blocks if not (isinstance(b, Table) and _is_work(b))]
    if section.level == 0:
        lines = [text for b in rest.blocks if isinstance(b, Paragraph) for text in b.lines if text.text]
        draft.reading.facts.extend(_fact(None, text.label, text.value, text.line) for text in lines)
    else:
        draft.reading.keep_section(rest)


def _fact(section: str | None, name: str | None, value: str, line: int) -> Fact:
    return Fact(section=section, name=name, value=value, line=line)
