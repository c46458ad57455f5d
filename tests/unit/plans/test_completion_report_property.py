"""Any report written in the format is read back as it was, whatever its words."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.plans.completion_report import KIND
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan

WORD = st.text("abcdefghijkmnopqrstuvwxyzABC\u00e4\u00e9\u4f60", min_size=2, max_size=8)
SENTENCE = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
PATH = st.lists(st.text("abcdefgh_", min_size=1, max_size=6), min_size=2, max_size=3).map(
    lambda parts: "src/" + "/".join(parts) + ".py"
)


@dataclass
class Entry:
    title: str
    done: bool | None
    path: str | None
    tasks: list[str]


ENTRIES = st.builds(
    Entry, SENTENCE, st.sampled_from([None, True, False]), st.none() | PATH, st.lists(SENTENCE, max_size=3)
)
EPICS = st.lists(
    st.tuples(SENTENCE, SENTENCE, st.lists(ENTRIES, min_size=1, max_size=4)), min_size=1, max_size=3
)


def markdown(number: int, name: str, epics: list[tuple[str, str, list[Entry]]]) -> str:
    marks = {True: "\u2705 ", False: "\u274c ", None: ""}
    lines = [f"# Sprint {number} Completion Report: {name}", "", "**Status**: \u2705 DONE", ""]
    for title, goal, entries in epics:
        lines += [f"### \u2705 Epic: {title}", "", f"**Goal**: {goal}", "", "**Completed Tasks**:"]
        for entry in entries:
            path = f" (`{entry.path}`)" if entry.path else ""
            lines.append(f"- {marks[entry.done]}**{entry.title}**{path}")
            lines += [f"  - {task}" for task in entry.tasks]
        lines.append("")
    return "\n".join(lines)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), SENTENCE, EPICS, st.booleans())
def test_what_is_written_is_read(
    number: int, name: str, epics: list[tuple[str, str, list[Entry]]], damaged: bool
) -> None:
    text = markdown(number, name, epics)
    plan = read_plan(text.encode().decode("mac_roman") if damaged else text)
    assert plan.source.kind == KIND
    [sprint] = plan.sprints
    assert (sprint.number, sprint.name) == (number, name)
    assert [(epic.title, epic.goal) for epic in plan.epics] == [(title, goal) for title, goal, _ in epics]
    entries = [entry for _, _, each in epics for entry in each]
    lines = text.split("\n")
    for story, entry in zip(plan.stories, entries, strict=True):
        assert (story.title, story.done) == (entry.title, entry.done is not False)
        assert [task.text for task in story.tasks] == entry.tasks
        assert [file.path for file in story.files] == ([entry.path] if entry.path else [])
        assert entry.title in lines[(story.line or 0) - 1]
    assert not has_errors(check_plan(plan))
    assert read_plan(plan.to_json()) == plan


def test_a_report_without_epics_and_with_work_left() -> None:
    plan = read_plan(
        dedent("""
        # Iteration 4 Report

        **Status:** Completed

        ## \U0001f389 Completed Stories
        - [x] **US-7**: Search by name (3 points)
        - \u2714\ufe0f **Sort the list** - newest first

        ## Carried Over
        - [ ] US-9: Export as a file
          - Choose a format

        ## Next Steps
        - Plan the export
        """)
    )
    assert plan.source.kind == KIND
    found = [(s.id, s.title, s.points, s.done, s.kind) for s in plan.stories]
    assert found == [
        ("US-7", "Search by name", 3, True, "story"),
        ("E1.T2", "Sort the list", None, True, "task"),
        ("US-9", "Export as a file", None, False, "story"),
    ]
    assert plan.stories[1].description == "newest first"
    assert [epic.implicit for epic in plan.epics] == [True]
    assert plan.sprints[0].id == "Iteration 4"
    codes = {found.code for found in check_plan(plan)}
    assert {Code.REPORT_IMPORTED, Code.ID_ASSIGNED, Code.FOLLOW_UP_WORK} <= codes
