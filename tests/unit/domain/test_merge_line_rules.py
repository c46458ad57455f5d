"""The rules of the merge line: who is alive, who is next, and which story of a stack broke a check."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.merge_line import Bisection, Place, Silence, next_batch, others_tested, positions


def place(number: int, holder: str | None = "p", beat: int = 0) -> Place:
    """A place of its own claim."""
    return Place(line="l", claim=f"c{number}", number=number, story=f"s{number}", holder=holder, beat=beat)


def test_the_oldest_go_first_and_no_more_than_the_limit() -> None:
    line = [place(3), place(1), place(2)]
    assert [each.number for each in next_batch(line, 2)] == [1, 2]
    assert positions(line) == {"c1": 1, "c2": 2, "c3": 3}


def test_a_rollback_goes_at_its_place_and_with_nobody() -> None:
    line = [place(1), place(2), place(3).model_copy(update={"story": ""}), place(4), place(5)]
    assert [each.number for each in next_batch(line, 8)] == [1, 2]
    assert [each.number for each in next_batch(line[2:], 8)] == [3]
    assert [each.number for each in next_batch(line[3:], 8)] == [4, 5]


def test_a_place_without_a_holder_is_passed_over() -> None:
    silence = Silence(patience=8)
    assert silence.observe([place(1, holder=None), place(2)], now=0) == [place(2)]


def test_a_beat_that_stays_the_same_is_silence_and_a_new_one_ends_it() -> None:
    silence = Silence(patience=8)
    silence.observe([place(1, beat=5)], now=100)
    assert silence.observe([place(1, beat=5)], now=108) == [place(1, beat=5)]
    assert silence.observe([place(1, beat=5)], now=108.1) == []
    assert silence.observe([place(1, beat=6)], now=109) == [place(1, beat=6)]


def test_another_holder_of_the_same_place_is_alive_at_first() -> None:
    silence = Silence(patience=8)
    silence.observe([place(1, holder="dead")], now=0)
    assert silence.observe([place(1, holder="new")], now=20) == [place(1, holder="new")]


def test_ones_own_holders_are_never_silent() -> None:
    silence = Silence(patience=8)
    silence.observe([place(1, holder="me")], now=0)
    assert silence.observe([place(1, holder="me")], now=60, own={"me"}) == [place(1, holder="me")]


@given(st.data())
def test_the_search_finds_the_story_that_breaks_a_command_in_few_steps(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 100))
    first = data.draw(st.integers(1, size))
    culprit = data.draw(st.integers(first, size))
    search, steps = Bisection(size=size, first=first), 0
    while search.culprit is None:
        assert first <= search.probe < size, "it never runs the command where it does not belong"
        search.learn(search.probe, passed=search.probe < culprit)
        steps += 1
    assert search.culprit == culprit
    assert steps <= math.ceil(math.log2(size - first + 1)) + 1


@pytest.mark.parametrize(
    ("stories", "said"),
    [
        (["a"], ""),
        (["a", "b"], " It was tested together with b."),
        (["a", *"bcdefghijklm"], " It was tested together with b, c, d, e, f, g, h, i, j, k and others."),
    ],
)
def test_the_others_of_a_failed_batch_are_named(stories: list[str], said: str) -> None:
    assert others_tested(stories, "a") == said
