"""What `paceline plan show` prints for people: the team, then the stories of each sprint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from paceline.cli.terminal import counted, printable
from paceline.domain.graph import story_edges
from paceline.domain.plan import Plan, Sprint, Story

_WIDE = 110
"""Columns from which on paths are shown beside the rest; a narrower table has their number."""
_PATHS = 2
_MANY = 2_000
"""Stories from which on each sprint shows its first ones; nobody reads more, and the table takes long."""
_FIRST = 50
_MARKS = {True: "\u2713", False: "\u00b7", None: ""}
_RIGHT = frozenset({"Points"})


@dataclass(frozen=True)
class _Row:
    """A story as it stands in one sprint."""

    story: Story
    id: str
    points: float | None
    points_shown: str


def print_plan(plan: Plan, console: Console) -> None:
    """Print a plan.

    Args:
        plan: any.
        console: its width decides how much of each story is shown.
    """
    for text in _head(plan):
        console.print(text)
    team = _table(("Agent", "Role", "Also called"), _team(plan))
    if team is not None:
        console.print()
        console.print(team)
    wide = console.width >= _WIDE
    waits = _direct(story_edges(plan)) if len(plan.stories) <= _MANY else story_edges(plan)
    for sprint, stories in _by_sprint(plan):
        rows = [_row(story, sprint) for story in stories]
        shown = rows[:_FIRST] if len(plan.stories) > _MANY else rows
        columns = ("", "Story", "Title", "Points", "Epic", "Agents", "Waits for", "Files", "In")
        table = _table(columns, [_cells(row, plan, waits[row.story.id], wide) for row in shown])
        console.print()
        console.print(_heading(plan, sprint, rows))
        if table is not None:
            console.print(table)
        if len(shown) < len(rows):
            console.print(Text(f"and {len(rows) - len(shown):,} more; --json prints all", style="dim"))
    console.print()
    for text in _foot(plan):
        console.print(text)


def _head(plan: Plan) -> Iterator[Text]:
    yield Text(printable(plan.title), style="bold")
    source = plan.source
    where = f"{printable(source.file)}, " if source.file else ""
    yield Text(f"{where}{counted(source.lines, 'line')}, read as {printable(source.kind)}", style="dim")
    if plan.goal:
        yield Text(f"Goal: {printable(plan.goal)}")


def _team(plan: Plan) -> list[tuple[str, ...]]:
    names = ((agent, f"{agent.id} (coordinator)" if agent.coordinator else agent.id) for agent in plan.agents)
    return [(name, agent.role or "", ", ".join(agent.aliases)) for agent, name in names]


# Sprints ---


def _by_sprint(plan: Plan) -> Iterator[tuple[Sprint | None, list[Story]]]:
    """Every sprint with its stories; a story that several work on is in each. Last, those of none."""
    stories: dict[str, list[Story]] = {sprint.id: [] for sprint in plan.sprints}
    rest: list[Story] = []
    for story in plan.stories:
        known = [each for each in dict.fromkeys(story.sprints) if each in stories]
        for each in known:
            stories[each].append(story)
        if not known:
            rest.append(story)
    for sprint in plan.sprints:
        yield sprint, stories[sprint.id]
    if rest:
        yield None, rest


def _heading(plan: Plan, sprint: Sprint | None, rows: list[_Row]) -> Text:
    if sprint is None or (sprint.implicit and len(plan.sprints) == 1):
        name = "Stories" if sprint is None or sprint.name is None else sprint.name
    else:
        name = f"{sprint.id}: {sprint.name}" if sprint.name and sprint.name != sprint.id else sprint.id
    line = Text(printable(name), style="bold")
    if sprint is not None and sprint.optional:
        when = f": {printable(sprint.condition)}" if sprint.condition else ""
        line.append(f" (optional{when})", style="yellow")
    line.append(f"  {', '.join(_facts(sprint, rows))}", style="not bold dim")
    aim = (sprint.goal or sprint.theme) if sprint is not None else None
    if aim and aim != plan.goal:
        line.append(f"\n{printable(aim)}", style="not bold")
    return line


def _facts(sprint: Sprint | None, rows: list[_Row]) -> Iterator[str]:
    if sprint is not None and sprint.duration_text:
        yield printable(sprint.duration_text)
    yield counted(len(rows), "story", "stories")
    done = sum(row.story.done is True for row in rows)
    if done:
        yield f"{done} done"
    points = [row.points for row in rows if row.points is not None]
    stated = sprint.points_stated if sprint is not None else None
    if points:
        yield f"{_number(sum(points))} points" + (
            f" ({_number(stated)} stated)" if stated not in (None, sum(points)) else ""
        )
    elif stated is not None:
        yield f"{_number(stated)} points stated"
    if sprint is not None and sprint.capacity_range is not None:
        yield "capacity {} to {}".format(*map(_number, sprint.capacity_range))
    elif sprint is not None and sprint.capacity_points is not None:
        yield f"capacity {_number(sprint.capacity_points)}"


# Stories ---


def _row(story: Story, sprint: Sprint | None) -> _Row:
    identity = story.id
    if sprint is not None and identity in (f"{sprint.id} / {story.title}", f"{sprint.id}: {story.title}"):
        # The heading of the sprint and the title say all of it.
        identity = "-"
    parts = [each for each in story.allocations if sprint is not None and each.sprint == sprint.id]
    if not parts:
        points = story.points
        return _Row(story, identity, points, "" if points is None else _number(points))
    spent = sum(each.points for each in parts)
    whole = parts[0].of or story.points
    of = f"/{_number(whole)}" if whole not in (None, spent) else ""
    return _Row(story, identity, spent, f"{_number(spent)}{of}")


def _cells(row: _Row, plan: Plan, waits: list[str], wide: bool) -> tuple[str, ...]:
    story = row.story
    epic = story.epic if sum(not each.implicit for each in plan.epics) > 1 else None
    return (
        _MARKS[story.done],
        row.id,
        story.title,
        row.points_shown,
        epic or "",
        " + ".join(story.agents),
        ", ".join(waits),
        _files(story, wide),
        story.file or "",
    )


def _files(story: Story, wide: bool) -> str:
    paths = [file.path for file in story.files] or list(story.lock_globs)
    if not paths:
        return story.files_as_written or "" if wide else ""
    if not wide:
        return str(len(paths))
    more = f" +{len(paths) - _PATHS}" if len(paths) > _PATHS else ""
    return f"{', '.join(paths[:_PATHS])}{more}"


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e6 else f"{value:,.0f}"


def _direct(edges: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The stories that each waits for, without those that one of them waits for in turn."""
    found: dict[str, list[str]] = {}
    for story, wanted in edges.items():
        behind = _reached(edges, wanted, story)
        found[story] = [each for each in wanted if each not in behind] or list(wanted)
    return found


