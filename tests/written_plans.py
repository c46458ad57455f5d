"""What properties of plan formats have in common: random words, and what must hold of any plan."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from paceline.domain.graph import find_cycle, story_edges
from paceline.domain.plan import Plan
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan

# Words of several scripts without those that mean something in a plan: none of them has an `o` or an `l`.
WORD = st.text("abcdefghijkmpqrstuvwxyzABC\u00e4\u00e9\u4f60", min_size=4, max_size=9)
SENTENCE = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
PATH = st.lists(st.text("abcdefgh_", min_size=1, max_size=6), min_size=2, max_size=4).map(
    lambda parts: "/".join(parts) + ".py"
)
NAME = st.text("bcdfghjkmpqrstvwxz", min_size=4, max_size=8).map(str.title)
POINTS = st.none() | st.integers(1, 21)

bounded = settings(max_examples=25, deadline=None)
"""So that the properties of all formats together take less than a minute."""


def box(done: bool) -> str:
    """A checkbox."""
    return "[x]" if done else "[ ]"


def earlier(number: int, at_most: int = 2) -> st.SearchStrategy[list[int]]:
    """Some of the numbers before this one, in their order."""
    if number <= 1:
        return st.just([])
    return st.lists(st.integers(1, number - 1), max_size=at_most, unique=True).map(sorted)


def waits(plan: Plan) -> list[list[str]]:
    """What every story waits for, because it is written so."""
    return [
        [name for each in story.dependencies if each.qualifier is None for name in each.resolved]
        for story in plan.stories
    ]


def assert_sound(plan: Plan, *, proven: bool = False) -> None:
    """Assert that a plan can run, and that its normal form is the same plan.

    Args:
        plan: as it was read.
        proven: whether every story has a criterion.
    """
    assert not has_errors(check_plan(plan)), [found.message for found in check_plan(plan)][:3]
    assert find_cycle(story_edges(plan)) is None
    assert read_plan(plan.to_json()) == plan
    assert not proven or all(story.acceptance_criteria for story in plan.stories)
