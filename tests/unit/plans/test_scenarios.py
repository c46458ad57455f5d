"""Criteria as scenarios, and metrics as a table, in plans that are none of BMAD's."""

from __future__ import annotations

import pytest

from paceline.plans import agent_sprint, bmad
from paceline.plans.reader import read_plan

PLAN = """\
# Lockers

## Epic 1: Rent

### {first}: Choose a locker

**Acceptance Criteria:**

**Given** a free locker
**When** I tap it
**Then** it is mine

**Points:** 3

### {second}: Open a locker

**Acceptance Criteria:**
- Given my locker, When I tap open, Then it opens

**Dependencies:** the lock library

## Success metrics

| Metric | Target |
|---|---|
| Lockers opened a day | 40 |
| Failed openings | below 1 % |

## Operation metrics

| KPI | Today | Target |
|---|---|---|
| Lockers mine | 2 | 9 |
"""


@pytest.mark.parametrize(("first", "second"), [("US-101", "US-102"), ("Story 1.1", "Story 1.2")])
def test_scenarios_alone_make_no_plan_of_bmads(first: str, second: str) -> None:
    plan = read_plan(PLAN.format(first=first, second=second))
    assert plan.source.kind == agent_sprint.KIND
    assert [[item.text for item in story.acceptance_criteria] for story in plan.stories] == [
        ["Given a free locker When I tap it Then it is mine"],
        ["Given my locker, When I tap open, Then it opens"],
    ]
    assert plan.stories[0].points == 3
    # What a story of BMAD's depends on may be a library; elsewhere it is work.
    assert [each.as_written for each in plan.stories[1].dependencies] == ["the lock library"]


def test_a_sentence_of_bmads_does() -> None:
    text = PLAN.format(first="Story 1.1", second="Story 1.2")
    told = text.replace("a locker\n", "a locker\n\nAs a guest, I want a locker, so that my bag is safe.\n", 1)
    assert read_plan(told).source.kind == bmad.KIND


def test_a_table_of_targets_is_read_as_metrics() -> None:
    plan = read_plan(PLAN.format(first="US-101", second="US-102"))
    assert [(each.name, each.target, each.op, each.value, each.category) for each in plan.metrics] == [
        ("Lockers opened a day", "40", ">=", 40, None),
        ("Failed openings", "below 1 %", "<", 1, None),
        ("Lockers mine", "9", ">=", 9, None),
    ]
    # The column that no metric holds is kept with its table.
    tables = [fact.value for fact in plan.facts if fact.section == "Operation metrics"]
    assert [[row["Today"] for row in table] for table in tables] == [["2"]]
