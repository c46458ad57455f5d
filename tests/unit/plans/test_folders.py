"""Folders that are plans: Backlog.md's tasks, BMAD's epics and stories, and backlogs with bold fields."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.domain.plan import Plan
from paceline.errors import PlanUnreadable
from paceline.plans import backlog_md, bmad, folder
from paceline.plans.findings import Code
from paceline.plans.folder import read_folder
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan

FOLDER = Path(__file__).resolve().parents[2] / "plans"
WORD = st.text("abcdefghijkmnopqrstuvwxyzABC\u00e4\u00e9\u4f60", min_size=2, max_size=8)
SENTENCE = st.lists(WORD, min_size=1, max_size=4).map(" ".join)


def files(name: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in (FOLDER / name).iterdir()}


def waits(plan: Plan) -> dict[str, list[str]]:
    return {story.id: [d for each in story.dependencies for d in each.resolved] for story in plan.stories}


def test_backlog_md() -> None:
    plan = read_folder(files("backlog-md"), "garden")
    assert (plan.source.kind, plan.title) == (backlog_md.KIND, "garden")
    assert [(s.id, s.title, s.done, s.epic, s.agents, s.priority) for s in plan.stories] == [
        ("task-1", "Plant the tree", True, "Spring", ["ines"], "high"),
        ("task-2", "Dig a well", None, "Spring", [], None),
        ("task-10", "Water it: daily", False, "Epic", [], None),
    ]
    assert waits(plan) == {"task-1": [], "task-2": ["task-1"], "task-10": ["task-2"]}
    criteria = [(item.text, item.done, item.line) for item in plan.stories[0].acceptance_criteria]
    assert criteria == [("It stands upright", True, 20), ("It has a stake", False, 21)]
    assert [task.text for task in plan.stories[1].tasks] == ["Find water", "Dig down"]
    assert [file.path for file in plan.stories[2].files] == ["garden/can.md"]
    facts = {(fact.section, fact.name): fact.value for fact in plan.facts}
    assert facts["task-1", "labels"] == ["garden"]
    assert [story.file for story in plan.stories] == [
        "task-1 - Plant-the-tree.md",
        "task-2 - Dig.md",
        "task-10 - Water-it.md",
    ]
    assert {fact.file for fact in plan.facts} <= {story.file for story in plan.stories}
    codes = {found.code: found.file for found in check_plan(plan)}
    assert codes[Code.FILES_SKIPPED] == "notes.md"
    assert codes[Code.STATUS_NOT_UNDERSTOOD] == "task-2 - Dig.md"
    assert not has_errors(check_plan(plan))


def test_one_task_of_backlog_md_is_a_plan() -> None:
    name = "task-2 - Dig.md"
    plan = read_plan(files("backlog-md")[name], name)
    assert (plan.title, plan.source.kind) == ("Dig a well", backlog_md.KIND)
    assert [found.code for found in check_plan(plan) if found.severity == "error"] == [
        Code.UNKNOWN_DEPENDENCY
    ]


@pytest.mark.parametrize("matter", ["id: [1\ntitle: x\nstatus: y", "id: a\ntitle: @x\nstatus: y"])
def test_damaged_front_matter_is_refused_with_its_file(matter: str) -> None:
    with pytest.raises(PlanUnreadable, match=r"task-3\.md: line \d+: it is no YAML"):
        read_folder({"task-3.md": f"---\n{matter}\n---\n"})


def test_bmad_epics_and_stories_are_one_plan() -> None:
    plan = read_folder(files("bmad"), "cats")
    assert plan.source.kind == folder.KIND
    assert [(epic.id, epic.title, epic.goal, epic.stories) for epic in plan.epics] == [
        ("Epic 1", "Cat care", "The cat is well.", ["Story 1.1", "Story 1.2"])
    ]
    assert waits(plan) == {"Story 1.1": [], "Story 1.2": ["Story 1.1"]}
    first, second = plan.stories
    assert [item.text for item in first.acceptance_criteria] == [
        "The page shows the name",
        "The page shows a picture",
    ]
    assert second.description == "As a cat owner, I want a feeding reminder, so that the cat is never hungry."
    assert [item.text for item in second.acceptance_criteria] == ["A reminder at seven", "None twice a day"]
    assert [(task.text, task.done) for task in second.tasks] == [
        ("Build the timer (AC: 1)", False),
        ("Choose a clock", True),
        ("Write `src/timer.py`", False),
        ("Count the meals (AC: 1, 2)", False),
    ]
    assert [file.path for file in second.files] == ["src/timer.py"]
    assert second.done is False
    assert {"Dev Notes", "Change Log", "Status"} <= {fact.name for fact in plan.facts}
    assert not has_errors(check_plan(plan))
    assert read_plan(plan.to_json()) == plan


def test_one_story_of_bmad_is_a_plan() -> None:
    plan = read_plan(files("bmad")["1.2.story.md"], "1.2.story.md")
    assert (plan.source.kind, plan.title) == (bmad.KIND, "Story 1.2: Feed the cat")
    assert len(plan.stories) == 1


def test_a_backlog_with_bold_fields() -> None:
    plan = read_plan((FOLDER / "backlog-fields.md").read_text(encoding="utf-8"), "backlog.md")
    assert [(s.id, s.title, s.points, s.priority, s.epic, s.done) for s in plan.stories] == [
        ("US-001", "Order a pot of tea", 5, "High", "Epic 1", None),
        ("US-002", "Cancel an order", 3, "Medium", "Epic 1", None),
        ("US-003", "Split the bill", 8, None, "Epic 2", True),
    ]
    assert plan.stories[0].agents == ["Backend"]
    assert waits(plan) == {"US-001": [], "US-002": ["US-001"], "US-003": ["US-001", "US-002"]}
    assert [len(story.acceptance_criteria) for story in plan.stories] == [2, 1, 0]
    assert [file.path for file in plan.stories[1].files] == ["src/orders.py"]
    assert not has_errors(check_plan(plan))


def test_one_plan_among_notes_is_that_plan() -> None:
    plan = read_folder(
        {"README.md": "# Read me\n", "plan.md": "# P\n## Story 1: Cake\n- **Agent**: Ada\n", "a.png": ""}
    )
    assert (plan.title, plan.source.file, [story.id for story in plan.stories]) == (
        "P",
        "plan.md",
        ["Story 1"],
    )
    assert [found.message for found in plan.warnings if found.code == Code.FILES_SKIPPED] == [
        "1 of 2 files are no plans and are left out: `README.md`."
    ]


def test_the_same_story_in_two_plans_is_a_duplicate() -> None:
    text = "# P\n## Story 1: Cake\n- **Agent**: Ada\n## Story 2: Tea\n- **Agent**: Ada\n"
    plan = read_folder({"a.md": text, "b.md": text})
    assert [found.code for found in check_plan(plan) if found.severity == "error"] == [Code.DUPLICATE_ID] * 2


@pytest.mark.parametrize("texts", [{}, {"a.md": "# Notes\n"}, {"a.bin": "\0"}])
def test_a_folder_without_a_plan_is_refused(texts: dict[str, str]) -> None:
    with pytest.raises(PlanUnreadable, match="notes has no file that is a plan"):
        read_folder(texts, "notes")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            SENTENCE,
            st.sampled_from(["Done", "To Do", "In Progress"]),
            st.lists(st.tuples(SENTENCE, st.booleans()), max_size=3),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_any_folder_of_tasks_is_read(tasks: list[tuple[str, str, list[tuple[str, bool]]]]) -> None:
    texts: dict[str, str] = {}
    for number, (title, status, criteria) in enumerate(tasks, 1):
        waiting = f"[task-{number - 1}]" if number > 1 else "[]"
        lines = [
            "---",
            f"id: task-{number}",
            f"title: '{title}'",
            f"status: {status}",
            f"dependencies: {waiting}",
            "---",
        ]
        lines += ["", "## Acceptance Criteria", ""]
        lines += [f"- [{'x' if done else ' '}] #{n} {text}" for n, (text, done) in enumerate(criteria, 1)]
        texts[f"tasks/task-{number}.md"] = "\n".join(lines)
    plan = read_folder(texts, "all")
    assert [(s.title, s.done) for s in plan.stories] == [
        (title, status == "Done") for title, status, _ in tasks
    ]
    found = [[(item.text, item.done) for item in story.acceptance_criteria] for story in plan.stories]
    assert found == [criteria for _, _, criteria in tasks]
    assert waits(plan) == {f"task-{n}": [f"task-{n - 1}"] if n > 1 else [] for n in range(1, len(tasks) + 1)}
    assert not has_errors(check_plan(plan))
