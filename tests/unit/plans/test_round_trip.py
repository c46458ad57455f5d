"""A plan that is shown as JSON or as YAML, and read again, is the same plan to the byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.domain import plan as model
from paceline.domain.plan import Fact, Plan, Source, Story
from paceline.errors import PlanUnreadable
from paceline.plans.folder import is_text, read_folder
from paceline.plans.normal_form import write_normal_form, write_normal_form_yaml
from paceline.plans.reader import read_plan
from tests.shared_plans import plan_text

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = sorted(path for path in (ROOT / "tests/plans").rglob("*") if path.is_file() and is_text(path.name))
FOLDERS = sorted(path for path in (ROOT / "tests/plans").iterdir() if path.is_dir())
SHARED = [
    "webrtc-sprint",
    "epic-001-assignment",
    "autolynx-sprints",
    "nova-torch-sprint",
    "bmad-sprint-3-summary",
]


def assert_the_same(plan: Plan) -> None:
    """Either way there and back, twice."""
    told = write_normal_form(plan)
    for text in (told, write_normal_form_yaml(plan)):
        again = read_plan(text, "another name")
        assert again == plan
        assert write_normal_form(again) == told
        assert write_normal_form_yaml(again) == write_normal_form_yaml(plan)


@pytest.mark.parametrize("path", [*SAMPLES, ROOT / "examples/toolshed/plan.md"], ids=lambda path: path.name)
def test_every_sample(path: Path) -> None:
    try:
        plan = read_plan(path.read_text(encoding="utf-8"), path.name)
    except PlanUnreadable:
        assert path.name in {"notes.md", "config.yml"}, "every other sample is a plan"
        return
    assert_the_same(plan)


@pytest.mark.parametrize("path", FOLDERS, ids=lambda path: path.name)
def test_every_folder(path: Path) -> None:
    texts = {
        each.relative_to(path).as_posix(): each.read_text(encoding="utf-8")
        for each in path.rglob("*")
        if each.is_file()
    }
    assert_the_same(read_folder(texts, path.name))


@pytest.mark.parametrize("name", SHARED)
def test_every_shared_document(name: str) -> None:
    text = plan_text(name)
    plan = read_plan(text, f"{name}.md")
    assert plan.to_json() == read_plan(text, f"{name}.md").to_json()
    assert '"file": "' not in plan.to_json().replace('"file": "' + name, ""), "only folders name files"
    assert_the_same(plan)


NASTY = st.sampled_from(
    [
        *("1e3", "1E+3", ".5", "0x1F", "0o17", "017", "1_000", "1:30", "+.inf", ".nan", "-", "~", "="),
        *("null", "Null", "yes", "NO", "on", "true", "2024-01-01", "<<", "!!str x"),
        *(" lead", "trail ", "\n", "a\n", "\na", "a\n\n b", "a\r\nb", "\t", "a: b", "a #b", "# a", "- a"),
        *(
            "\u2028",
            "\u2029",
            "\x85",
            "\xa0",
            "\ufeff",
            "\x00",
            "\x07",
            "\x1b[31m",
            "\x7f",
            "\ufffe",
            "\U0001f600",
        ),
        *(
            "'",
            '"',
            "\\",
            "\\n",
            "%",
            "@a",
            "`a`",
            "&a",
            "*a",
            "{",
            "[",
            "|",
            ">",
            "?",
            "---",
            "...",
            "x" * 300,
        ),
    ]
)
TEXTS = NASTY | st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([1e22, 1e-7, -0.0, 3.0, 0.1])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
st.register_type_strategy(str, TEXTS)
st.register_type_strategy(float, NUMBERS)


def parts(kind: type[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Up to two of a part of a plan, every field with values of its type."""
    strategies = {
        name: st.from_type(field.annotation)
        for name, field in kind.model_fields.items()
        if name not in fields
    }
    return st.lists(st.builds(kind, **strategies, **fields), max_size=2)


ITEMS = parts(model.Item)
DEPENDENCIES = parts(model.Dependency)
LISTS = {"tasks": ITEMS, "acceptance_criteria": ITEMS, "dependencies": DEPENDENCIES}
PLANS = st.builds(
    Plan,
    title=TEXTS,
    project=st.none() | TEXTS,
    source=st.builds(Source, file=st.none() | TEXTS, kind=TEXTS, lines=st.integers(0, 9), digest=TEXTS),
    goal=st.none() | TEXTS,
    sprints=parts(model.Sprint, deliverables=ITEMS, success_criteria=ITEMS, definition_of_done=ITEMS),
    epics=parts(model.Epic, dependencies=DEPENDENCIES),
    stories=parts(Story, **LISTS, allocations=parts(model.Allocation), files=parts(model.File)),
    agents=parts(model.Agent),
    phases=parts(model.Phase, steps=parts(model.PhaseStep)),
    metrics=parts(model.Metric),
    risks=parts(model.Risk),
    contingency=parts(model.Contingency),
    definition_of_done=st.none() | ITEMS,
    capacity=st.none() | TEXTS,
    facts=parts(Fact, value=VALUES),
    warnings=parts(model.Finding),
)


@settings(max_examples=80, deadline=None)
@given(PLANS)
def test_any_plan(plan: Plan) -> None:
    assert_the_same(plan)
