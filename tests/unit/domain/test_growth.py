"""The rules for what a story may have beside its own files."""

from __future__ import annotations

import pytest

from paceline.domain.arbitration import ForeignEdits
from paceline.domain.claims import Need
from paceline.domain.growth import rule_on_claim, rule_on_growth
from paceline.plans.reader import read_plan
from tests.sample_plans import E, S, plan

PLAN = read_plan(
    plan(E("1", [S("1.1", files=("a.txt",))]), agents=("Builder", "Owner"))
    + "\n## Agent-Specific Resources\n- **Owner**: `theirs.txt`\n"
)
STORY = PLAN.stories[0]
THEIRS, NOBODYS = [Need(resource="file:theirs.txt")], [Need(resource="file:free.txt")]


@pytest.mark.parametrize("rule", ["allow", "ask", "refuse"])
def test_the_rule_for_foreign_files_is_about_nothing_else(rule: ForeignEdits) -> None:
    assert rule_on_claim(PLAN, STORY, [*NOBODYS, *THEIRS], rule).verdict == rule
    free = rule_on_claim(PLAN, STORY, NOBODYS, rule)
    assert (free.verdict, free.reason, free.foreign) == ("allow", "", False)


@pytest.mark.parametrize(
    ("growth", "foreign", "needs", "verdict", "about_others"),
    [
        ("allow", "ask", NOBODYS, "allow", False),
        ("allow", "ask", THEIRS, "ask", True),
        ("ask", "allow", NOBODYS, "ask", False),
        ("ask", "refuse", THEIRS, "refuse", True),
        ("ask", "ask", THEIRS, "ask", True),
        ("refuse", "allow", THEIRS, "refuse", False),
        ("refuse", "ask", THEIRS, "refuse", False),
    ],
)
def test_of_two_rules_the_stricter_one_holds_for_growth(
    growth: ForeignEdits, foreign: ForeignEdits, needs: list[Need], verdict: str, about_others: bool
) -> None:
    ruling = rule_on_growth(PLAN, STORY, needs, growth, foreign)
    assert (ruling.verdict, ruling.foreign) == (verdict, about_others)
    assert bool(ruling.reason) == (verdict != "allow")
