"""Any table of work is read back: ids and titles in one column, boxes, totals, spans, and HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.errors import PlanUnreadable
from paceline.plans import plain_table
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan
from tests.written_plans import NAME, PATH, POINTS, SENTENCE, assert_sound, bounded, earlier, waits


@dataclass
class Row:
    title: str
    points: int | None
    agent: str | None
    done: bool | None
    waits: list[int]
    criteria: list[str]
    files: list[str]
    priority: str | None


@st.composite
def tables(draw: st.DrawFn) -> list[Row]:
    return [
        Row(
            draw(SENTENCE),
            draw(POINTS),
            draw(st.none() | NAME),
            draw(st.sampled_from([None, True, False])),
            draw(earlier(number)),
            draw(st.lists(SENTENCE, max_size=2)),
            draw(st.lists(PATH, max_size=2, unique=True)),
            draw(st.sampled_from([None, "High", "P2"])),
        )
        for number in range(1, draw(st.integers(1, 7)) + 1)
    ]


def cells_of(rows: list[Row], ids: str, state: str) -> list[list[str]]:
    words = {"words": {None: "", True: "Done", False: "In Progress"},
             "boxes": {None: "", True: "[x]", False: "[ ]"}}[state]  # fmt: skip
    first = {"column": ["ID", "Story"], "number": ["#", "Task"], "together": ["User Story"]}[ids]
    rest = ["SP", "Owner", "Status", "Depends on", "Acceptance criteria", "Files", "Priority"]
    found = [[*first, *rest]]
    for number, row in enumerate(rows, 1):
        names = {"column": [f"A-{number}", row.title], "number": [str(number), row.title],
                 "together": [f"A-{number}: {row.title}"]}[ids]  # fmt: skip
        after = [f"#{each}" if ids == "number" else f"A-{each}" for each in row.waits]
        found.append(
            [
                *names,
                "" if row.points is None else str(row.points),
                row.agent or "-",
                words[row.done],
                ", ".join(after),
                "; ".join(row.criteria),
                ", ".join(f"`{path}`" for path in row.files),
                row.priority or "",
            ]
        )
    return found


def total_of(cells: list[list[str]], rows: list[Row]) -> list[str]:
    names = len(cells[0]) - 7
    total = sum(row.points or 0 for row in rows)
    return ["Total", *[""] * (names - 1), str(total), *[""] * 6]


def markdown(cells: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "---|" * len(cells[0]), *lines[1:]])


def html(cells: list[list[str]], closed: bool, blanks: bool, box: str) -> str:
    def cell(text: str) -> str:
        if text in {"[x]", "[ ]"} and box == "input":
            return f'<input type="checkbox"{" checked" if text == "[x]" else ""} disabled>'
        parts = text.split("; ") if "; " in text else []
        if parts:
            return "<ul>" + "".join(f"<li>{escape(part)}</li>" for part in parts) + "</ul>"
        return f"<span style='x'>{escape(text)}</span>"

    end = "</td>" if closed else ""
    lines = ['<table class="work" border=1>', "<thead>", "<tr>"]
    lines += [f'<th scope="col">{escape(name)}{"</th>" if closed else ""}' for name in cells[0]]
    lines += ["</tr>" if closed else "", "</thead>", "<tbody>"] if closed or not blanks else ["<tbody>"]
    for row in cells[1:]:
        lines += ["", ""] if blanks else []
        lines.append("<tr>" + "".join(f"<td>{cell(text)}{end}" for text in row) + ("</tr>" if closed else ""))
    return "\n".join([*lines, "</tbody>", "</table>"])


SHAPES = st.tuples(st.sampled_from(["column", "number", "together"]), st.sampled_from(["words", "boxes"]))


def assert_read(text: str, rows: list[Row], ids: str) -> None:
    plan = read_plan(text)
    assert plan.source.kind == plain_table.KIND
    prefix = "" if ids == "number" else "A-"
    assert [(s.id, s.title, s.points, s.done, s.priority) for s in plan.stories] == [
        (f"{prefix}{n}", row.title, row.points, row.done, row.priority) for n, row in enumerate(rows, 1)
    ]
    assert [s.agents for s in plan.stories] == [[row.agent] if row.agent else [] for row in rows]
    assert waits(plan) == [[f"{prefix}{each}" for each in row.waits] for row in rows]
    assert [[c.text for c in s.acceptance_criteria] for s in plan.stories] == [row.criteria for row in rows]
    assert [[file.path for file in s.files] for s in plan.stories] == [row.files for row in rows]
    lines = text.split("\n")
    assert all(story.title in lines[(story.line or 0) - 1] for story in plan.stories)
    assert_sound(plan)


@bounded
@given(tables(), SHAPES, st.booleans(), st.booleans())
def test_any_plain_table_is_read(rows: list[Row], shape: tuple[str, str], total: bool, title: bool) -> None:
    cells = cells_of(rows, *shape)
    cells += [total_of(cells, rows)] if total else []
    assert_read(
        f"{'# Any work' if title else 'Some words.'}\n\n{markdown(cells)}\n\nMore words.\n", rows, shape[0]
    )


@bounded
@given(tables(), SHAPES, st.booleans(), st.booleans(), st.sampled_from(["input", "text"]), st.booleans())
def test_any_html_table_is_read(
    rows: list[Row], shape: tuple[str, str], closed: bool, blanks: bool, box: str, bare: bool
) -> None:
    table = html(cells_of(rows, *shape), closed, blanks, box)
    script = "<script>document.write('<table><tr><th>Story<th>Points<tr><td>x<td>1</table>')</script>"
    text = (
        f"<!DOCTYPE html>\n<html><head><style>td {{ color: red }}</style></head>\n<body>\n<h1>Any work</h1>\n"
        f"{script}\n{table}\n</body></html>\n"
        if bare
        else f"# Any work\n\n{table}\n\nMore words.\n"
    )
    assert_read(text, rows, shape[0])


def test_cells_that_span_rows_and_columns() -> None:
    plan = read_plan(
        "<table>\n<tr><th colspan=2>Work<th>People</tr>\n<tr><th>ID<th>Title<th>Owner</tr>\n"
        "<tr><td>G-1<td>Dig<td rowspan=2>Ann</tr>\n<tr><td>G-2<td>Sow</tr>\n"
        "<tr><td colspan=3>Sprint 2</tr>\n<tr><td>G-3<td>Water &amp; weed<td>Bo</tr>\n"
        "<tr><td><td>Total<td></tr>\n</table>\n"
    )
    assert [(s.id, s.title, s.agents, s.sprints, s.line) for s in plan.stories] == [
        ("G-1", "Dig", ["Ann"], ["Sprint"], 4),
        ("G-2", "Sow", ["Ann"], ["Sprint"], 5),
        ("G-3", "Water & weed", ["Bo"], ["Sprint 2"], 7),
    ]


def test_a_table_in_a_cell_is_what_the_cell_says() -> None:
    plan = read_plan(
        "# Tea\n\n<table><tr><th>Story<th>Points<th>Acceptance criteria\n"
        "<tr><td>US-1: Brew<td>2<td><table><tr><td>Hot<tr><td>Strong</table>\n</table>\n"
    )
    (story,) = plan.stories
    assert (story.id, story.title, story.points) == ("US-1", "Brew", 2)
    assert [item.text for item in story.acceptance_criteria] == ["Hot", "Strong"]


def test_an_export_of_issues_has_epics_subtasks_and_states() -> None:
    plan = read_plan(
        "| Issue key | Summary | Issue Type | Status | Parent | Story Points | Sprint | Epic Link |\n"
        "|---|---|---|---|---|---|---|---|\n"
        "| TEA-1 | Tea | Epic | To Do | | | | |\n"
        "| TEA-2 | Brew | Story | In Progress | | 3 | Sprint 4 | TEA-1 |\n"
        "| TEA-3 | Boil the water | Sub-task | Done | TEA-2 | | Sprint 4 | |\n"
        "| TEA-4 | Add milk | Story | Won't Do | | 1 | Sprint 4 | TEA-1 |\n"
    )
    assert [(epic.id, epic.title, epic.stories) for epic in plan.epics] == [("TEA-1", "Tea", ["TEA-2"])]
    (story,) = plan.stories
    assert (story.id, story.points, story.sprints, story.done) == ("TEA-2", 3, ["Sprint 4"], False)
    assert [(task.text, task.done) for task in story.tasks] == [("Boil the water", True)]
    assert Code.TASK_LEFT_OUT in {found.code for found in check_plan(plan)}


@pytest.mark.parametrize(
    "header",
    [
        "Endpoint | Method | Description",
        "Name | Description | Default",
        "Name | Role | Email",
        "No | Name | Description",
        "Feature | Ours | Theirs",
        "Risk | Owner | Status",
        "Term | Meaning | Description",
    ],
)
def test_a_table_of_other_things_is_no_plan(header: str) -> None:
    text = f"# Tea house\n\n| {header} |\n|---|---|---|\n| 1 | two | three |\n| 4 | five | six |\n"
    with pytest.raises(PlanUnreadable, match="Story"):
        read_plan(text, "tea.md")


def test_time_is_no_number_of_points() -> None:
    plan = read_plan("| Task | Effort |\n|---|---|\n| Brew | 3 days |\n| Pour | M |\n| Drink | 2 pts |\n")
    assert [story.points for story in plan.stories] == [None, None, 2]
    assert [found.line for found in plan.warnings if found.code == Code.POINTS_NOT_A_NUMBER] == [3, 4]
