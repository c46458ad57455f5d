"""What plans state in numbers and labels, against what they have."""

from __future__ import annotations

from textwrap import dedent

import pytest

from paceline.domain.plan import Allocation, Epic, Fact, Metric, Plan, Sprint
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan
from tests.lint_plans import found, plan_of, said, sprints, story

# --- numbers ---


def head(body: str, sprints: int = 0) -> Plan:
    """A plan whose head says something, with two stories of two tasks in one epic, or a story a sprint."""
    lines = ["# Feast", "## Sprint Overview", *dedent(body).strip().splitlines(), ""]
    lines += [
        "## Agent Team",
        "### 1. Ada Agent",
        "- **Role**: Cooks",
        "### 2. Ben Agent",
        "- **Role**: Bakes",
    ]
    if not sprints:
        lines.append("## Epic 1: All")
    for n in range(1, max(sprints, 2) + 1):
        lines += [f"## Sprint {n}: Part"] if sprints else []
        lines += [f"### Story {n}: Course", "- **Agent**: Ada Agent", "- **Points**: 3"]
        lines += [f"- **Files**: `f{n}.py`", "- **Checks**: `make`", "- **Tasks**:", "  - cut", "  - cook"]
    return read_plan("\n".join(lines), "plan.md")


@pytest.mark.parametrize(
    ("written", "differs"),
    [
        ("**Scope**: 3 stories", True),
        ("**Scope**: 2 stories", False),
        ("**Scope**: 2-3 user stories", False),
        ("**Scope**: 3-5 user stories", True),
        ("**Total Stories**: 7", True),
        ("**Number of Epics**: 4", True),
        ("**Epics**: 1", False),
        ("**Scope**: 4 tasks in 1 phase", False),
        ("**Scope**: 9 tasks", True),
        ("**Scope**: 3 tasks each", False),
        ("**Scope**: 3 stories per week", False),
        ("**Scope**: Week 3 stories", False),
        ("**Scope**: the first 3 stories", False),
        ("**Scope**: version 1.3 stories", False),
        ("**Helpers**: 3 specialised agents", True),
        ("**Helpers**: 2 agents", False),
        ("**Plan**: 6 sprints", False),
    ],
)
def test_what_the_head_counts(written: str, differs: bool) -> None:
    findings = found(head(written), Code.COUNT_DIFFERS)
    assert [each.line for each in findings] == ([3] if differs else [])


def test_sprints_of_the_head_with_and_without_the_optional_one() -> None:
    assert said(head("**Plan**: 6 sprints", sprints=3), Code.COUNT_DIFFERS) == [
        "The head of the plan speaks of 6 sprints, and the plan has 3."
    ]
    plan = head("**Plan**: 2 sprints", sprints=3)
    plan.sprints[2].optional = True
    assert found(plan, Code.COUNT_DIFFERS) == []


def test_weeks_of_the_head_against_weeks_and_days() -> None:
    weeks = [Sprint(id="Sprint 1", weeks=(1, 2), line=5), Sprint(id="Sprint 2", weeks=(3, 4), line=9)]
    fact = Fact(section="Head", name="Project", value="12 weeks", line=2)
    assert len(found(plan_of(story(1), sprints=weeks, facts=[fact]), Code.COUNT_DIFFERS)) == 1
    fact.value = "4 weeks"
    assert found(plan_of(story(1), sprints=weeks, facts=[fact]), Code.COUNT_DIFFERS) == []


def test_the_total_of_the_head() -> None:
    fact = Fact(section="Head", name="Total Points", value="30 points", line=2)
    plan = plan_of(story(1, points=3), story(2, points=5), facts=[fact])
    assert said(plan, Code.POINTS_DIFFER) == ["The plan states 30 points, and its stories add up to 8."]
    fact.value = "8"
    assert found(plan, Code.POINTS_DIFFER) == []
    fact.value = "5-10 points"
    assert found(plan, Code.POINTS_DIFFER) == []


def test_points_of_an_epic_in_any_format() -> None:
    epics = [Epic(id="Epic 1", title="All", points=9, stories=["Story 1", "Story 2"], line=4)]
    plan = plan_of(story(1, epic="Epic 1", points=3), story(2, epic="Epic 1", points=5), epics=epics)
    assert [(each.line, "`Epic 1` states 9" in each.message) for each in found(plan, Code.POINTS_DIFFER)] == [
        (4, True)
    ]
    plan.stories[1].points = None
    assert found(plan, Code.POINTS_DIFFER) == []


