"""Text that a wrong decoding damaged is repaired, and text that was never damaged is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.plans.mojibake import repair
from paceline.plans.reader import read_plan

SIGNS = st.text("\u2705\u2013\u201c\u201d\U0001f389\U0001f3d7\ufe0f", min_size=1, max_size=3)
WORDS = st.text("abc XYZ-(),.\n", max_size=12)


@pytest.mark.parametrize("encoding", ["mac_roman", "cp437", "latin-1"])
@pytest.mark.parametrize(
    "text",
    ["\u2705 done", "na\u00efve \u2013 \u00e9t\u00e9", "\u65e5\u672c\u8a9e \u30bf\u30b9\u30af \u8a08\u753b"],
)
def test_what_was_damaged_is_repaired(encoding: str, text: str) -> None:
    assert repair(text.encode().decode(encoding)).text == text


def test_damage_in_windows_1252_is_repaired() -> None:
    assert repair("\u00e2\u0153\u2026 ok, na\u00c3\u00afve").text == "\u2705 ok, na\u00efve"


def test_damage_done_twice_is_repaired() -> None:
    text = "\u2705 done"
    assert repair(text.encode().decode("mac_roman").encode().decode("mac_roman")).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "\u2705 fertig \u2013 \u00fcberall",
        "CAF\u00c9\u2026",
        "mot\u2014\u00e9t\u00e9",
        "termin\u00e9\u00bb\u2026 \u00e0 c\u00f4t\u00e9",
        "\u4f60\u597d \u4e16\u754c",
    ],
)
def test_what_was_never_damaged_is_the_same(text: str) -> None:
    assert repair(text).text == text
    assert repair(text).lines == ()


@given(st.lists(st.tuples(WORDS, SIGNS), min_size=1, max_size=8))
def test_signs_are_repaired_on_their_lines(parts: list[tuple[str, str]]) -> None:
    text = "".join(word + sign for word, sign in parts)
    found = repair(text.encode().decode("mac_roman"))
    assert found.text == text
    assert found.lines == tuple(n for n, line in enumerate(text.split("\n"), 1) if not line.isascii())


@given(st.text())
def test_lines_stay_where_they_are(text: str) -> None:
    assert repair(text).text.count("\n") == text.count("\n")


def test_the_normal_form_is_never_repaired() -> None:
    plan = read_plan("# P\n## Story 1: \u201a\u00fa\u00d6 Cake\n- **Agent**: Ada\n")
    plan.title = "\u201a\u00fa\u00d6 as written"
    assert read_plan(plan.to_json()) == plan