def _reached(edges: Mapping[str, list[str]], begin: list[str], end: str) -> set[str]:
    """What is behind some stories; the way does not lead on through the story that asks, as in a circle."""
    seen: set[str] = set()
    left = [each for story in begin if story != end for each in edges.get(story, [])]
    while left:
        story = left.pop()
        if story not in seen and story != end:
            seen.add(story)
            left.extend(edges.get(story, []))
    return seen


# The end ---


def _foot(plan: Plan) -> Iterator[Text]:
    counts = [
        counted(len(plan.stories), "story", "stories"),
        *(
            counted(count, name, several)
            for count, name, several in (
                (sum(not epic.implicit for epic in plan.epics), "epic", None),
                (len(plan.phases), "phase", None),
                (len(plan.metrics), "metric", None),
                (len(plan.risks), "risk", None),
                (len(plan.facts), "other fact", None),
            )
            if count
        ),
    ]
    yield Text(", ".join(counts))
    if plan.warnings:
        remarks = counted(len(plan.warnings), "remark")
        yield Text(f"{remarks} on how it was read; `paceline plan check` says more.", style="yellow")


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table | None:
    """A table without the columns that have nothing in them; None where all are empty."""
    entries = list(rows)
    used = [at for at in range(len(columns)) if any(row[at] for row in entries)]
    if not used:
        return None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for at in used:
        name = columns[at]
        table.add_column(
            name,
            overflow="fold",
            justify="right" if name in _RIGHT else "left",
            no_wrap=name in ("", "Points"),
            min_width=12 if name == "Title" else None,
        )
    for row in entries:
        table.add_row(*(Text(printable(row[at])) for at in used))
    return table
