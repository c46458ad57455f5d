"""Any `tasks.json` of task-master is read back, with tags or without."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from paceline.plans import task_master
from paceline.plans.findings import Code
from paceline.plans.reader import read_plan
from tests.written_plans import SENTENCE, assert_sound, bounded, earlier, waits

STATES = {"done": True, "completed": True, "pending": False, "in-progress": False, "review": False}
LEFT_OUT = ["cancelled", "deferred"]


@dataclass
class Task:
    title: str
    status: str
    description: str | None
    strategy: str | None
    priority: str
    waits: list[int]
    subtasks: list[tuple[str, str]]


@st.composite
def tasks(draw: st.DrawFn) -> list[Task]:
    found: list[Task] = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        found.append(
            Task(
                draw(SENTENCE),
                draw(st.sampled_from([*STATES, *LEFT_OUT])),
                draw(st.none() | SENTENCE),
                draw(st.none() | SENTENCE),
                draw(st.sampled_from(["high", "medium", "low"])),
                [n for n in draw(earlier(number)) if found[n - 1].status not in LEFT_OUT],
                draw(st.lists(st.tuples(SENTENCE, st.sampled_from([*STATES, *LEFT_OUT])), max_size=3)),
            )
        )
    return found


def as_json(written: list[Task], names: bool) -> list[dict[str, Any]]:
    """The tasks as task-master writes them; `names` gives dependencies as text."""
    return [
        {
            "id": number,
            "title": task.title,
            "description": task.description or "",
            "testStrategy": task.strategy or "",
            "status": task.status,
            "priority": task.priority,
            "dependencies": [str(each) if names else each for each in task.waits],
            "subtasks": [
                {"id": n, "title": title, "status": status, "dependencies": [n - 1] if n > 1 else []}
                for n, (title, status) in enumerate(task.subtasks, 1)
            ],
        }
        for number, task in enumerate(written, 1)
    ]


@bounded
@given(st.lists(tasks(), min_size=1, max_size=3), st.sampled_from(["tags", "list", "object"]), st.booleans())
def test_any_tasks_json_is_read(tags: list[list[Task]], shape: str, names: bool) -> None:
    tags = tags if shape == "tags" else tags[:1]
    lists = [as_json(each, names) for each in tags]
    tagged: dict[str, Any] = {f"tag-{n}": {"tasks": each} for n, each in enumerate(lists)}
    shapes: dict[str, Any] = {"tags": tagged, "list": lists[0], "object": {"tasks": lists[0], "meta": {}}}
    data = shapes[shape]
    plan = read_plan(json.dumps(data, indent=2))
    assert plan.source.kind == task_master.KIND
    prefixes = [f"tag-{n}:" if len(tags) > 1 else "" for n in range(len(tags))]
    told = [
        (prefix, n, task)
        for prefix, each in zip(prefixes, tags, strict=True)
        for n, task in enumerate(each, 1)
    ]
    kept = [(prefix, n, task) for prefix, n, task in told if task.status not in LEFT_OUT]
    assert [(s.id, s.title, s.done, s.priority, s.description) for s in plan.stories] == [
        (f"{prefix}{n}", t.title, STATES[t.status], t.priority, t.description) for prefix, n, t in kept
    ]
    assert [[c.text for c in s.acceptance_criteria] for s in plan.stories] == [
        [t.strategy] if t.strategy else [] for _, _, t in kept
    ]
    assert [[(t.text, t.done) for t in s.tasks] for s in plan.stories] == [
        [(title, STATES[status]) for title, status in t.subtasks if status in STATES] for _, _, t in kept
    ]
    assert waits(plan) == [[f"{prefix}{each}" for each in t.waits] for prefix, _, t in kept]
    gone = [fact.section for fact in plan.facts if fact.name == "left out"]
    assert gone == [f"{prefix}{n}" for prefix, n, task in told if task.status in LEFT_OUT]
    codes = [found.code for found in plan.warnings]
    subtasks = sum(status in LEFT_OUT for _, _, task in told for _, status in task.subtasks)
    assert codes.count(Code.TASK_LEFT_OUT) == len(gone) + subtasks
    if kept:
        assert_sound(plan)


def test_a_task_waits_for_that_of_a_subtask() -> None:
    tasks = [
        {"id": 1, "title": "Dig", "status": "pending",
         "subtasks": [{"id": 1, "title": "Mark", "status": "done"}]},
        {"id": 2, "title": "Sow", "status": "pending", "dependencies": ["1.1"]},
        {"id": 3, "title": "Reap", "status": "pending", "dependencies": [],
         "subtasks": [{"id": 1, "title": "Sharpen", "status": "pending", "dependencies": ["2.1", 4]}]},
    ]  # fmt: skip
    plan = read_plan(json.dumps({"tasks": tasks}))
    assert waits(plan) == [[], ["1"], ["2"]]
    assert_sound(plan)
