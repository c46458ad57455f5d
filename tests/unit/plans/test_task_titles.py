"""Titles in task lists: the people and the tasks that they name."""

from __future__ import annotations

import pytest

from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan

LIST = """\
# Orchard

- [ ] Dig the pond @Mira
- [ ] Line the pond (depends on Dig the pond) @Jo
- [ ] Ask @Jo about frogs, then buy them (@Mira, @Sol)
- [ ] #8 Fill it @Sol (depends on: Line the pond, Dig the pond)
- [ ] Sit down (depends on good weather)
- [ ] Write to pond@orchard.example
"""


def test_people_at_the_end_of_a_title_are_its_agents() -> None:
    plan = read_plan(LIST)
    assert [(story.title, story.agents, story.agents_as_written) for story in plan.stories] == [
        ("Dig the pond", ["Mira"], "@Mira"),
        ("Line the pond", ["Jo"], "@Jo"),
        ("Ask @Jo about frogs, then buy them", ["Jo", "Mira", "Sol"], "@Jo, @Mira, @Sol"),
        ("Fill it", ["Sol"], "@Sol"),
        ("Sit down (depends on good weather)", [], None),
        ("Write to pond@orchard.example", [], None),
    ]


def test_a_task_waits_for_another_by_its_title() -> None:
    plan = read_plan(LIST)
    found = [[name for each in story.dependencies for name in each.resolved] for story in plan.stories]
    assert found == [[], ["T1"], [], ["T2", "T1"], [], []]
    assert not has_errors(check_plan(plan))


@pytest.mark.parametrize("remark", ["(blocked by Dig the pond)", "[waits for: dig the pond]"])
def test_the_words_before_a_title(remark: str) -> None:
    plan = read_plan(f"- [ ] Dig the pond\n- [ ] Line it {remark}\n")
    assert [each.resolved for each in plan.stories[1].dependencies] == [["T1"]]
    assert plan.stories[1].title == "Line it"
