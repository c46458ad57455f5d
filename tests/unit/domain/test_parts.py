"""Stories over several sprints: which part a sprint has, for which points."""

from __future__ import annotations

import pytest

from paceline.domain.parts import allotted, is_split, part_in
from paceline.domain.plan import Allocation, Story

ORDER = ["S0", "S1", "S2", "S3"]
SPREAD = Story(
    id="W",
    title="Wall",
    points=8,
    allocations=[
        Allocation(sprint="S3", points=1, of=8),
        Allocation(sprint="S1", points=5, of=8),
        Allocation(sprint="S2", points=1, of=8),
        Allocation(sprint="S2", points=1, of=8),
        Allocation(sprint="elsewhere", points=9),
    ],
)


def test_parts_are_in_the_order_of_the_sprints_and_one_for_each() -> None:
    assert allotted(SPREAD, ORDER) == {"S1": 5, "S2": 2, "S3": 1}


@pytest.mark.parametrize(
    ("awaited", "split"), [([], True), (["S3"], True), (["S2"], False), (["S3", "S0"], False)]
)
def test_a_story_that_is_awaited_before_its_last_part_is_not_split(awaited: list[str], split: bool) -> None:
    assert is_split(SPREAD, ORDER, awaited) is split


def test_one_part_is_no_split() -> None:
    assert not is_split(Story(id="A", title="A", allocations=SPREAD.allocations[:1]), ORDER, [])


@pytest.mark.parametrize(
    ("sprint", "number", "points", "into"), [("S1", 1, 5, "S2"), ("S2", 2, 2, "S3"), ("S3", 3, 1, "")]
)
def test_each_sprint_has_its_part(sprint: str, number: int, points: float, into: str) -> None:
    part = part_in(SPREAD, sprint, ORDER)
    assert part is not None
    assert (part.number, part.of, part.points, part.into) == (number, 3, points, into)
    assert part.told() == f"part {number} of 3 ({points} of 8 points)"


def test_what_a_sprint_did_not_do_counts_where_it_is_done() -> None:
    carried = part_in(SPREAD, "S2", ORDER, credited=[])
    done = part_in(SPREAD, "S2", ORDER, credited=["S1"])
    assert carried is not None
    assert done is not None
    assert (carried.points, done.points) == (7, 2)
    # A story that was put before its first part has that one to do; one in no sprint of the plan has none.
    early = part_in(SPREAD, "S0", ORDER)
    assert early is not None
    assert (early.number, early.into) == (1, "S2")
    assert part_in(SPREAD, "S9", ORDER) is None
