"""Tables that sum up stories with headings of their own, and say what these leave out."""

from __future__ import annotations

from collections.abc import Iterable

from paceline.domain.plan import Story
from paceline.plans.agents import Team
from paceline.plans.columns import Column, column_of
from paceline.plans.findings import Code
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Row, Section, Table
from paceline.plans.quantities import points_value
from paceline.plans.reading import Reading
from paceline.plans.statuses import is_done
from paceline.plans.targets import Target, Targets

_NAMES: tuple[Column, ...] = ("id", "number", "story", "task")


def complete_from_tables(root: Section, stories: Iterable[Story], reading: Reading) -> None:
    """Give stories the points, agents, priority and status that only a table of the document says.

    What a story says itself holds; another number of points in a row is remarked.
    """
    known = {story.id: story for story in stories}
    targets = Targets([Target(story.id, story.title, "story") for story in known.values()])
    for section in root.walk():
        for table in (block for block in section.blocks if isinstance(block, Table)):
            columns: list[Column | None] = [column_of(cell) for cell in table.header.cells]
            rows = [(row, _named(row, columns, targets)) for row in table.rows]
            found = [(row, known[name]) for row, name in rows if name is not None]
            if len(columns) > 1 and found and 2 * len(found) >= len(rows):
                for row, story in found:
                    _complete(story, row, columns, reading)


def _named(row: Row, columns: list[Column | None], targets: Targets) -> str | None:
    for wanted in _NAMES:
        for column, cell in zip(columns, row.cells, strict=False):
            target = targets.find(cell, "story") if column == wanted and cell else None
            target = target or (targets.find(cell.partition(":")[0], "story") if column == wanted else None)
            if target is not None:
                return target.id
    return None


def _complete(story: Story, row: Row, columns: list[Column | None], reading: Reading) -> None:
    for column, cell in zip(columns, row.cells, strict=False):
        match column:
            case "points":
                _points(story, points_value(cell), row, reading)
            case "priority" if story.priority is None:
                story.priority = without_pictures(cell) or None
            case "status" if story.done is None and is_done(cell):
                story.done = True
            case "assignee" if not story.agents and cell.strip(" -\u2013\u2014"):
                _agents(story, cell, row, reading.team)
            case _:
                pass


def _points(story: Story, points: float | None, row: Row, reading: Reading) -> None:
    if points is None or points == story.points:
        return
    if story.points is None:
        story.points = points
        return
    reading.warn(
        Code.ROWS_DIFFER,
        f"`{story.id}` has {points:g} points here and {story.points:g} under its heading, which holds.",
        "Write the same points in both places.",
        row.line,
    )


def _agents(story: Story, cell: str, row: Row, team: Team) -> None:
    assigned = team.assign(cell, row.line, story=True)
    story.agents, story.collaborative = assigned.names, assigned.collaborative
    story.agents_as_written, story.agents_line = cell, row.line
