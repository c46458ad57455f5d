"""Rows of a table of work as stories."""

from __future__ import annotations

import re
from dataclasses import dataclass

from paceline.domain.plan import Epic, Fact, Item, Sprint, Story
from paceline.plans.draft import Draft
from paceline.plans.fields import normal
from paceline.plans.findings import Code
from paceline.plans.issue_links import read_links
from paceline.plans.labels import Words
from paceline.plans.left_out import left_out, left_out_in_text, without_strike
from paceline.plans.outline import Row
from paceline.plans.paths import read_files
from paceline.plans.quantities import points_of
from paceline.plans.statuses import done_of
from paceline.plans.table_columns import Columns, Meaning, is_identity, mark_of
from paceline.plans.targets import key

_NOTHING = Words("value.nothing")
_NOBODY = Words("value.nobody", "value.undecided", "value.nothing")
_UNDECIDED = Words("value.undecided", "value.nothing")
_NUMBER = re.compile(r"^~?(?P<number>\d{1,6}(?:[.,]\d{1,3})?)$")
_TOTAL = re.compile(
    r"^(?:sub-?\s?totals?|grand total|totals?|sum|summe|gesamt|\u2211|\u03a3|\u603b\u8ba1|\u5408\u8ba1)"
    r"(?:\s+(?:story\s+)?(?:points|stories|effort|estimate|tasks|items|sprint\s*\w*))?(?:\s*\(.*\))?\s*:?$",
    re.IGNORECASE,
)
_ID_AND_TITLE = re.compile(
    r"^[`\[]?(?P<id>#\d+|[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*-\d[\w.]*|(?:Story|Task|US|T)\s?\d[\w.]*|\d+(?:\.\d+)+)[`\]]?"
    r"(?:\s*[:\u2013\u2014\uff1a]\s*|\s+-\s+|\s+)(?P<title>\S.*)$"
)


@dataclass(frozen=True, slots=True)
class Place:
    """What the headings over a table say of its rows."""

    epic: Epic | None = None
    sprint: str | None = None
    phase: str | None = None


