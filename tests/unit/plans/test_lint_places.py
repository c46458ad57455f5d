"""The column of a finding: where the thing stands that it names."""

from __future__ import annotations

import pytest

from paceline.domain.plan import Finding
from paceline.plans.lint import check_plan
from paceline.plans.places import located
from paceline.plans.reader import read_plan


def at(message: str, line: str, code: str = "STORY_WITHOUT_PROOF") -> int | None:
    found = Finding(code=code, severity="warning", message=message, line=1)
    (placed,) = located([found], {"": line})
    return placed.column


@pytest.mark.parametrize(
    ("message", "line", "code", "column"),
    [
        ("`US-1` is bare.", "  - **US-1**: title", "STORY_WITHOUT_PROOF", 7),
        ("`1` is bare.", "- 11 and 1", "STORY_WITHOUT_PROOF", 10),
        ("`Story 1` is bare.", "Story 1.1, Story 10, Story 1", "STORY_WITHOUT_PROOF", 22),
        ("`A` depends on `B`, which is not there.", "| A | title | B |", "UNKNOWN_DEPENDENCY", 15),
        ("`A` names the agent `A+`.", "A: A+", "UNKNOWN_AGENT", 4),
        ("The head states 6 sprints, not 7.", "Duration: 16 weeks, 6 sprints", "COUNT_DIFFERS", 21),
        ("`X` states 8 points.", "X (8)", "POINTS_DIFFER", 4),
        ("`Nothing` is here.", "   text", "STORY_WITHOUT_PROOF", 4),
        ("`\U0001f389` is read.", "\U0001f600\U0001f600 \U0001f389", "STORY_WITHOUT_PROOF", 4),
        ("Nothing is named.", "", "STORY_WITHOUT_PROOF", 1),
        ("`\u6545\u4e8b 1.1` is bare.", "### \u7528\u6237\u6545\u4e8b 1.1", "STORY_WITHOUT_PROOF", 7),
        ("`\u6545\u4e8b 1` is bare.", "\u6545\u4e8b 1.1, \u6545\u4e8b 1", "STORY_WITHOUT_PROOF", 9),
        ("`` is empty.", "  x", "STORY_WITHOUT_PROOF", 3),
    ],
)
def test_where_the_named_thing_is(message: str, line: str, code: str, column: int) -> None:
    assert at(message, line, code) == column


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_do_for_readers(newline: str) -> None:
    text = "\ufeff# Bakery" + newline + "## Story 1: Knead\x0b\u2028" + newline + "- **Agent**: Ada"
    columns = {(each.line, each.column) for each in check_plan(read_plan(text, "p.md"), {"p.md": text})}
    assert columns == {(2, 4)}


def test_what_is_not_known_has_no_column() -> None:
    found = Finding(code="NO_TITLE", severity="warning", message="m", line=9, file="a.md")
    assert located([found], {"a.md": "one line", "b.md": ""})[0].column is None
    assert located([found], {"b.md": "x", "c.md": ""})[0].column is None
    assert located([found.model_copy(update={"line": None})], {"a.md": "x"})[0].column is None
    assert located([found.model_copy(update={"column": 7})], {"a.md": "x"})[0].column == 7


def test_thousands_of_findings_in_one_long_line_cost_little() -> None:
    line = "ab " * 1_000_000
    found = [
        Finding(code="STORY_WITHOUT_PROOF", severity="warning", message=f"`x{n}` is bare.", line=1)
        for n in range(10_000)
    ]
    assert {each.column for each in located(found, {"": line})} == {1}
