"""Plans that are data: task-master's JSON, and the normal form as YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.domain.plan import Dependency, Fact, Item, Plan, Source, Story
from paceline.errors import PlanUnreadable
from paceline.plans import task_master
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.normal_form import write_normal_form, write_normal_form_yaml
from paceline.plans.reader import read_plan
from paceline.plans.yaml_text import ALIAS_LIMIT, DEPTH_LIMIT

FOLDER = Path(__file__).resolve().parents[2] / "plans"
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=20)


def test_task_master() -> None:
    plan = read_plan((FOLDER / "task-master.json").read_text(encoding="utf-8"), "tasks.json")
    assert (plan.source.kind, plan.title) == (task_master.KIND, "Trail park")
    assert [(s.id, s.title, s.done, s.priority, s.line) for s in plan.stories] == [
        ("1", "Draw the map", True, "high", 6),
        ("2", "Mark the trails", False, "medium", 17),
        ("3", "Open the park", None, "low", 28),
    ]
    assert plan.stories[0].description == "A map of the trails\n\nWrite it to `maps/trails.svg`"
    assert [file.path for file in plan.stories[0].files] == ["maps/trails.svg"]
    assert [item.text for item in plan.stories[0].acceptance_criteria] == ["Every trail is on it"]
    assert [(t.text, t.done, t.line) for t in plan.stories[1].tasks] == [
        ("Order signs", True, 24),
        ("Set posts", False, 25),
    ]
    waits = [[d for each in story.dependencies for d in each.resolved] for story in plan.stories]
    assert waits == [[], ["1"], ["1", "2"]]
    facts = [(fact.section, fact.name, fact.value) for fact in plan.facts]
    assert ("2", "complexityScore", 4) in facts
    assert ("2", "subtask", {"id": 2, "dependencies": [1], "details": "Dig first"}) in facts
    assert [found.line for found in check_plan(plan) if found.code == Code.STATUS_NOT_UNDERSTOOD] == [28]
    assert not has_errors(check_plan(plan))


def test_several_tags_of_task_master_are_epics() -> None:
    tasks = [{"id": 1, "title": "One"}, {"id": 2, "title": "Two", "dependencies": [1]}]
    plan = read_plan(json.dumps({"master": {"tasks": tasks}, "later": {"tasks": tasks}}, indent=1))
    assert [(epic.id, epic.stories) for epic in plan.epics] == [
        ("master", ["master:1", "master:2"]),
        ("later", ["later:1", "later:2"]),
    ]
    assert plan.stories[3].dependencies[0].resolved == ["later:1"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(TEXT, st.sampled_from(["done", "pending", "review"]), st.lists(TEXT, max_size=3)),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_any_tasks_json_is_read(tasks: list[tuple[str, str, list[str]]], ascii_only: bool) -> None:
    data: list[dict[str, Any]] = [
        {
            "id": number,
            "title": title,
            "status": status,
            "dependencies": [number - 1] if number > 1 else [],
            "subtasks": [{"id": n, "title": text, "status": "pending"} for n, text in enumerate(below, 1)],
        }
        for number, (title, status, below) in enumerate(tasks, 1)
    ]
    plan = read_plan(json.dumps({"tasks": data}, ensure_ascii=ascii_only, indent=2))
    assert plan.source.kind == task_master.KIND
    told = [(title.strip() or "Untitled task", status == "done") for title, status, _ in tasks]
    assert [(story.title, story.done) for story in plan.stories] == told
    assert [len(story.tasks) for story in plan.stories] == [len(below) for _, _, below in tasks]
    waits = [[d for each in story.dependencies for d in each.resolved] for story in plan.stories]
    assert waits == [[], *([str(n)] for n in range(1, len(tasks)))]
    assert read_plan(plan.to_json()) == plan


STORIES = st.builds(
    Story,
    id=TEXT,
    title=TEXT,
    points=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    done=st.sampled_from([None, True, False]),
    tasks=st.lists(st.builds(Item, text=TEXT, line=st.none() | st.integers(1, 10**6)), max_size=2),
    dependencies=st.lists(
        st.builds(Dependency, as_written=TEXT, resolved=st.lists(TEXT, max_size=2)), max_size=2
    ),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
PLANS = st.builds(
    Plan,
    title=TEXT,
    source=st.builds(Source, kind=TEXT, lines=st.integers(0, 99), digest=TEXT),
    stories=st.lists(STORIES, max_size=3),
    facts=st.lists(st.builds(Fact, name=TEXT, value=VALUES), max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(PLANS)
def test_the_normal_form_is_read_back_as_the_same_plan(plan: Plan) -> None:
    again = read_plan(write_normal_form_yaml(plan))
    assert again == plan
    assert write_normal_form(again) == write_normal_form(plan)
    assert write_normal_form_yaml(again) == write_normal_form_yaml(plan)


def test_yaml_means_what_version_1_2_says() -> None:
    fact = "{a: yes, b: 1:30, c: 2024-01-01, d: 010, e: 0o10, f: 1e3, g: True, h: ~, i: 0x1F, 1: k, null: l}"
    plan = read_plan(f"schema_version: 1\ntitle: on\nfacts:\n- value: {fact}\n")
    assert plan.title == "on"
    assert plan.facts[0].value == {
        **{"a": "yes", "b": "1:30", "c": "2024-01-01", "d": 10, "e": 8, "f": 1000.0, "g": True},
        **{"h": None, "i": 31, "1": "k", "null": "l"},
    }


def test_what_a_person_need_not_write_is_worked_out() -> None:
    plan = read_plan(
        "schema_version: 1\n"
        "title: Kites\n"
        "epics:\n"
        "- {id: E1, title: Build, stories: [frame]}\n"
        "stories:\n"
        "- {id: frame, title: Frame, points: 3}\n"
        "- {id: sail, title: Sail, dependencies: [{as_written: frame}]}\n"
        "- {id: fly, title: Fly it, epic: E1, dependencies: [{as_written: 'sail, nobody'}]}\n",
        "kites.yaml",
    )
    assert (plan.source.file, plan.source.kind, plan.source.lines) == ("kites.yaml", "normal form", 8)
    assert [(epic.id, epic.implicit, epic.stories) for epic in plan.epics] == [
        ("E1", False, ["frame", "fly"]),
        ("Epic", True, ["sail"]),
    ]
    assert [story.sprints for story in plan.stories] == [["Sprint"]] * 3
    waits = [[d for each in story.dependencies for d in each.resolved] for story in plan.stories]
    assert waits == [[], ["frame"], ["sail"]]
    errors = [found for found in check_plan(plan) if found.severity == "error"]
    assert [found.code for found in errors] == [Code.UNKNOWN_DEPENDENCY]
    assert read_plan(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("schema_version: 1\ntitle: [unclosed\n", "line 3: it is no YAML"),
        ("schema_version: 1\ntitle: !!python/object:os.system x\n", "line 2: it is no YAML"),
        ("schema_version: 1\na: &a [x, x]\n" + "b: [" + "*a, " * (ALIAS_LIMIT + 1) + "]\n", "aliases"),
        ("schema_version: 1\ntitle: " + "[" * (DEPTH_LIMIT + 5), "nests deeper"),
        ("schema_version: 1\ntitle: " + "[" * 50_000, "nests deeper"),
        ("schema_version: 1\ngoal: x\n", "title: Field required"),
        ("schema_version: 1\n\ttitle: x\n", "line 2: it is no YAML"),
        ("schema_version: 2026-99-99\n", "schema_version: Input should be a valid integer"),
        ("schema_version: 1\ntitle: 1.10\n", "title: Input should be a valid string; put it in quotes"),
        (
            "schema_version: 1\ntitle: a\ntitle: b\n",
            "line 3: it is no YAML (the key `title` is",
        ),
        ("schema_version: 1\nx: [.inf]\n", "line 2: it is no YAML (`.inf` is no finite number)"),
        ("schema_version: 1\nx: 1e999\n", "line 2: it is no YAML (`1e999` is no finite number)"),
        ("schema_version: " + "9" * 5000 + "\n", "line 1: it is no YAML (a number has too many digits)"),
        ("schema_version: 1\nx: !!binary aGk=\n", "line 2: it is no YAML"),
        ("schema_version: 1\n[a]: b\n", "line 2: it is no YAML (a key is no text)"),
        ("schema_version: 1\ntitle: &a [*a]\n", "title: Input should be a valid string"),
        ("schema_version: 1\ntitle: t\nfacts:\n- value: &a [*a]\n", "facts.0.value: it nests too deeply"),
        (
            "schema_version: 1\na: &a " + "x" * 2_000_000 + "\nb: [" + "*a, " * 20 + "]\n",
            "aliases stand for more",
        ),
    ],
)
def test_yaml_that_is_no_plan_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(PlanUnreadable) as caught:
        read_plan(text, "plan.yaml")
    assert sentence in caught.value.message
    assert "\n" not in caught.value.message
