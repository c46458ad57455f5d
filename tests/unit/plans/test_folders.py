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


TWO = "# P\n## Story 1: Cake\n- **Agent**: Ada\n## Story 2: Tea\n- **Agent**: Ada\n"


def test_the_same_story_in_two_files_is_one_story() -> None:
    more = TWO.replace("Story 2: Tea\n", "Story 2: Tea\n- **Points**: 3\n")
    plan = read_folder({"a.md": TWO, "b.md": more})
    assert [(story.title, story.points, story.file) for story in plan.stories] == [
        ("Cake", None, "b.md"),
        ("Tea", 3, "b.md"),
    ]
    assert not has_errors(check_plan(plan))


def test_another_story_of_the_same_id_is_a_duplicate_that_names_both_files() -> None:
    plan = read_folder({"a.md": TWO, "b/c.md": "\n\n" + TWO.replace("Cake", "Pie").replace("Tea", "Milk")})
    errors = [found for found in check_plan(plan) if found.severity == "error"]
    assert [(found.code, found.file, found.line) for found in errors] == [
        (Code.DUPLICATE_ID, "b/c.md", 4),
        (Code.DUPLICATE_ID, "b/c.md", 6),
    ]
    assert errors[0].message == "The story id `Story 1` is used twice, first in line 2 of a.md."


def test_findings_name_the_file_of_their_story() -> None:
    late = "# Q\n\n\n## Story 3: Sail\n- **Agent**: Ada\n- **Dependencies**: Story 9\n## Story 4: Row\n"
    plan = read_folder({"a.md": TWO, "late.md": late})
    places = {(found.code, found.file, found.line) for found in check_plan(plan)}
    assert (Code.UNKNOWN_DEPENDENCY, "late.md", 6) in places
    without_proof = [(file, line) for code, file, line in places if code == Code.STORY_WITHOUT_PROOF]
    assert sorted(without_proof, key=str) == [("a.md", 2), ("a.md", 4), ("late.md", 4), ("late.md", 7)]
    assert all(part.file for part in (*plan.stories, *plan.agents, *plan.facts))
    assert read_plan(plan.to_json()) == plan


SPEC = """# Tasks: {title}
## Phase 1: Setup
- [ ] T001 Create the project in src/{name}/
- [ ] T002 [P] Describe it in docs/{name}.md
## Phase 2: User Story 1 - {title} (Priority: P1)
- [x] T003 [P] [US1] Write src/{name}/main.py
- [ ] T004 [US1] Check it (depends on T003)
"""


def test_folders_of_spec_kit_keep_their_tasks_apart_and_leave_out_notes() -> None:
    texts = {
        f"specs/{name}/{file}": text
        for name, title in (("001-gate", "Open the gate"), ("002-lamp", "Light the lamp"))
        for file, text in (
            ("tasks.md", SPEC.format(title=title, name=name[4:])),
            ("spec.md", f"# Feature\n### User Story 1 - {title} (Priority: P1)\nA guest comes.\n"),
            ("checklists/quality.md", "# Checklist\n- [ ] Short\n- [ ] Clear\n"),
        )
    }
    texts["README.md"] = "# Inn\n- [ ] Open\n- [x] Build\n"
    plan = read_folder(texts, "inn")
    assert [(story.id, story.file, story.done) for story in plan.stories][::3] == [
        ("001-gate:T001", "specs/001-gate/tasks.md", False),
        ("001-gate:T004", "specs/001-gate/tasks.md", False),
        ("002-lamp:T003", "specs/002-lamp/tasks.md", True),
    ]
    assert waits(plan)["002-lamp:T004"] == ["002-lamp:T003"]
    assert {story.epic for story in plan.stories} == {epic.id for epic in plan.epics}
    assert {story.phase for story in plan.stories} == {phase.id for phase in plan.phases}
    found = check_plan(plan)
    assert not has_errors(found)
    assert [each.file for each in found if each.code == Code.ID_QUALIFIED] == [
        "specs/001-gate/tasks.md",
        "specs/002-lamp/tasks.md",
    ]
    (skipped,) = (each.message for each in found if each.code == Code.FILES_SKIPPED)
    assert skipped.startswith("5 of 7 files stand beside a tool's tasks and are left out: `README.md`")
    alone = read_folder({path: text for path, text in texts.items() if "001" in path}, "gate")
    assert [story.id for story in alone.stories] == ["T001", "T002", "T003", "T004"]
    assert alone.source.file == "specs/001-gate/tasks.md"