class RowReader:
    """Reads the rows of one table.

    Args:
        columns: what they mean.
        header: their words.
        draft: takes the stories.
    """

    def __init__(self, columns: Columns, header: Row, draft: Draft) -> None:
        self._columns = columns
        self._header = header
        self._draft = draft

    def read(self, row: Row, place: Place) -> None:
        """Read one row; one that adds up the others is no story, and one of type `Epic` is an epic."""
        cells: dict[Meaning, str] = {}
        rest: list[tuple[str, str]] = []
        for number, (meaning, cell) in enumerate(zip(self._columns.meanings, row.cells, strict=False)):
            if meaning is not None and meaning not in cells:
                cells[meaning] = cell
            elif cell:
                rest.append((self._header.cells[number], cell))
        named = [cells.get(name, "") for name in ("id", "number", "story", "task")]
        if not any(named) or _is_total(named):
            return
        kind = normal(cells.get("type", ""))
        identity, title, mark = _names(cells)
        if kind == "epic":
            epic = self._draft.epic(identity or title, title, row.line)
            epic.priority = cells.get("priority") or None
            return
        if kind in {"sub-task", "subtask", "sub task"} and self._subtask(cells, title, mark, row):
            return
        self._story(cells, rest, row, place, (identity, title, mark))

    def _subtask(self, cells: dict[Meaning, str], title: str, mark: bool | None, row: Row) -> bool:
        """Give a sub-task to its parent; whether the parent is known."""
        wanted = key(cells.get("parent", ""))
        parent = next((story for story in self._draft.stories if wanted and key(story.id) == wanted), None)
        if parent is None:
            return False
        done = mark if mark is not None else self._done(cells.get("status", ""), row.line)
        parent.tasks.append(Item(text=title, done=done, line=row.line))
        return True

    def _story(
        self,
        cells: dict[Meaning, str],
        rest: list[tuple[str, str]],
        row: Row,
        place: Place,
        names: tuple[str, str, bool | None],
    ) -> None:
        draft, line = self._draft, row.line
        identity, title, mark = names
        story = Story(
            id=identity or f"T{len(draft.stories) + 1}",
            title=without_strike(title) or identity or "Untitled story",
            kind="story" if "story" in cells else "task",
            epic=place.epic.id if place.epic else None,
            sprints=[place.sprint] if place.sprint else [],
            phase=place.phase,
            priority=cells.get("priority") or None,
            description=cells.get("description") or None,
            line=line,
        )
        if not identity:
            draft.numbered(story)
        if cells.get("story") and cells.get("task"):
            story.tasks = [Item(text=text, line=line) for text in _parts(cells["task"])]
        state = left_out(mark_of(cells.get("status", ""))[0]) or left_out_in_text(title)
        if state is None or mark:
            story.done = mark if mark is not None else self._done(cells.get("status", ""), line)
        story.points = self._points(story, cells.get("points", ""), line)
        story.acceptance_criteria = [Item(text=text, line=line) for text in _parts(cells.get("criteria", ""))]
        story.files = read_files([cells["files"]]).files if cells.get("files") else []
        story.files_line = line if story.files else None
        self._belongs(story, cells, line)
        draft.stories.append(story)
        if cells.get("assignee", "") not in _NOBODY:
            draft.assign(story, cells["assignee"].replace("@", ""), line)
        if cells.get("dependencies", "") not in _NOTHING:
            draft.wait_for(story, cells["dependencies"], line)
        self._links(story, cells, rest, line)
        for name in ("type", "parent"):
            if cells.get(name):
                rest.append((self._header.cells[self._columns.meanings.index(name)], cells[name]))
        draft.reading.facts.extend(
            Fact(section=story.id, name=header, value=cell, line=line) for header, cell in rest
        )
        if state is not None and not story.done:
            draft.leave_out(story, state)

    def _links(self, story: Story, cells: dict[Meaning, str], rest: list[tuple[str, str]], line: int) -> None:
        """Read a cell of linked issues; what it says of the other issues stays a fact of this one."""
        cell = cells.get("links", "")
        if cell in _NOTHING:
            return
        links = read_links(cell)
        if links.waits:
            self._draft.wait_for(story, ", ".join(links.waits), line)
        if links.blocks:
            self._draft.block(story, ", ".join(links.blocks), line)
        others = [*(f"blocks {name}" for name in links.blocks), *links.others]
        if others:
            rest.append((self._header.cells[self._columns.meanings.index("links")], ", ".join(others)))

    def _belongs(self, story: Story, cells: dict[Meaning, str], line: int) -> None:
        """The sprint and the epic that the row itself names."""
        draft = self._draft
        name = cells.get("sprint", "").strip()
        if name not in _UNDECIDED:
            identity = f"Sprint {name}" if name.isdecimal() else name
            if all(sprint.id != identity for sprint in draft.sprints):
                number = identity.rpartition(" ")[2]
                draft.sprints.append(
                    Sprint(
                        id=identity,
                        number=int(number) if number.isdecimal() and len(number) < 6 else None,
                        implicit=True,
                        line=line,
                    )
                )
            story.sprints = [identity]
        group = cells.get("epic", "").strip()
        if group not in _UNDECIDED:
            identity = f"Epic {group}" if group.isdecimal() else group
            story.epic = draft.epic(identity, identity, line).id

    def _points(self, story: Story, written: str, line: int) -> float | None:
        match = _NUMBER.match(written)
        points = float(match["number"].replace(",", ".")) if match else points_of(written)
        if points is None and written not in _UNDECIDED:
            self._draft.reading.warn(
                Code.POINTS_NOT_A_NUMBER,
                f"`{written}` of `{story.id}` is not a number of points, so there are none.",
                "Write one number, such as `5`.",
                line,
            )
            self._draft.reading.facts.append(Fact(section=story.id, name="points", value=written, line=line))
        return points

    def _done(self, status: str, line: int) -> bool | None:
        text, mark = mark_of(status)
        if mark is not None or not status or left_out(text) is not None:
            return mark
        return done_of(text, line, self._draft.reading)


def _names(cells: dict[Meaning, str]) -> tuple[str, str, bool | None]:
    """The id, the title and the mark of a row; both names may stand in one cell, as `US-1: Title`."""
    title, mark = mark_of(cells.get("story") or cells.get("task") or "")
    identity = (cells.get("id") or cells.get("number") or "").strip("`* ")
    identity, own = mark_of(identity) if identity else ("", None)
    mark = mark if mark is not None else own
    if identity:
        return identity, title, mark
    match = _ID_AND_TITLE.match(without_strike(title))
    if match is not None:
        struck = "~~" if title.startswith("~~") else ""
        return match["id"], f"{struck}{match['title']}{struck}", mark
    if title and is_identity(title):
        return title.strip("`* "), (cells.get("description") or title).strip("`* "), mark
    return "", title, mark


def _is_total(named: list[str]) -> bool:
    """A row that adds up the others is no story."""
    words = [name.strip("*_` ") for name in named if name.strip("*_` ") not in _NOTHING]
    return bool(words) and all(_TOTAL.match(word) for word in words)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip() not in _NOTHING]
