"""Lists as teams keep them beside their tools: boards, and entries whose remarks have no brackets."""

from __future__ import annotations

import pytest

from paceline.plans.bullet_items import read_item
from paceline.plans.findings import Code
from paceline.plans.inline import read_line
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan
from paceline.plans.remark_rows import take_remarks

FERRY = """\
# Ferry timetable

## Sprint 1: Harbour (9 points)

- FER-1 Read the tides (5 pts) @Liv
- FER-2 Print the table (8 pts) @Odd, depends on FER-3

## Sprint 2: Boats (Weeks 3-4)

- FER-3 Name the boats (3 pts) @Liv, depends on FER-2
"""

BOARD = """\
# Ferry week 9

## In Progress
- FER-4 Paint the bow \u00b7 @liv \u00b7 2 points

## Todo (2)
- FER-5 Oil the winch \u00b7 blocked by FER-4
- Sweep the deck

## Icebox
- FER-8 Build a second bar

## Done
- FER-3 Name the boats \u00b7 @odd
"""


@pytest.mark.parametrize(
    ("written", "title", "points", "agents", "waits"),
    [
        ("FER-1 Read tides (5 pts) @Liv", "Read tides", 5, "Liv", []),
        ("FER-1 Read tides (5 pts) @Liv, depends on FER-2", "Read tides", 5, "Liv", ["FER-2"]),
        (
            "FER-1 Read tides \u00b7 @Liv \u00b7 2 points \u00b7 blocked by FER-2, FER-3",
            "Read tides",
            2,
            "Liv",
            ["FER-2", "FER-3"],
        ),
        (
            "**FER-1**: Read tides (3 points) - after FER-2 and FER-3",
            "Read tides",
            3,
            None,
            ["FER-2 and FER-3"],
        ),
        ("FER-1 Read tides | 3 pts | @Liv | @Odd", "Read tides", 3, "Liv, Odd", []),
        ("FER-1 (3 points)", "FER-1", 3, None, []),
    ],
)
def test_what_follows_a_title_without_brackets_is_read(
    written: str, title: str, points: float, agents: str | None, waits: list[str]
) -> None:
    item = read_item(read_line(written, 1))
    assert (item.id, item.title) == ("FER-1", title)
    assert (item.remark.points, item.remark.agents, item.remark.dependencies) == (points, agents, waits)


@pytest.mark.parametrize(
    "title",
    [
        "Sort the boats by name, then length",
        "Sail on, high",
        "Load the ferry - after lunch",
        "Say hello, @everyone on board",
        "Paint hull A, hull B",
    ],
)
def test_the_end_of_a_sentence_is_no_remark(title: str) -> None:
    item = read_item(read_line(title, 1))
    assert item.title == title
    assert item.remark.empty


def test_a_cycle_and_wrong_totals_of_such_lists_are_found() -> None:
    plan = read_plan(FERRY)
    assert [sprint.points_stated for sprint in plan.sprints] == [9, None]
    assert [sprint.duration_text for sprint in plan.sprints] == [None, "Weeks 3-4"]
    found = {each.code: each for each in check_plan(plan)}
    assert found[Code.DEPENDENCY_CYCLE].line in {6, 10}
    assert "13" in found[Code.POINTS_DIFFER].message
    assert found[Code.POINTS_DIFFER].line == 3


def test_many_signs_in_one_line_cost_no_time() -> None:
    item = read_item(read_line("FER-1 " + "a, " * 20_000 + "@Liv", 1))
    assert item.remark.agents == "Liv"


def test_the_columns_of_a_board_say_what_is_done() -> None:
    plan = read_plan(BOARD)
    assert plan.source.kind == "board"
    assert {story.id: story.done for story in plan.stories} == {
        "FER-4": False,
        "FER-5": False,
        "T3": False,
        "FER-3": True,
    }
    assert plan.stories[1].dependencies[0].resolved == ["FER-4"]
    assert [story.agents for story in plan.stories] == [["liv"], [], [], ["odd"]]
    assert Code.TASK_LEFT_OUT in {each.code for each in plan.warnings}


@pytest.mark.parametrize("heading", ["Tasks", "In progress", "To do"])
def test_a_list_of_tasks_is_no_report_of_finished_work(heading: str) -> None:
    plan = read_plan(f"# Harbour caf\u00e9\n\n## {heading}\n\n- [x] Buy cups\n- [ ] Boil water @liv\n")
    assert plan.source.kind == "task list"
    assert [(story.done, story.agents) for story in plan.stories] == [(True, []), (False, ["liv"])]


def test_a_long_word_behind_a_title_is_looked_at_once() -> None:
    # With a pattern that tries every division of the word this would never end.
    text, remark = take_remarks(f"Title, {'a' * 300}!")
    assert (text, remark.points, remark.agents) == (f"Title, {'a' * 300}!", None, None)