def test_a_spec_of_kiro_is_its_tasks() -> None:
    tasks = "# Plan\n- [x] 1. Begin\n  - _Requirements: 1.1_\n- [ ] 2. Go on\n  - _Requirements: 1.2_\n"
    texts = {
        "requirements.md": "# Requirements\n### Requirement 1\n**User Story:** As a guest, I want a key.\n",
        "design.md": "# Design\n## Parts\n- [ ] a\n- [ ] b\n",
        "tasks.md": tasks,
    }
    plan = read_folder(texts, "login")
    assert [(story.id, story.done) for story in plan.stories] == [("1", True), ("2", False)]
    plan = read_folder({**{f".kiro/specs/{n}/{p}": t for n in "ab" for p, t in texts.items()}}, "inn")
    assert [story.id for story in plan.stories] == ["a:1", "a:2", "b:1", "b:2"]
    assert waits(plan) == {"a:1": [], "a:2": ["a:1"], "b:1": [], "b:2": ["b:1"]}


def test_a_folder_of_task_master_is_its_tasks() -> None:
    texts = {
        ".taskmaster/tasks/tasks.json": (FOLDER / "task-master.json").read_text(encoding="utf-8"),
        ".taskmaster/tasks/task_001.txt": "# Task ID: 1\n# Title: Draw the map\n# Status: done\n",
        ".taskmaster/config.json": '{"models": {}}',
        ".taskmaster/docs/prd.txt": "# Overview\n- [ ] a park\n- [ ] a map\n",
        "package.json": '{"name": "park"}',
    }
    plan = read_folder(texts, "park")
    assert [story.id for story in plan.stories] == ["1", "2", "3"]
    assert plan.source.file == ".taskmaster/tasks/tasks.json"


def test_only_tasks_and_completed_ones_of_backlog_md_are_work() -> None:
    def task(identity: str, status: str) -> str:
        return f"---\nid: {identity}\ntitle: Do {identity}\nstatus: {status}\n---\n"

    plan = read_folder(
        {
            "backlog/config.yml": 'project_name: "Garden"\nstatuses: ["To Do", "Done"]\n',
            "backlog/tasks/task-2 - x.md": task("task-2", "To Do"),
            "backlog/completed/task-1 - x.md": task("task-1", "Done"),
            "backlog/drafts/draft-1 - x.md": task("draft-1", "Draft"),
            "backlog/decisions/decision-1 - x.md": task("decision-1", "accepted"),
            "backlog/archive/tasks/task-3 - x.md": task("task-3", "To Do"),
        },
        "garden",
    )
    assert [(story.id, story.done) for story in plan.stories] == [("task-1", True), ("task-2", False)]
    messages = [found.message for found in plan.warnings if found.code == Code.FILES_SKIPPED]
    assert messages == [
        "1 of 6 files are no tasks and are left out: `backlog/decisions/decision-1 - x.md`.",
        "1 of 6 files are no plans and are left out: `backlog/config.yml`.",
    ]
    assert {found.file for found in plan.warnings if found.code == Code.TASK_LEFT_OUT} == {
        "backlog/drafts/draft-1 - x.md",
        "backlog/archive/tasks/task-3 - x.md",
    }


def test_folders_of_bmad_with_shards_and_a_status_file() -> None:
    epic = (
        "# Epic 1: Cats\n## Story 1.1: Show\nAs a cat, I want to be seen.\n### Acceptance Criteria\n1. Seen\n"
    )
    story = "# Story 1.1: Show\n## Status\nDone\n## Tasks / Subtasks\n- [x] Draw it\n## Dev Notes\nNone\n"
    plan = read_folder(
        {
            "docs/prd/index.md": "# Cats\n- [Epic 1](./epic-1-cats.md)\n",
            "docs/prd/epic-1-cats.md": epic + "## Story 1.2: Feed\n### Acceptance Criteria\n1. Fed\n",
            "docs/prd.md": "# Cats\n#" + epic.replace("\n#", "\n##") + "### Story 1.2: Feed\n",
            "docs/stories/1.1.show.md": story,
            "docs/stories/sprint-status.yaml": "development_status:\n  epic-1: in-progress\n  1-1-x: done\n",
        },
        "cats",
    )
    assert [(s.id, s.done, len(s.tasks), len(s.acceptance_criteria), s.file) for s in plan.stories] == [
        ("Story 1.1", True, 1, 1, "docs/stories/1.1.show.md"),
        ("Story 1.2", None, 0, 1, "docs/prd/epic-1-cats.md"),
    ]
    assert [(epic.id, epic.stories) for epic in plan.epics] == [("Epic 1", ["Story 1.1", "Story 1.2"])]
    assert not has_errors(check_plan(plan))


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
