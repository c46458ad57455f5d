"""Any list of checkboxes is read back, with what it says of people, points, order and criteria."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from paceline.plans import task_list
from paceline.plans.reader import read_plan
from tests.written_plans import NAME, PATH, POINTS, SENTENCE, assert_sound, bounded, box, earlier, waits


@dataclass
class Task:
    title: str
    done: bool
    points: int | None
    waits: list[int]
    inline: bool
    people: list[str]
    files: list[str]
    criteria: list[str]
    tasks: list[tuple[str, bool]]
    priority: str | None


@st.composite
def lists(draw: st.DrawFn) -> list[tuple[str, list[Task]]]:
    number = 0
    found: list[tuple[str, list[Task]]] = []
    for heading in draw(st.lists(SENTENCE, min_size=1, max_size=3, unique_by=str.lower)):
        tasks: list[Task] = []
        for _ in range(draw(st.integers(2, 4))):
            number += 1
            tasks.append(
                Task(
                    draw(SENTENCE),
                    draw(st.booleans()),
                    draw(POINTS),
                    draw(earlier(number)),
                    draw(st.booleans()),
                    draw(st.lists(NAME, max_size=2, unique=True)),
                    draw(st.lists(PATH, max_size=2, unique=True)),
                    draw(st.lists(SENTENCE, max_size=2)),
                    draw(st.lists(st.tuples(SENTENCE, st.booleans()), max_size=2)),
                    draw(st.sampled_from([None, "High", "P2"])),
                )
            )
        found.append((heading, tasks))
    return found


def lines_of(task: Task, number: int) -> list[str]:
    after = ", ".join(f"#{each}" for each in task.waits)
    points = f" ({task.points} points)" if task.points is not None else ""
    waiting = f" (depends on {after})" if after and task.inline else ""
    lines = [f"- {box(task.done)} #{number} {task.title}{points}{waiting}"]
    lines += [f"  - Depends on: {after}"] if after and not task.inline else []
    lines += [f"  - Assignees: {', '.join(f'@{each}' for each in task.people)}"] if task.people else []
    lines += [f"  - Files: {', '.join(f'`{each}`' for each in task.files)}"] if task.files else []
    lines += [f"  - Priority: {task.priority}"] if task.priority else []
    lines += (
        ["  - Acceptance criteria:", *(f"    - {each}" for each in task.criteria)] if task.criteria else []
    )
    return [*lines, *(f"  - {box(done)} {text}" for text, done in task.tasks)]


@bounded
@given(lists())
def test_any_task_list_is_read(written: list[tuple[str, list[Task]]]) -> None:
    lines, number = ["# Any list", ""], 0
    for heading, tasks in written:
        lines += [f"## {heading}", ""]
        for task in tasks:
            number += 1
            lines += lines_of(task, number)
        lines.append("")
    plan = read_plan("\n".join(lines))
    told = [task for _, tasks in written for task in tasks]
    assert plan.source.kind == task_list.KIND
    assert [(s.title, s.done, s.points, s.agents, s.priority) for s in plan.stories] == [
        (t.title, t.done, t.points, t.people, t.priority) for t in told
    ]
    assert [[file.path for file in story.files] for story in plan.stories] == [t.files for t in told]
    assert [[c.text for c in story.acceptance_criteria] for story in plan.stories] == [
        t.criteria for t in told
    ]
    assert [[(t.text, t.done) for t in story.tasks] for story in plan.stories] == [t.tasks for t in told]
    assert waits(plan) == [[f"#{each}" for each in task.waits] for task in told]
    assert [(epic.id, len(epic.stories)) for epic in plan.epics] == [(h, len(tasks)) for h, tasks in written]
    assert_sound(plan)
