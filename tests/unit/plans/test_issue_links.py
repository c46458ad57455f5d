"""Columns of linked issues, as trackers export them."""

from __future__ import annotations

import pytest

from paceline.plans.draft import BY_LINK
from paceline.plans.findings import Code
from paceline.plans.issue_links import read_links
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan

TABLE = """\
# Ferry tickets

| Key | Summary | Story Points | {header} |
|---|---|---|---|
| FER-1 | Print a ticket | 2 | |
| FER-2 | Pay for a ticket | 3 | duplicates FER-1 |
| FER-3 | Refund a ticket | 5 | - |
| FER-4 | Board the ferry | 5 | is blocked by FER-2, FER-1, relates to FER-3, blocks FER-3 and QUAY-7 |
"""


@pytest.mark.parametrize("header", ["Issue Links", "Linked issues"])
def test_links_say_what_waits_for_what(header: str) -> None:
    plan = read_plan(TABLE.format(header=header))
    found = {story.id: [(d.resolved, d.qualifier) for d in story.dependencies] for story in plan.stories}
    assert found == {
        "FER-1": [],
        "FER-2": [],
        "FER-3": [(["FER-4"], BY_LINK)],
        "FER-4": [(["FER-2"], None), (["FER-1"], None)],
    }
    assert [(fact.section, fact.name, fact.value) for fact in plan.facts] == [
        ("FER-2", header, "duplicates FER-1"),
        ("FER-4", header, "blocks FER-3, blocks QUAY-7, relates to FER-3"),
    ]


def test_a_link_written_on_both_sides_is_one_dependency() -> None:
    text = TABLE.format(header="Issue Links").replace("| - |", "| is blocked by FER-4 |")
    story = read_plan(text).stories[2]
    assert [(each.resolved, each.qualifier) for each in story.dependencies] == [(["FER-4"], None)]


def test_what_blocks_a_story_and_is_not_there_stops_the_run() -> None:
    text = TABLE.format(header="Issue Links").replace("| - |", "| depends on QUAY-9 |")
    assert Code.UNKNOWN_DEPENDENCY in {found.code for found in check_plan(read_plan(text))}


@pytest.mark.parametrize(
    ("cell", "waits", "blocks", "others"),
    [
        ("FER-1", [], [], ["FER-1"]),
        ("requires Pay for a ticket", ["Pay for a ticket"], [], []),
        ("is blocked by FER-1 relates to FER-2", ["FER-1"], [], ["relates to FER-2"]),
        ("blocked by: FER-1; mentions FER-2", ["FER-1"], [], ["mentions FER-2"]),
        ("is cloned by FER-8, is required by FER-9", [], ["FER-9"], ["is cloned by FER-8"]),
        ("blockiert von FER-1, blockiert FER-2", ["FER-1"], ["FER-2"], []),
    ],
)
def test_every_link_belongs_to_the_verb_before_it(
    cell: str, waits: list[str], blocks: list[str], others: list[str]
) -> None:
    found = read_links(cell)
    assert (found.waits, found.blocks, found.others) == (waits, blocks, others)
