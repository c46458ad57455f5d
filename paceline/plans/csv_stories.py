"""Stories from CSV, a row each: read whole or not at all, with every error by line and column."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from paceline.domain.graph import find_cycle
from paceline.domain.model import Model

COLUMNS = {
    "id": "as `1.2`, `Story 1.2` or `ABC-7`, which becomes `Story ABC-7`; needed",
    "title": "needed",
    "epic": "id or name; stories of one are put together",
    "sprint": "as `Sprint 2`",
    "agent": "one, or several with `;` between",
    "points": "a number from 0",
    "priority": "`Critical`, `High`, `Medium` or `Low`, or `P0` to `P3`",
    "dependencies": "ids of other rows, with `;` between",
    "description": "one paragraph",
    "tasks": "with `;` between, or a line each",
    "acceptance_criteria": "with `;` between, or a line each",
    "checks": "commands, a line each",
    "files": "paths and globs, with `;` between",
}
_ALIASES = {
    "story": "id",
    "story_id": "id",
    "key": "id",
    "name": "title",
    "summary": "title",
    "agents": "agent",
    "assignee": "agent",
    "story_points": "points",
    "depends_on": "dependencies",
    "criteria": "acceptance_criteria",
    "check": "checks",
    "file": "files",
    "task": "tasks",
}
_PRIORITIES = frozenset({"critical", "high", "medium", "low", "p0", "p1", "p2", "p3"})
_ROWS = 20_000
_CELL_LIMIT = 100_000


class CsvError(Model):
    """What is wrong with a cell or a line."""

    line: int
    """Where its row begins, counted from 1."""
    column: str | None = None
    message: str
    remedy: str


@dataclass(frozen=True)
class CsvStory:
    """A row."""

    line: int
    id: str
    title: str
    epic: str = ""
    sprint: str = ""
    agents: list[str] = field(default_factory=list[str])
    points: float | None = None
    priority: str = ""
    dependencies: list[str] = field(default_factory=list[str])
    description: str = ""
    tasks: list[str] = field(default_factory=list[str])
    acceptance_criteria: list[str] = field(default_factory=list[str])
    checks: list[str] = field(default_factory=list[str])
    files: list[str] = field(default_factory=list[str])


def read_stories(text: str) -> tuple[list[CsvStory], list[CsvError]]:
    """The rows, and everything that is wrong with them.

    Args:
        text: CSV with a heading; commas, semicolons or tabs between the cells, as the heading has them.
    """
    errors: list[CsvError] = []
    rows = _rows(text, errors)
    first = next(rows, None)
    if first is None:
        return [], errors or [_error(1, None, "There is no heading", f"begin with {', '.join(COLUMNS)}")]
    names = _heading(*first, errors)
    stories = _as_named([_story(line, cells, names, errors) for line, cells in rows])
    if not stories and not errors:
        errors.append(_error(first[0], None, "There are no stories below the heading", "add a line for each"))
    _check_ids([story for story in stories if story.id], errors)
    if not errors:
        _check_order(stories, errors)
    return stories, sorted(errors, key=lambda each: each.line)


def _as_named(stories: list[CsvStory]) -> list[CsvStory]:
    """Dependencies as their rows write them: `story 1.1` is `Story 1.1`."""
    known = {story.id.casefold(): story.id for story in stories}
    return [
        replace(story, dependencies=[known.get(name.casefold(), name) for name in story.dependencies])
        for story in stories
    ]


def _rows(text: str, errors: list[CsvError]) -> Iterator[tuple[int, list[str]]]:
    heading = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=heading.count)
    reader = csv.reader(
        io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter, strict=True
    )
    begun = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begun, cells
            begun = reader.line_num + 1
    except csv.Error as error:
        # What follows a quote that is not closed is nobody's row.
        errors.append(
            _error(begun, None, f"This is no CSV ({error})", "close its quotes, and double those inside")
        )


def _heading(line: int, cells: list[str], errors: list[CsvError]) -> list[str]:
    names: list[str] = []
    for cell in cells:
        plain = re.sub(r"[\s_-]+", "_", cell.strip().casefold())
        name = _ALIASES.get(plain, plain)
        if name not in COLUMNS:
            known = ", ".join(COLUMNS)
            errors.append(_error(line, cell[:60], "This column is not known", f"use {known}, or remove it"))
        elif name in names:
            errors.append(_error(line, name, "This column is there twice", "remove one of them"))
        names.append(name)
    errors += [
        _error(line, name, "This column is missing", f"add it: {COLUMNS[name]}")
        for name in ("id", "title")
        if name not in names
    ]
    return names


def _story(line: int, cells: list[str], names: list[str], errors: list[CsvError]) -> CsvStory:
    if len(cells) != len(names):
        errors.append(
            _error(
                line,
                None,
                f"This line has {len(cells)} cells, and the heading {len(names)}",
                "put a cell with a comma or a line break into quotes",
            )
        )
    found = dict(zip(names, cells, strict=False))
    for name, cell in found.items():
        if len(cell) > _CELL_LIMIT or any(not (c.isprintable() or c in "\r\n\t") for c in cell):
            why = "has control characters, or more than 100,000 characters"
            errors.append(_error(line, name, f"This cell {why}", "remove them"))
    one = {name: " ".join(found.get(name, "").split()) for name in COLUMNS}
    for name in ("id", "title"):
        if name in names and not one[name]:
            errors.append(_error(line, name, "This cell is empty", "write it"))
    if one["priority"] and one["priority"].casefold() not in _PRIORITIES:
        message = f"{one['priority'][:40]!r} is no priority"
        errors.append(_error(line, "priority", message, f"write {COLUMNS['priority']}"))
    return CsvStory(
        line=line,
        id=story_id(one["id"]),
        title=one["title"],
        epic=one["epic"],
        sprint=f"Sprint {one['sprint']}" if one["sprint"].isdecimal() else one["sprint"],
        agents=_list(found.get("agent", "")),
        points=_points(line, one["points"], errors),
        priority=one["priority"],
        dependencies=[story_id(each) for each in _list(found.get("dependencies", ""))],
        description=one["description"],
        tasks=_list(found.get("tasks", "")),
        acceptance_criteria=_list(found.get("acceptance_criteria", "")),
        # A command may have a semicolon.
        checks=_list(found.get("checks", ""), r"[\r\n]+"),
        files=_list(found.get("files", "")),
    )


def _points(line: int, written: str, errors: list[CsvError]) -> float | None:
    if not written:
        return None
    try:
        found = float(written)
    except ValueError:
        found = math.nan
    if not (math.isfinite(found) and 0 <= found <= 1_000_000):
        errors.append(
            _error(line, "points", f"{written[:40]!r} is no number of points", "write one as 3 or 0.5")
        )
        return None
    return found


def _list(cell: str, between: str = r"[;\r\n]+") -> list[str]:
    return [plain for each in re.split(between, cell) if (plain := " ".join(each.split()))]


def story_id(written: str) -> str:
    """`Story 1.2` for `1.2`, `Story ABC-7` for `ABC-7`, and anything else as it is."""
    found = re.fullmatch(r"(?:story\s+)?(\d+(?:\.\d+)*|[a-z]\w*-?\d+)", written, re.ASCII | re.IGNORECASE)
    return f"Story {found[1]}" if found else written


def _check_ids(stories: list[CsvStory], errors: list[CsvError]) -> None:
    lines: dict[str, int] = {}
    for story in stories:
        if story.id.casefold() in lines:
            where = f"line {lines[story.id.casefold()]} has it too"
            errors.append(_error(story.line, "id", f"{story.id} is there twice: {where}", "give another id"))
        lines.setdefault(story.id.casefold(), story.line)
    for story in stories:
        for name in story.dependencies:
            if name.casefold() not in lines or name.casefold() == story.id.casefold():
                what = "itself" if name.casefold() == story.id.casefold() else f"{name}, which no line has"
                errors.append(
                    _error(
                        story.line, "dependencies", f"{story.id} waits for {what}", "name another row's id"
                    )
                )
    if len(stories) > _ROWS:
        errors.append(
            _error(stories[_ROWS].line, None, f"There are more than {_ROWS} stories", "divide them")
        )


def _check_order(stories: list[CsvStory], errors: list[CsvError]) -> None:
    """Name one circle of stories that wait for each other."""
    cycle = find_cycle({story.id: story.dependencies for story in stories})
    if cycle is not None:
        line = next(story.line for story in stories if story.id == cycle[0])
        path = ", which waits for ".join(cycle[1:])
        errors.append(
            _error(line, "dependencies", f"{cycle[0]} waits for {path}", "take one of these dependencies out")
        )


def _error(line: int, column: str | None, message: str, remedy: str) -> CsvError:
    return CsvError(line=line, column=column, message=message, remedy=remedy)
