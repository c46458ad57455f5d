"""What is said of a document without structure: what was found, and what would make this one readable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.errors import PlanUnreadable
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan
from paceline.plans.unstructured import CANDIDATE_LIMIT, EXAMPLE

MEETING = """# Allotment meeting

We met in the shed. It rained.

## Attendees

- Ada
- Bo

## 1. Water barrels

The barrels leak, and *somebody* has to seal them.

## Compost

- turn the heap
"""


def refused(text: str) -> PlanUnreadable:
    with pytest.raises(PlanUnreadable) as caught:
        read_plan(text, "notes.md")
    return caught.value


def repaired(text: str) -> str:
    """The document after every candidate's remedy."""
    lines = text.split("\n")
    for candidate in refused(text).details["candidates"]:
        lines[candidate["line"] - 1] = candidate["write"]
    return "\n".join(lines)


def test_the_sentence_counts_what_was_found_and_names_headings_of_this_document() -> None:
    assert refused(MEETING).message == (
        "notes.md is not a plan that Paceline can read: it has 4 headings, 2 paragraphs and 2 lists with "
        "3 items, and no heading, list item or table row says that it is a story; give every story a heading "
        "such as `#### Story 1.1: Title` with bullets such as `- **Agent**: name` below it, here perhaps "
        "`## Story 1: Water barrels` in line 10 or `## Story 2: Compost` in line 14."
    )


def test_boxes_without_a_hyphen_get_the_line_with_one() -> None:
    error = refused("# Shed\n\n## Soon\n\n[ ] seal the barrels\n[x] turn the heap\n")
    remedy = "put a hyphen before every box, here `- [ ] seal the barrels` in line 5"
    assert remedy in error.message
    assert [each["write"] for each in error.details["candidates"]] == [
        "- [ ] seal the barrels",
        "- [x] turn the heap",
    ]


def test_programs_get_the_same_as_fields() -> None:
    details = json.loads(json.dumps(refused(MEETING).details))
    assert details == {
        "file": "notes.md",
        "found": {
            "headings": 4,
            "paragraphs": 2,
            "lists": 2,
            "list_items": 3,
            "checkboxes": 0,
            "tables": 0,
            "blocks": 0,
        },
        "candidates": [
            {"line": 10, "written": "## 1. Water barrels", "write": "## Story 1: Water barrels"},
            {"line": 14, "written": "## Compost", "write": "## Story 2: Compost"},
        ],
        "example": EXAMPLE,
    }


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        (MEETING, ["Water barrels", "Compost"]),
        ("Some day:\n\n- seal the barrels\n- turn the heap\n", ["seal the barrels", "turn the heap"]),
        ("1. seal the barrels\n2. turn the heap\n", ["seal the barrels", "turn the heap"]),
        ("Shed:\n[ ] seal the barrels\n[x] turn the heap\n", ["seal the barrels", "turn the heap"]),
        ("| What | By |\n| - | - |\n| seal | Ada |\n| turn | Bo |\n", ["seal", "turn"]),
    ],
)
def test_a_document_that_follows_its_remedy_is_readable(text: str, titles: list[str]) -> None:
    assert [story.title for story in read_plan(repaired(text)).stories] == titles


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "it is empty; give every story"),
        ("\ufeff \n\t\n", "it is empty; give every story"),
        ("---\n", "it has no text, and"),
        ("Only prose.", "it has 1 paragraph, and"),
        ("```\ncode\n```\n", "it has 1 block of code or HTML, and"),
        ("<div>\n<p>x</p>\n</div>\n\n<pre>\n</pre>\n", "it has 2 blocks of code or HTML, and"),
    ],
)
def test_what_has_no_places_to_name_gets_the_general_remedy(text: str, seen: str) -> None:
    error = refused(text)
    assert seen in error.message
    assert "perhaps" not in error.message
    assert error.details["example"] == EXAMPLE


def test_the_example_is_a_plan_without_findings() -> None:
    plan = read_plan(EXAMPLE)
    assert check_plan(plan) == []
    assert [story.proofs() for story in plan.stories] == [["make test"]]


def test_what_is_quoted_is_short_and_steers_no_terminal() -> None:
    error = refused(f"## A \x1b[31m{'long ' * 100}\n\ntext\n")
    assert "\x1b" not in json.dumps(error.details, ensure_ascii=False) + error.message
    assert len(error.message) < 500


def test_candidates_are_bounded() -> None:
    many = "".join(f"- thing {number}\n" for number in range(1000))
    assert len(refused(many).details["candidates"]) == CANDIDATE_LIMIT
    assert refused(many).details["found"]["list_items"] == 1000


WORDS = st.sampled_from(["shed", "heap", "water", "the", "seal", "\u6c34", "caf\u00e9"])
LINES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
BLOCKS: st.SearchStrategy[str] = st.one_of(
    LINES,
    LINES.map("## {}".format),
    LINES.map("### {}".format),
    st.lists(LINES.map("- {}".format), min_size=1, max_size=3).map("\n".join),
    st.lists(LINES.map("> {}".format), min_size=1, max_size=2).map("\n".join),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(BLOCKS, min_size=1, max_size=8).map("\n\n".join))
def test_candidates_stand_where_they_say_and_make_any_prose_readable(text: str) -> None:
    details: dict[str, Any] = refused(text).details
    lines = text.split("\n")
    for candidate in details["candidates"]:
        assert lines[candidate["line"] - 1] == candidate["written"]
    if details["candidates"]:
        assert len(read_plan(repaired(text)).stories) >= len(details["candidates"])
