"""Task lists of the wider ecosystem: one small plan of each format, and any plan written in it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.domain.graph import find_cycle, story_edges
from paceline.domain.plan import Plan
from paceline.plans import kiro, spec_kit, task_list
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan

FOLDER = Path(__file__).resolve().parents[2] / "plans"
WORD = st.text("abcdefghijkmnopqrstuvwxyzABC\u00e4\u00e9\u4f60", min_size=2, max_size=8)
SENTENCE = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
DONE = st.booleans()


def example(name: str) -> Plan:
    return read_plan((FOLDER / name).read_text(encoding="utf-8"), name)


def box(done: bool) -> str:
    return "[x]" if done else "[ ]"


def edges(plan: Plan) -> dict[str, list[str]]:
    return {story.id: [d for each in story.dependencies for d in each.resolved] for story in plan.stories}


def sound(plan: Plan) -> None:
    assert not has_errors(check_plan(plan))
    assert find_cycle(story_edges(plan)) is None
    assert read_plan(plan.to_json()) == plan


def test_spec_kit() -> None:
    plan = example("spec-kit-tasks.md")
    assert (plan.source.kind, plan.title) == (spec_kit.KIND, "Tasks: Seed Library")
    assert [(p.id, p.name) for p in plan.phases][:3] == [
        ("Phase 1", "Setup"),
        ("Phase 2", "Foundational (Blocking)"),
        ("Phase 3", "User Story 1 - Lend a packet (Priority: P1)"),
    ]
    assert [(e.id, e.title, e.priority, e.goal, len(e.stories)) for e in plan.epics] == [
        ("Phase 1", "Setup", None, "A repository to work in", 3),
        ("Phase 2", "Foundational (Blocking)", None, None, 1),
        ("US1", "Lend a packet", "P1", "A gardener borrows a packet of seeds", 4),
        ("US2", "Return seeds", "P2", "A gardener returns harvested seeds", 1),
        ("Phase 5", "Polish", None, None, 1),
    ]
    assert [story.done for story in plan.stories] == [True, True, *[False] * 8]
    assert [[file.path for file in story.files] for story in plan.stories[:3]] == [
        ["src/**", "tests/**"],
        ["pyproject.toml"],
        ["docs/intro.md"],
    ]
    assert edges(plan)["T002"] == edges(plan)["T003"] == ["T001"]
    assert edges(plan)["T007"] == ["T005", "T006", "T004"]
    assert story_edges(plan)["T010"] == ["T004", "T005", "T006", "T007", "T008", "T009"]
    written = next(story for story in plan.stories if story.id == "T007")
    assert (written.title, written.dependencies_as_written) == ("Lending service in src/lend.py", "T004")
    assert [d.qualifier for d in written.dependencies] == ["by order", "by order", None]
    assert Code.ORDER_FROM_FORMAT in {found.code for found in check_plan(plan)}
    sound(plan)


def test_kiro() -> None:
    plan = example("kiro-tasks.md")
    assert plan.source.kind == kiro.KIND
    assert [(s.id, s.title, s.done, s.epic) for s in plan.stories] == [
        ("1", "Lay out the workshop", True, "Epic"),
        ("2.1", "Cut the legs", False, "2"),
        ("2.2", "Glue the seat", False, "2"),
        ("2.3", "Sand the back", False, "2"),
        ("3", "Deliver it", False, "Epic"),
    ]
    assert [(e.id, e.title, e.implicit) for e in plan.epics] == [
        ("2", "Build the chair", False),
        ("Epic", "Stories", True),
    ]
    assert [task.text for task in plan.stories[0].tasks] == ["Create `src/bench.py`", "Name the tools"]
    requirements = {fact.section: fact.value for fact in plan.facts if fact.name == "requirements"}
    assert requirements == {"1": ["1.1", "1.2"], "2.1": ["2.1"], "2.2": ["2.2", "3.1"], "3": ["4.1"]}
    assert edges(plan) == {"1": [], "2.1": ["1"], "2.2": ["2.1"], "2.3": ["2.2"], "3": ["2.3"]}
    assert [f.line for f in check_plan(plan) if f.code == Code.OPTIONAL_TASK] == [14]
    sound(plan)


def test_task_list() -> None:
    plan = example("task-list.md")
    assert (plan.source.kind, plan.title) == (task_list.KIND, "Autumn fair")
    assert [(s.id, s.title, s.done, s.epic, s.points, s.agents) for s in plan.stories] == [
        ("#12", "Rent the field", True, "Stand", 3, ["mira"]),
        ("#13", "Paint the sign", False, "Stand", None, []),
        ("#15", "Hang the sign", False, "Stand", None, ["jonas"]),
        ("T4", "Bake apple cake", False, "Kitchen", None, []),
    ]
    assert [(task.text, task.done, task.line) for task in plan.stories[1].tasks] == [
        ("Buy paint", False, 9),
        ("Find brushes", True, 10),
    ]
    assert [file.path for file in plan.stories[1].files] == ["sign/front.svg"]
    assert edges(plan) == {"#12": [], "#13": ["#12"], "#15": ["#13"], "T4": []}
    assert [item.text for item in plan.stories[3].acceptance_criteria] == ["Twelve pieces"]
    assert [f.line for f in check_plan(plan) if f.code == Code.ID_ASSIGNED] == [18]
    sound(plan)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(SENTENCE, DONE, st.booleans()), min_size=1, max_size=5), min_size=1, max_size=4
    )
)
def test_any_spec_kit_plan_is_read(phases: list[list[tuple[str, bool, bool]]]) -> None:
    lines, number = ["# Tasks: any", ""], 0
    for place, tasks in enumerate(phases, 1):
        lines += [f"## Phase {place}: User Story {place} - Part {place} (Priority: P{place})", ""]
        for text, done, parallel in tasks:
            number += 1
            lines.append(f"- {box(done)} T{number:03} {'[P] ' if parallel else ''}[US{place}] {text}")
        lines.append("")
    plan = read_plan("\n".join(lines))
    assert plan.source.kind == spec_kit.KIND
    told = [
        (text, done, f"US{n}", f"Phase {n}") for n, each in enumerate(phases, 1) for text, done, _ in each
    ]
    assert [(s.title, s.done, s.epic, s.phase) for s in plan.stories] == told
    assert [s.id for s in plan.stories] == [f"T{n:03}" for n in range(1, number + 1)]
    assert [epic.title for epic in plan.epics] == [f"Part {n}" for n in range(1, len(phases) + 1)]
    found = edges(plan)
    number = 0
    for tasks in phases:
        ids = [f"T{number + n:03}" for n in range(1, len(tasks) + 1)]
        number += len(tasks)
        for place, (_, _, parallel) in enumerate(tasks):
            before = [n for n in range(place) if not tasks[n][2]]
            since = ids[before[-1] + 1 : place] if before else ids[:place]
            barrier = [ids[before[-1]]] if before else []
            assert found[ids[place]] == (barrier if parallel else since or barrier)
    sound(plan)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(SENTENCE, DONE, st.lists(SENTENCE, max_size=2), st.lists(SENTENCE, max_size=3)),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_any_kiro_plan_is_read(tasks: list[tuple[str, bool, list[str], list[str]]], indented: bool) -> None:
    lines, told = ["# Implementation Plan", ""], list[tuple[str, str, bool, list[str]]]()
    for number, (text, done, details, below) in enumerate(tasks, 1):
        lines += [f"- {box(done)} {number}. {text}", *(f"  - {detail}" for detail in details)]
        lines.append(f"  - _Requirements: {number}.1, {number}.2_")
        if not below:
            told.append((str(number), text, done, details))
        for place, inner in enumerate(below, 1):
            lines.append(f"{'  ' if indented else ''}- {box(done)} {number}.{place} {inner}")
            told.append((f"{number}.{place}", inner, done, []))
    plan = read_plan("\n".join(lines))
    assert plan.source.kind == kiro.KIND
    assert [(s.id, s.title, s.done, [t.text for t in s.tasks]) for s in plan.stories] == told
    requirements = {fact.section: fact.value for fact in plan.facts if fact.name == "requirements"}
    assert requirements == {str(n): [f"{n}.1", f"{n}.2"] for n in range(1, len(tasks) + 1)}
    sound(plan)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            SENTENCE, DONE, st.none() | st.integers(1, 13), st.lists(st.tuples(SENTENCE, DONE), max_size=3)
        ),
        min_size=2,
        max_size=6,
    )
)
def test_any_task_list_is_read(tasks: list[tuple[str, bool, int | None, list[tuple[str, bool]]]]) -> None:
    lines = ["# Things to do", ""]
    for number, (text, done, points, below) in enumerate(tasks, 1):
        waits = f" (depends on #{number - 1})" if number > 1 else ""
        lines.append(f"- {box(done)} #{number} {text}{f' ({points} points)' if points else ''}{waits}")
        lines += [f"  - {box(inner_done)} {inner}" for inner, inner_done in below]
    plan = read_plan("\n".join(lines))
    assert plan.source.kind == task_list.KIND
    assert [(s.title, s.done, s.points, [(t.text, t.done) for t in s.tasks]) for s in plan.stories] == tasks
    assert list(edges(plan).values()) == [[], *([f"#{n}"] for n in range(1, len(tasks)))]
    sound(plan)
