"""Dependencies as people write them, and what they resolve to."""

from __future__ import annotations

from textwrap import dedent

import pytest

from paceline.domain.graph import story_edges
from paceline.domain.plan import Plan
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan


def read(text: str) -> Plan:
    return read_plan(dedent(text).strip(), "plan.md")


def codes(plan: Plan) -> set[str]:
    return {found.code for found in check_plan(plan)}


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("None", []),
        ("none", []),
        ("-", []),
        ("N/A", []),
        ("\u2014", []),
        ("Story 1.1", ["Story 1.1"]),
        ("1.1", ["Story 1.1"]),
        ("story 1.1.", ["Story 1.1"]),
        ("Epic 1", ["Epic 1"]),
        ("EPIC 1: Yard", ["Epic 1"]),
        ("Epics 1-3", ["Epic 1", "Epic 2", "Epic 3"]),
        ("Epics 1 \u2013 2", ["Epic 1", "Epic 2"]),
        ("Epics 1 to 3", ["Epic 1", "Epic 2", "Epic 3"]),
        ("Epics 1 and 3", ["Epic 1", "Epic 3"]),
        ("Stories 1.1-1.3", ["Story 1.1", "Story 1.2", "Story 1.3"]),
        ("Story 1.1 to Story 1.2", ["Story 1.1", "Story 1.2"]),
        ("Epic 1, Story 2.1 and 2.2", ["Epic 1", "Story 2.1", "Story 2.2"]),
        ("Story 1.1, 1.2", ["Story 1.1", "Story 1.2"]),
        ("Stories 1.1, 2.1; Epic 3", ["Story 1.1", "Story 2.1", "Epic 3"]),
        ("Story 1.1 (Sweep)", ["Story 1.1"]),
        ("`Story 1.1`", ["Story 1.1"]),
        ("Sweep", ["Story 1.1"]),
    ],
)
def test_dependencies_as_people_write_them(written: str, resolved: list[str]) -> None:
    plan = read_plan(
        "# Plan\n### Epic 1: Yard\n"
        "#### Story 1.1: Sweep\n- **Agent**: Ada\n#### Story 1.2: Rake\n- **Agent**: Ada\n"
        "#### Story 1.3: Mow\n- **Agent**: Ada\n"
        "### Epic 2: House\n#### Story 2.1: Roof\n- **Agent**: Ada\n#### Story 2.2: Door\n- **Agent**: Ada\n"
        "### Epic 3: Shed\n#### Story 3.1: Key\n- **Agent**: Ada\n"
        f"### Epic 4: Last\n#### Story 4.1: Party\n- **Agent**: Ada\n- **Dependencies**: {written}\n"
    )
    story = plan.stories[-1]
    assert [target for each in story.dependencies for target in each.resolved] == resolved
    assert story.dependencies_as_written == written
    assert not has_errors(check_plan(plan))


def test_a_partial_dependency_without_phases_waits_for_all_of_it() -> None:
    plan = read("""
        # Plan
        ### Epic 1: Yard
        #### Story 1.1: Sweep
        - **Agent**: Ada
        #### Story 1.2: Rake
        - **Agent**: Ada
        ### Epic 2: House
        **Dependencies**: Epic 1 (partial)
        #### Story 2.1: Roof
        - **Agent**: Ada
        """)
    assert story_edges(plan)["Story 2.1"] == ["Story 1.1", "Story 1.2"]
    assert plan.epics[1].dependencies[0].gate is None
    assert Code.PARTIAL_DEPENDENCY in codes(plan)


def test_another_remark_on_a_dependency_narrows_nothing() -> None:
    plan = read("""
        # Plan
        ## Story 1: Sweep
        - **Agent**: Ada
        ## Story 2: Rake
        - **Agent**: Ada
        - **Dependencies**: Story 1 (the paths, the lawn)
        """)
    (dependency,) = plan.stories[1].dependencies
    assert (dependency.resolved, dependency.qualifier) == (["Story 1"], "the paths, the lawn")
    assert Code.QUALIFIER_NOT_UNDERSTOOD in codes(plan)


def test_a_range_with_a_hole_is_remarked() -> None:
    plan = read("""
        # Plan
        ### Epic 1: Yard
        #### Story 1.1: Sweep
        - **Agent**: Ada
        ### Epic 3: Shed
        #### Story 3.1: Key
        - **Agent**: Ada
        ### Epic 4: Party
        **Dependencies**: Epics 1-3
        #### Story 4.1: Dance
        - **Agent**: Ada
        """)
    assert plan.epics[2].dependencies[0].resolved == ["Epic 1", "Epic 3"]
    assert Code.RANGE_WITH_GAPS in codes(plan)
