"""Overlaps found by the index are those that comparing all pairs finds, at the cost of few comparisons."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.globs import is_glob, patterns_overlap
from paceline.domain.overlaps import distinct, overlaps

SEGMENTS = st.sampled_from(("a", "b", "*", "**", "a*", "?", "[ab]", "[x].py", "x.py", "*.py"))
PATTERNS = st.lists(st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join), max_size=12).map(distinct)
MANY = 10_000


@given(PATTERNS)
def test_the_index_loses_no_pair(patterns: list[str]) -> None:
    found = overlaps(patterns)
    assert found.complete
    for place, pattern in enumerate(patterns):
        assert found.neighbours[place] == [
            other
            for other, each in enumerate(patterns)
            if other != place and (is_glob(pattern) or is_glob(each)) and patterns_overlap(pattern, each)
        ]


def test_normal_forms_count_once() -> None:
    assert distinct(["./a.py", "a.py", "src/", "src/**", ""]) == ["a.py", "src/**"]


def test_ten_thousand_folders_are_compared_with_what_is_in_them() -> None:
    patterns = [p for n in range(MANY) for p in (f"src/part_{n}/**", f"src/part_{n}/main.py")]
    found = overlaps(patterns)
    assert found.complete
    assert found.comparisons == 0
    assert found.neighbours[0] == [1]
    assert sum(map(len, found.neighbours)) == 2 * MANY


def test_one_glob_for_everything_is_compared_with_nothing() -> None:
    found = overlaps(["src/**", *(f"src/{n}.py" for n in range(MANY))])
    assert (found.complete, found.comparisons, len(found.neighbours[0])) == (True, 0, MANY)


def test_ten_thousand_globs_for_files_of_different_names_are_not_compared() -> None:
    patterns = [f"**/test_{n}.py" for n in range(MANY)]
    assert overlaps(patterns).comparisons == 0


def test_where_everything_may_overlap_the_search_ends_and_says_so() -> None:
    found = overlaps([f"src/*/x{n}*" for n in range(2000)], limit=5000)
    assert (found.complete, found.comparisons) == (False, 5000)
