"""Pages of a sprint's goal, which list in bold what a team commits to."""

from __future__ import annotations

import pytest

from paceline.plans import sprint_bullets
from paceline.plans.bullet_items import read_item
from paceline.plans.inline import read_line
from paceline.plans.reader import read_plan

PAGE = """\
# {title}

## Why

Neighbours borrow a ladder.

## {heading}

{first} **LAD-12 Reserve a ladder** (5 pts, Ines)
{second} **LAD-13 Return a ladder** (3 pts, Ole Berg)
"""


@pytest.mark.parametrize("title", ["Ladder library", "Sprint 4 goal: borrow a ladder"])
@pytest.mark.parametrize("heading", ["What we commit to", "Our promise"])
@pytest.mark.parametrize(("first", "second"), [("1.", "2."), ("-", "-")])
def test_what_a_team_commits_to_is_work(title: str, heading: str, first: str, second: str) -> None:
    plan = read_plan(PAGE.format(title=title, heading=heading, first=first, second=second))
    assert plan.source.kind == sprint_bullets.KIND
    assert [(s.id, s.title, s.points, s.agents, s.agents_as_written) for s in plan.stories] == [
        ("LAD-12", "Reserve a ladder", 5, ["Ines"], "Ines"),
        ("LAD-13", "Return a ladder", 3, ["Ole Berg"], "Ole Berg"),
    ]
    assert "Neighbours borrow a ladder." in str([fact.value for fact in plan.facts])


def test_a_name_that_the_team_does_not_have_is_a_fact() -> None:
    page = PAGE.format(title="Sprint 4", heading="Stories", first="-", second="-")
    plan = read_plan(f"{page}\n## Team\n\n- **Ines**: carpenter\n- **Mo**: painter\n")
    assert [story.agents for story in plan.stories] == [["Ines"], []]
    assert [(f.section, f.value) for f in plan.facts if f.name == "Remark"] == [("LAD-13", "Ole Berg")]


@pytest.mark.parametrize("remark", ["(5 pts, needs wood)", "(5 pts, TBD)", "(5 pts, deferred)", "(Ines)"])
def test_other_words_beside_points_are_nobody(remark: str) -> None:
    assert read_item(read_line(f"**LAD-1 Reserve** {remark}", 1)).remark.presumed is None
