"""Any folder of Backlog.md is read back: front matter, criteria between marks, milestones and settings."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from paceline.plans import backlog_md
from paceline.plans.folder import read_folder
from paceline.plans.reader import read_plan
from tests.written_plans import NAME, PATH, SENTENCE, assert_sound, bounded, earlier, waits

STATES = {"Done": True, "To Do": False, "In Progress": False}


@dataclass
class Task:
    title: str
    status: str
    people: list[str]
    labels: list[str]
    priority: str | None
    milestone: bool
    waits: list[int]
    description: str | None
    criteria: list[tuple[str, bool]]
    steps: list[str]
    files: list[str]


@st.composite
def tasks(draw: st.DrawFn) -> list[Task]:
    return [
        Task(
            draw(SENTENCE),
            draw(st.sampled_from(sorted(STATES))),
            draw(st.lists(NAME, max_size=2, unique=True)),
            draw(st.lists(NAME, max_size=2, unique=True)),
            draw(st.sampled_from([None, "high", "low"])),
            draw(st.booleans()),
            draw(earlier(number)),
            draw(st.none() | SENTENCE),
            draw(st.lists(st.tuples(SENTENCE, st.booleans()), max_size=3)),
            draw(st.lists(SENTENCE, max_size=3)),
            draw(st.lists(PATH, max_size=2, unique=True)),
        )
        for number in range(1, draw(st.integers(1, 6)) + 1)
    ]


def listed(name: str, values: list[str], block: bool) -> list[str]:
    if not values or not block:
        return [f"{name}: [{', '.join(values)}]"]
    return [f"{name}:", *(f"  - {each}" for each in values)]


def text_of(task: Task, number: int, prefix: str, block: bool) -> str:
    lines = ["---", f"id: {prefix}-{number}", f"title: '{task.title}'", f"status: {task.status}"]
    lines += listed("assignee", [f"'@{name}'" for name in task.people], block)
    lines += listed("labels", task.labels, block)
    lines += listed("dependencies", [f"{prefix}-{each}" for each in task.waits], block)
    lines += listed("modified_files", task.files, block) if task.files else []
    lines += [f"priority: {task.priority}"] if task.priority else []
    lines += ["milestone: m-1"] if task.milestone else []
    lines += ["---", ""]
    if task.description:
        lines += [
            "## Description",
            "",
            "<!-- SECTION:DESCRIPTION:BEGIN -->",
            task.description,
            "<!-- SECTION:DESCRIPTION:END -->",
            "",
        ]
    lines += ["## Acceptance Criteria", "<!-- AC:BEGIN -->"]
    lines += [f"- [{'x' if done else ' '}] #{n} {text}" for n, (text, done) in enumerate(task.criteria, 1)]
    lines += ["<!-- AC:END -->", "", "## Implementation Plan", ""]
    return "\n".join([*lines, *(f"{n}. {step}" for n, step in enumerate(task.steps, 1)), ""])


@bounded
@given(tasks(), st.sampled_from(["task", "BACK", "ui"]), st.booleans(), SENTENCE)
def test_any_folder_is_read(written: list[Task], prefix: str, block: bool, project: str) -> None:
    texts = {
        f"tasks/{prefix}-{n} - {task.title}.md": text_of(task, n, prefix, block)
        for n, task in enumerate(written, 1)
    }
    texts["config.yml"] = f"project_name: '{project}'\nstatuses: [To Do, Done]\n"
    texts["milestones/m-1 - first.md"] = (
        "---\nid: m-1\ntitle: 'First harvest'\n---\n\n## Description\n\nAll of it.\n"
    )
    plan = read_folder(texts, "backlog")
    assert plan.source.kind == backlog_md.KIND
    assert [(s.id, s.title, s.done, s.agents, s.priority, s.description) for s in plan.stories] == [
        (f"{prefix}-{n}", t.title, STATES[t.status], t.people, t.priority, t.description)
        for n, t in enumerate(written, 1)
    ]
    assert [s.epic for s in plan.stories] == ["m-1" if t.milestone else "Epic" for t in written]
    assert [[(c.text, c.done) for c in s.acceptance_criteria] for s in plan.stories] == [
        t.criteria for t in written
    ]
    assert [[task.text for task in s.tasks] for s in plan.stories] == [t.steps for t in written]
    assert [[file.path for file in s.files] for s in plan.stories] == [t.files for t in written]
    assert waits(plan) == [[f"{prefix}-{each}" for each in t.waits] for t in written]
    labels = {fact.section: fact.value for fact in plan.facts if fact.name == "labels"}
    assert labels == {f"{prefix}-{n}": t.labels for n, t in enumerate(written, 1) if t.labels}
    assert_sound(plan)


def test_a_draft_and_the_archive_are_not_scheduled() -> None:
    task = (
        "---\nid: {id}\ntitle: Prune\nstatus: {status}\nassignee: @mira\n---\n\n"
        "## Acceptance Criteria\n- [ ] #1 Short\n"
    )
    plan = read_plan(task.format(id="task-1", status="To Do"))
    assert [(story.id, story.agents) for story in plan.stories] == [("task-1", ["mira"])]
    for status, state in (("Draft", "deferred"), ("Won't Do", "cancelled")):
        plan = read_plan(task.format(id="task-2", status=status))
        assert plan.stories == []
        assert [fact.value["state"] for fact in plan.facts if fact.name == "left out"] == [state]
