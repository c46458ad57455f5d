"""Running text: labels, marks, code spans; and that the quick way reads what the parser reads."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paceline.plans import inline
from paceline.plans.inline import code_spans, read_line, read_lines


@pytest.mark.parametrize(
    ("written", "label", "value"),
    [
        ("**Goal**: Ship it", "Goal", "Ship it"),
        ("**Goal:** Ship it", "Goal", "Ship it"),
        ("**Date:** 2025-01-16 15:05:00", "Date", "2025-01-16 15:05:00"),
        ("**A + B**: both", "A + B", "both"),
        ("**Files**: `a_b.py`, `c**d`", "Files", "`a_b.py`, `c**d`"),
        ("[x] **Done**: yes", "Done", "yes"),
        ("**Tasks**:", "Tasks", ""),
        ("No **label**: here", None, "No label: here"),
        ("**Whole line**", None, "Whole line"),
        ("Plain: text", None, "Plain: text"),
    ],
)
def test_labels(written: str, label: str | None, value: str) -> None:
    text = read_line(written, 7)
    assert (text.label, text.value, text.line) == (label, value, 7)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("a **bold** word", "a bold word"),
        ("__init__.py and *so* on", "__init__.py and *so* on"),
        ("src/**, lib/**", "src/**, lib/**"),
        ("[link](http://x) <b> [x]: y", "[link](http://x) <b> [x]: y"),
        ("`` a`b `` stays", "``a`b`` stays"),
        (r"a \* star", "a * star"),
        ("hard break  ", "hard break"),
    ],
)
def test_text_is_kept_as_it_is_but_for_bold_marks(written: str, text: str) -> None:
    assert read_line(written, 1).text == text


@pytest.mark.parametrize(
    ("written", "text", "done"),
    [
        ("[ ] open", "open", False),
        ("[X] closed", "closed", True),
        ("\u2705 closed", "closed", True),
        ("**Closed** \u2705", "Closed", True),
        ("[TBD] what", "[TBD] what", None),
        ("[x]tight", "[x]tight", None),
    ],
)
def test_done_marks(written: str, text: str, done: bool | None) -> None:
    found = read_line(written, 1)
    assert (found.text, found.done) == (text, done)


def test_lines_keep_their_numbers() -> None:
    lines = read_lines("**A**: 1  \n**B**: 2\\\nplain", 10)
    assert [(line.label, line.value, line.line) for line in lines] == [
        ("A", "1", 10),
        ("B", "2", 11),
        (None, "plain", 12),
    ]


def test_code_spans() -> None:
    assert code_spans("run `a | b`, then `` c`d ``") == ["a | b", "c`d"]
    assert code_spans("none") == []


PARTS = st.sampled_from(
    ["**", "*", "`", "``", "_", "\\", "&amp;", ":", " ", "  ", "word", "x/", "\n", "[x] ", ".", "(", "\u00e9"]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PARTS, max_size=14).map("".join).filter(lambda text: bool(text.strip())))
@example("**a** **b**")
@example("**a**b")
@example("**a.**b")
@example("**a:** b")
def test_the_quick_way_reads_what_the_parser_reads(content: str) -> None:
    # A paragraph's content never has blank lines, and its lines are not indented.
    content = "\n".join(line.lstrip() for line in content.strip().split("\n") if line.strip())
    quick = inline._simple_pieces(content)  # pyright: ignore[reportPrivateUsage] - the shortcut is what is tested
    if quick is None:
        return
    slow = inline._pieces(inline._INLINE.parseInline(content)[0].children or [])  # pyright: ignore[reportPrivateUsage] - same
    read = [inline._line(pieces, 1) for pieces in quick]  # pyright: ignore[reportPrivateUsage] - same
    assert read == [inline._line(pieces, 1) for pieces in slow]  # pyright: ignore[reportPrivateUsage] - same
