"""Any plan written as spec-kit's `tasks.md` is read back."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from paceline.plans import spec_kit
from paceline.plans.reader import read_plan
from tests.written_plans import PATH, SENTENCE, assert_sound, bounded, box, earlier, waits


@dataclass
class Task:
    title: str
    done: bool
    parallel: bool
    path: str | None
    waits: list[int]
    style: str
    below: list[str]


@dataclass
class Part:
    story: int | None
    title: str
    goal: str | None
    tasks: list[Task]


@st.composite
def parts(draw: st.DrawFn) -> list[Part]:
    """Phases of the project, then phases of user stories, then a last one."""
    number = 0
    found: list[Part] = []
    kinds = [
        *[None] * draw(st.integers(0, 2)),
        *range(1, draw(st.integers(1, 3)) + 1),
        *draw(st.sampled_from([[], [None]])),
    ]
    for kind in kinds:
        tasks: list[Task] = []
        first = number
        for _ in range(draw(st.integers(1, 4))):
            number += 1
            # A task waits for tasks of its own phase, so that no order is contradicted.
            before = draw(earlier(number - first)) if number - first > 1 else []
            tasks.append(
                Task(
                    draw(SENTENCE),
                    draw(st.booleans()),
                    draw(st.booleans()),
                    draw(st.none() | PATH),
                    [first + each for each in before],
                    draw(st.sampled_from(["T{:03}", "**T{:03}**"])),
                    draw(st.lists(SENTENCE, max_size=2)),
                )
            )
        found.append(Part(kind, draw(SENTENCE), draw(st.none() | SENTENCE), tasks))
    return found


def text_of(plan: list[Part]) -> str:
    lines, number = ["# Tasks: any", "", "**Prerequisites**: a design", ""], 0
    for place, part in enumerate(plan, 1):
        named = (
            f"User Story {part.story} - {part.title} (Priority: P{part.story})" if part.story else part.title
        )
        lines += [f"## Phase {place}: {named}", ""]
        if part.goal:
            lines += [f"**Goal**: {part.goal}", ""]
        for task in part.tasks:
            number += 1
            marks = f"{'[P] ' if task.parallel else ''}{f'[US{part.story}] ' if part.story else ''}"
            path = f" in {task.path}" if task.path else ""
            after = ", ".join(f"T{each:03}" for each in task.waits)
            waiting = f" (depends on {after})" if after else ""
            lines.append(f"- {box(task.done)} {task.style.format(number)} {marks}{task.title}{path}{waiting}")
            lines += [f"  - {each}" for each in task.below]
        lines += ["", "**Checkpoint**: so far", ""]
    lines += [
        "## Dependencies & Execution Order",
        "",
        "- All phases follow each other",
        "",
        "## Notes",
        "- [P] is a mark",
    ]
    return "\n".join(lines)


@bounded
@given(parts())
def test_any_spec_kit_plan_is_read(written: list[Part]) -> None:
    plan = read_plan(text_of(written))
    assert plan.source.kind == spec_kit.KIND
    tasks = [(place, part, task) for place, part in enumerate(written, 1) for task in part.tasks]
    assert [(s.id, s.done, s.phase, s.epic) for s in plan.stories] == [
        (f"T{n:03}", task.done, f"Phase {place}", f"US{part.story}" if part.story else f"Phase {place}")
        for n, (place, part, task) in enumerate(tasks, 1)
    ]
    titles = [f"{task.title} in {task.path}" if task.path else task.title for _, _, task in tasks]
    assert [story.title for story in plan.stories] == titles
    assert [[f.path for f in s.files] for s in plan.stories] == [
        [t.path] if t.path else [] for _, _, t in tasks
    ]
    assert [[task.text for task in story.tasks] for story in plan.stories] == [
        task.below for _, _, task in tasks
    ]
    assert waits(plan) == [[f"T{each:03}" for each in task.waits] for _, _, task in tasks]
    assert [(e.title, e.goal, e.priority) for e in plan.epics] == [
        (part.title, part.goal, f"P{part.story}" if part.story else None) for part in written
    ]
    assert_sound(plan)
