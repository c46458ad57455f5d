"""Plans as different teams write them: other headings, ids, labels, tables and marks than in the samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from paceline.domain.plan import Plan
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan

FOLDER = Path(__file__).resolve().parents[2] / "plans" / "forms"
EXPECTED: dict[str, dict[str, list[Any]]] = yaml.safe_load(
    (Path(__file__).with_name("forms_expected.yaml")).read_text("utf-8")
)


def plan_of(name: str) -> Plan:
    return read_plan((FOLDER / f"{name}.md").read_text("utf-8"), f"{name}.md")


def codes(plan: Plan) -> set[str]:
    return {found.code for found in check_plan(plan)}


def test_every_plan_has_its_expected_stories() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in FOLDER.glob("*.md"))


@pytest.mark.parametrize("name", EXPECTED)
def test_stories(name: str) -> None:
    found = {
        story.id: [
            story.title,
            story.points,
            story.agents,
            [target for dependency in story.dependencies for target in dependency.resolved],
            story.done,
            story.sprints[-1],
        ]
        for story in plan_of(name).stories
    }
    assert found == EXPECTED[name]


def test_fields_in_tables_front_matter_and_marks() -> None:
    plan = plan_of("field-tables")
    assert (plan.project, plan.goal, plan.sprints[0].duration_text) == ("Payments", "Take cards", "2 weeks")
    assert [(epic.id, epic.title, epic.priority, epic.owner) for epic in plan.epics] == [
        ("Epic A", "Checkout", "High", "@lea"),
        ("Epic B", "Ledger", None, None),
    ]
    first, second, third = plan.stories
    assert [file.path for file in first.files] == ["web/card.tsx", "web/card.css"]
    assert len(first.acceptance_criteria) == 2
    assert [task.text for task in second.tasks] == [
        "Call the vault",
        "Store the token",
        "encrypted",
        "with a digest",
    ]
    assert [task.done for task in third.tasks] == [True, False, None, False]
    assert ("owner", "lea") in [(fact.name, fact.value) for fact in plan.facts]
    assert Code.POINTS_ASSUMED in codes(plan)


def test_labels_without_colons_and_criteria_in_numbered_lists() -> None:
    story = plan_of("ids-of-two-parts").stories[0]
    assert [task.text for task in story.tasks] == ["Ask for consent", "Keep the key in the keychain"]
    criteria = [item.text for item in story.acceptance_criteria]
    assert criteria == ["works offline", "Locked after 3 tries"]


def test_sizes_and_open_questions_stay_as_written() -> None:
    plan = plan_of("ids-of-a-tracker")
    sizes = {fact.section: fact.value for fact in plan.facts if fact.name == "Estimate"}
    assert sizes == {"PROJ-102": "TBD", "PROJ-104": "XL"}
    assert {Code.POINTS_NOT_A_NUMBER, Code.VALUE_UNDECIDED} <= codes(plan)
    assert Code.UNKNOWN_DEPENDENCY not in codes(plan)


@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("iterations-in-tables", "SHOP-3"),
        ("bare-points", "API-4"),
        ("weekdays", "T-4"),
        ("marks-and-badges", "Story 1.3"),
    ],
)
def test_what_is_struck_or_cancelled_is_kept_and_not_scheduled(name: str, story: str) -> None:
    plan = plan_of(name)
    assert story not in [each.id for each in plan.stories]
    assert any(fact.section == story and fact.name == "left out" for fact in plan.facts)
    assert Code.TASK_LEFT_OUT in codes(plan)


def test_a_part_of_an_epic_is_awaited_alone() -> None:
    (dependency,) = plan_of("marks-and-badges").epics[1].dependencies
    assert (dependency.as_written, dependency.resolved) == ("Epic 1 (Story 1.2 only)", ["Story 1.2"])


def test_totals_behind_headings_and_in_lines() -> None:
    plan = plan_of("totals-and-owners")
    assert [(sprint.points_stated, sprint.duration_text) for sprint in plan.sprints] == [
        (20, None),
        (12, None),
    ]


def test_a_row_that_differs_from_its_heading_is_said() -> None:
    text = (FOLDER / "table-and-headings.md").read_text("utf-8")
    plan = read_plan(text.replace("### ST-2: Print", "### ST-2: Print (8 points)"))
    assert plan.stories[1].points == 8
    assert Code.ROWS_DIFFER in codes(plan)