@pytest.mark.parametrize(
    ("fields", "points", "code"),
    [
        ({"capacity_points": 10}, 11, Code.SPRINT_OVER_CAPACITY),
        ({"capacity_points": 10}, 8, None),
        ({"capacity_points": 10}, 7, Code.SPRINT_UNDER_CAPACITY),
        ({"capacity_range": (10, 20)}, 21, Code.SPRINT_OVER_CAPACITY),
        ({"capacity_range": (10, 20)}, 10, None),
        ({"capacity_range": (10, 20)}, 9, Code.SPRINT_UNDER_CAPACITY),
        ({"capacity_range": (10, 20), "optional": True}, 9, None),
        ({}, 9, None),
    ],
)
def test_capacity_as_a_number_and_as_a_range(
    fields: dict[str, object], points: float, code: Code | None
) -> None:
    sprint = Sprint.model_validate({"id": "Sprint 1", "line": 3, **fields})
    plan = plan_of(story(1, points=points), sprints=[sprint])
    both = {Code.SPRINT_OVER_CAPACITY, Code.SPRINT_UNDER_CAPACITY}
    assert [each.code for each in check_plan(plan) if each.code in both] == ([code] if code else [])


@pytest.mark.parametrize("text", ["10 points per sprint", "8-10 points/sprint", "10 SP"])
def test_capacity_of_the_whole_plan(text: str) -> None:
    plan = plan_of(story(1, points=30), capacity=text)
    assert len(found(plan, Code.SPRINT_OVER_CAPACITY)) == 1


def test_too_much_is_too_much_though_not_all_points_are_known() -> None:
    plan = plan_of(story(1, points=30), story(2), sprints=[Sprint(id="Sprint 1", capacity_points=10)])
    assert len(found(plan, Code.SPRINT_OVER_CAPACITY)) == 1
    plan.stories[0].points = 3
    assert found(plan, Code.SPRINT_UNDER_CAPACITY) == []


def test_parts_of_a_story() -> None:
    parts = [Allocation(sprint="Sprint 1", points=3, line=4), Allocation(sprint="Sprint 2", points=4, line=9)]
    split = story(1, points=5, allocations=parts, sprints=["Sprint 1", "Sprint 2"])
    (finding,) = found(plan_of(split, sprints=sprints(False, False)), Code.STORY_OVER_ALLOCATED)
    assert (finding.line, "3 + 4 = 7, 2 too many" in finding.message) == (9, True)


def test_metrics_of_any_format() -> None:
    metrics = [
        Metric(name="Sales", target="customers smile", line=5),
        Metric(name="Courses", target="> 5", op=">", value=5, line=6),
        Metric(name="Uptime", target="99%", op=">=", value=99, line=7),
    ]
    findings = found(plan_of(story(1), metrics=metrics), Code.METRIC_UNCOVERED)
    assert [each.line for each in findings] == [5, 7]
    assert "`customers, smile`" in findings[0].message


@pytest.mark.parametrize(("length", "count"), [(120, 0), (121, 1)])
def test_titles_as_long_as_a_merge_keeps(length: int, count: int) -> None:
    assert len(found(plan_of(story(1, title="x" * length)), Code.TITLE_TOO_LONG)) == count


@pytest.mark.parametrize(("length", "count"), [(48, 0), (49, 1)])
def test_ids_as_long_as_a_branch_keeps(length: int, count: int) -> None:
    assert len(found(plan_of(story(1, id="x" * length)), Code.ID_TOO_LONG)) == count
    named = story(1, id="Sprint 1 / " + "y" * length, title="y" * length)
    assert found(plan_of(named), Code.ID_TOO_LONG) == []


# --- fields ---


def test_one_label_is_one_finding_with_its_lines_and_the_known_one() -> None:
    text = "# Feast\n" + "".join(
        f"## Story {n}: Course\n- **Agent**: Ada\n- **Acceptence Criteria**:\n  - it is good\n"
        f"- **Oven**: {n}\n- **Status**: open\n"
        for n in range(1, 10)
    )
    findings = found(read_plan(text, "plan.md"), Code.UNKNOWN_FIELD)
    assert [(each.line, each.message, each.remedy) for each in findings] == [
        (
            4,
            "No field holds `Acceptence Criteria` (lines 4, 10, 16, 22, 28, 34 and 3 more); "
            "it is kept under facts.",
            "Write `Acceptance Criteria`, if that is meant.",
        ),
        (
            6,
            "No field holds `Oven` (lines 6, 12, 18, 24, 30, 36 and 3 more); it is kept under facts.",
            "Nothing, if it is a note for people.",
        ),
    ]


def test_labels_of_the_head_are_named_only_where_they_are_nearly_known() -> None:
    plan = head("**Kitchen**: the large one\n**Capcity**: 40 points\n**Chef**: Ada")
    assert [each.remedy for each in found(plan, Code.UNKNOWN_FIELD)] == [
        "Write `Capacity`, if that is meant."
    ]


def test_of_many_unknown_labels_the_rest_is_counted() -> None:
    facts = [Fact(section="Story 1", name=f"Label {chr(97 + n)}{n}", value="x", line=n) for n in range(30)]
    findings = found(plan_of(story(1), facts=facts), Code.UNKNOWN_FIELD)
    assert len(findings) == 21
    assert any("9 more labels" in each.message for each in findings)
