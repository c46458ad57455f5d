"""Bad input ends in one sentence that says where, never in a traceback."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.errors import PlanUnreadable
from paceline.plans.document import decode_plan
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan

STORY = "## Story 1: Cake\n- **Agent**: Ada\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\n",
        "Shopping: eggs, milk",
        "# Title\n\nSome prose.\n\n- a list\n- of things\n",
        "[1, 2, 3]",
        "---\n",
    ],
)
def test_what_no_reader_recognises_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(PlanUnreadable) as caught:
        read_plan(text, "notes.md")
    assert caught.value.message.startswith("notes.md is not a plan")
    assert "#### Story 1.1: Title" in caught.value.message
    assert "\n" not in caught.value.message


def test_a_nul_byte_is_refused_with_its_line() -> None:
    with pytest.raises(PlanUnreadable, match="line 2 contains a NUL character") as caught:
        read_plan(STORY.replace("Ada", "A\0da"), "plan.md")
    assert caught.value.details == {"file": "plan.md", "line": 2}


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(PlanUnreadable, match="line 3 contains half of a surrogate pair"):
        read_plan(STORY + "\ud800")


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"# T\n\xff\xfe", 2), ("# \u00dcber\n".encode() + "\u00fc".encode("latin-1"), 2), (b"\x80", 1)],
)
def test_mixed_encodings_are_refused_with_their_line(data: bytes, line: int) -> None:
    with pytest.raises(PlanUnreadable, match=f"line {line} is not UTF-8") as caught:
        decode_plan(data, "plan.md")
    assert caught.value.details["line"] == line


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert decode_plan(b"\xef\xbb\xbf# T") == "# T"


@pytest.mark.parametrize(
    "nested",
    [
        "\n".join("  " * depth + "- a" for depth in range(400)),
        "> " * 5000 + "deep",
        "- " * 5000 + "deep",
        "\n".join("> " * depth + "deep" for depth in range(1, 400)),
    ],
)
def test_huge_nesting_is_refused(nested: str) -> None:
    with pytest.raises(PlanUnreadable, match=r"Line \d+ nests lists or quotes deeper"):
        read_plan(STORY + nested)


def test_nesting_within_reason_is_read() -> None:
    nested = "\n".join("  " * depth + f"- level {depth}" for depth in range(40))
    plan = read_plan(f"{STORY}- **Tasks**:\n" + "\n".join(f"  {line}" for line in nested.split("\n")))
    assert [task.text for task in plan.stories[0].tasks] == [f"level {depth}" for depth in range(40)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "Invalid JSON: line 1, column 2: Expecting property name"),
        ('{"title": 1}', "title: Input should be a valid string"),
        (
            '{"colour": "red", "title": "t", "source": {"kind": "k", "lines": 1, "digest": "d"}}',
            "colour: Extra",
        ),
        ("{" * 50_000, "Invalid JSON"),
        ('{"a":' * 50_000, "Invalid JSON: it nests too deeply"),
        ('{"title": "a", "title": "b"}', "Invalid JSON: the key `title` is written twice"),
        ('{"stories": [{"points": NaN}]}', "Invalid JSON: `NaN` is no number"),
        ('{"stories": [{"points": -1e999}]}', "Invalid JSON: `-1e999` is no finite number"),
        ('{"schema_version": ' + "9" * 5000 + "}", "Invalid JSON: a number has 5,000 digits"),
        (
            '{"title": "t", "stories": [{"id": "1", "title": "x", "points": 1' + "0" * 400 + "}]}",
            "stories.0.points",
        ),
        ('{"title": "\\ud800"}', "Invalid JSON: a text has half of a surrogate pair"),
        (
            '{"title": "t", "facts": [{"value": ' + "[" * 99 + "]" * 99 + "}]}",
            "facts.0.value: it nests too deeply",
        ),
    ],
)
def test_json_that_is_no_plan_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(PlanUnreadable) as caught:
        read_plan(text, "plan.json")
    assert sentence in caught.value.message
    assert caught.value.message.startswith("plan.json is not a plan in the normal form")


def test_json_of_another_schema_version_is_refused() -> None:
    other = read_plan(STORY).to_json().replace('"schema_version": 1', '"schema_version": 99')
    with pytest.raises(PlanUnreadable, match="schema version 99"):
        read_plan(other)


FRAGMENTS = st.sampled_from(
    [
        *("# ", "## Epic ", "### Story 1.1: ", "#### US-", "## Phase 1: X (Days 3-1)", "## Agent Team"),
        *("## Sprint 1", "### 1. Ada Agent (", "## Success Metrics", "## Risk Management", "- **Agent**: "),
        *("## Shared Resources", "- **Dependencies**: ", "  - ", "**Files**: ", "Epics 1-3", "Story 1.1"),
        *("(partial)", "`", "**", "*", "|", "\n", "\n\n", "```", ")", "<!--", "- [x] ", "> ", "1. ", "---"),
        *("\t", "    ", "> 99%", "\u2705", ",", "- **A**: < 1,000ms"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(FRAGMENTS | st.text(max_size=6), max_size=40).map("".join))
def test_any_text_is_read_and_linted_or_refused(text: str) -> None:
    with suppress(PlanUnreadable):
        plan = read_plan(text)
        check_plan(plan)
        assert read_plan(plan.to_json()) == plan


@pytest.mark.parametrize("run", [" ", ".", "-", "(", "*", "`", "a-", "> ", ", ", "1 and "])
def test_long_runs_of_anything_are_read_in_linear_time(run: str) -> None:
    # With quadratic time one of these would take minutes.
    long = f"x{run * 50_000}x"
    for label in ("Agent", "Dependencies", "Files", "Tasks", "Points", "Checks"):
        check_plan(read_plan(f"# P\n## Story 1: {long}\n- **{label}**: {long}\n"))
    check_plan(read_plan(f"# P\n## Story 1: T\n- **Agent**: A\n## Success Metrics\n- **M**: {long}\n"))


@pytest.mark.parametrize("digits", ["9" * 5_000, "1\u00b2", "\u00b2", "\u0663"])
@pytest.mark.parametrize(
    "frame",
    [
        "# P\n## Story {}: T\n- **Agent**: A\n- **Dependencies**: {}, T-{}, {}-{}\n- **Points**: {}\n"
        "- **Sprint**: {}\n",
        "# P, {} sprints\n**Duration**: {} sprints, {} weeks\n**Team Size**: {}\n## Sprint {}\n"
        "### User Stories\n- **US-{}.{}**: T ({} points)\n",
        "# A\n**Total Sprints**: {}\n## Sprint {} (Weeks {}-{})\n| Story | Title | Points |\n|-|-|-|\n"
        "| {}.1 | T | 3/{} |\n"
        "| {}.2 | T | {}/5 |\n",
        "# Sprint {} Report\n**Status**: Done\n**Completed Tasks** ({}):\n- \u2705 **A** ({} endpoints)\n"
        "  - Endpoints: {} endpoints\n## Files ({})\n- `a.py`\n",
        "# Plan\n## Week {}\n### Day {}-{}: T\n- [ ] T\n",
        "# Tasks\n## Phase {}: T\n- [ ] T{} [P] [US{}] Make it\n",
        "# Plan\n- [ ] {}. T\n  - _Requirements: {}.{}_\n",
        "| ID | Story | Points | Sprint |\n|-|-|-|-|\n| {}.1 | T | {} | {} |\n",
        "# P\n## Story 1: T\n- **Agent**: A\n- **Duration**: {} minutes\n## Success Metrics\n"
        "- **M**: < {} ms for {} users\n"
        "## Definition of Done\n- It takes {} minutes\n- Test coverage over {}%\n",
    ],
)
def test_numbers_of_any_length_and_script_are_read(frame: str, digits: str) -> None:
    with suppress(PlanUnreadable):
        plan = read_plan(frame.replace("{}", digits))
        check_plan(plan)
        assert read_plan(plan.to_json()) == plan


def test_numbers_too_long_to_count_with_are_names() -> None:
    long = "9" * 5_000
    plan = read_plan(
        f"# P\n## Story {long}: T\n- **Agent**: A\n## Story 2: U\n- **Dependencies**: Story {long}\n"
    )
    assert plan.stories[1].dependencies[0].resolved == [plan.stories[0].id]
