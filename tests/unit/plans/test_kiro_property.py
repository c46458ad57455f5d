"""Any plan written as Kiro's or OpenSpec's `tasks.md` is read back."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from paceline.plans import kiro
from paceline.plans.findings import Code
from paceline.plans.reader import read_plan
from tests.written_plans import SENTENCE, assert_sound, bounded, waits

BOXES = {"[x]": True, "[ ]": False, "[-]": False}


@dataclass
class Task:
    title: str
    box: str
    optional: bool
    details: list[str]
    waits: bool | None
    """Whether it names the task before it; None where it says nothing of what it waits for."""


TASK = st.builds(
    Task,
    SENTENCE,
    st.sampled_from(sorted(BOXES)),
    st.booleans(),
    st.lists(SENTENCE, max_size=2),
    st.sampled_from([None, True, False]),
)
GROUPS = st.lists(st.tuples(SENTENCE, st.lists(TASK, min_size=1, max_size=4)), min_size=1, max_size=4)


def lines_of(task: Task, number: str, before: str | None, indent: str) -> list[str]:
    star = "*" if task.optional else ""
    lines = [f"{indent}- {task.box}{star} {number} {task.title}"]
    lines += [f"{indent}  - {detail}" for detail in task.details]
    if task.waits is not None:
        lines.append(f"{indent}  - **Dependencies:** {f'Task {before}' if task.waits and before else 'None'}")
    return [*lines, f"{indent}  - _Requirements: {number}, 9.9_"]


@bounded
@given(GROUPS, st.sampled_from(["nested", "flat", "headings"]))
def test_any_kiro_plan_is_read(groups: list[tuple[str, list[Task]]], shape: str) -> None:
    lines, told, expected = ["# Implementation Plan", ""], list[tuple[str, Task, str]](), list[list[str]]()
    before: str | None = None
    for group, (title, tasks) in enumerate(groups, 1):
        lines += [f"## {group}. {title}", ""] if shape == "headings" else [f"- [ ] {group}. {title}"]
        for place, task in enumerate(tasks, 1):
            number = f"{group}.{place}"
            lines += lines_of(task, number, before, "  " if shape == "nested" else "")
            told.append((number, task, str(group)))
            expected.append([before] if task.waits and before else [])
            before = number
        lines.append("")
    plan = read_plan("\n".join(lines))
    assert plan.source.kind == kiro.KIND
    assert [(s.id, s.title, s.done, s.epic) for s in plan.stories] == [
        (number, task.title, BOXES[task.box], epic) for number, task, epic in told
    ]
    assert [[t.text for t in s.tasks] for s in plan.stories] == [task.details for _, task, _ in told]
    assert [(epic.id, epic.title) for epic in plan.epics] == [
        (str(number), title) for number, (title, _) in enumerate(groups, 1)
    ]
    assert waits(plan) == expected
    by_order = [any(each.qualifier for each in story.dependencies) for story in plan.stories]
    assert by_order == [place > 0 and task.waits is None for place, (_, task, _) in enumerate(told)]
    codes = [found.code for found in plan.warnings]
    assert codes.count(Code.OPTIONAL_TASK) == sum(task.optional for _, task, _ in told)
    requirements = {fact.section: fact.value for fact in plan.facts if fact.name == "requirements"}
    assert requirements == {number: [number, "9.9"] for number, _, _ in told}
    assert_sound(plan)
