"""Circles of holders, against every order in which they could end."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.domain.claims import Need
from paceline.domain.deadlocks import find_deadlock, stuck
from paceline.domain.resources import Demand, Holding, Waiting

_CAPACITY = {"slot": 2}
_RESOURCES = ["file:a", "file:b", "file:c", "slot"]


def _demand(resources: Sequence[str]) -> Demand:
    return Demand([Need(resource=each, capacity=_CAPACITY.get(each, 1)) for each in resources])


def _claim(name: str, held: Sequence[str], wanted: Sequence[str], age: int) -> tuple[Holding, Waiting]:
    return Holding(name, name, _demand(held)), Waiting(name, name, _demand(wanted), 0.0, age)


def test_of_a_circle_the_youngest_goes_back() -> None:
    old, young = _claim("old", ["file:a"], ["file:b"], 1), _claim("young", ["file:b"], ["file:a"], 2)
    holding, waiting = [old[0], young[0]], [old[1], young[1]]
    for asker in ("old", "young"):
        found = find_deadlock(holding, waiting, asker)
        assert found is not None
        assert found.retreats == ["young"]
        assert found.cycle[0].claim == asker
    assert find_deadlock(holding, waiting[:1], "old") is None


def test_who_works_or_holds_nothing_is_in_no_circle() -> None:
    part = _claim("part", ["file:a"], ["file:b"], 1)
    works = Holding("works", "works", _demand(["file:b"]))
    empty = Waiting("empty", "empty", _demand(["file:a", "file:b"]), 0.0, 2, passed=99)
    assert find_deadlock([part[0], works], [part[1], empty], "part") is None


_cast = st.lists(
    st.tuples(
        st.lists(st.sampled_from(_RESOURCES), min_size=1, max_size=2, unique=True),
        st.lists(st.sampled_from(_RESOURCES), max_size=2, unique=True),
    ),
    min_size=2,
    max_size=5,
)


def _possible(cast: list[tuple[list[str], list[str]]]) -> list[tuple[list[str], list[str]]]:
    """Leave out who would hold more than there is, and do not want what is held already."""
    kept: list[tuple[list[str], list[str]]] = []
    used: list[str] = []
    for held, wanted in cast:
        if all(used.count(each) < _CAPACITY.get(each, 1) for each in held):
            used += held
            kept.append((held, [each for each in wanted if each not in held]))
    return kept


def _ends_in(order: Sequence[int], cast: list[tuple[list[str], list[str]]]) -> bool:
    left = dict(enumerate(cast))
    for number in order:
        _, wanted = left.pop(number)
        taken = [each for held, _ in left.values() for each in held]
        if any(taken.count(each) >= _CAPACITY.get(each, 1) for each in wanted):
            return False
    return True


@given(_cast)
@settings(max_examples=200, deadline=None)
def test_stuck_is_what_no_order_frees(drawn: list[tuple[list[str], list[str]]]) -> None:
    cast = _possible(drawn)
    pairs = [_claim(str(number), held, wanted, number) for number, (held, wanted) in enumerate(cast)]
    holding, waiting = [pair[0] for pair in pairs], [pair[1] for pair in pairs if pair[1].demand.entries]
    found = stuck(holding, waiting)
    orders = itertools.permutations(range(len(cast)))
    assert bool(found) is not any(_ends_in(order, cast) for order in orders)


@given(_cast)
@settings(max_examples=200, deadline=None)
def test_after_the_retreats_nobody_is_stuck(drawn: list[tuple[list[str], list[str]]]) -> None:
    cast = _possible(drawn)
    holding: list[Holding] = []
    waiting: list[Waiting] = []
    for number, (held, wanted) in enumerate(cast):
        holds, waits = _claim(str(number), held, wanted, len(cast) - number)
        holding.append(holds)
        if not wanted:
            continue
        found = find_deadlock(holding, [*waiting, waits], waits.claim)
        waiting.append(waits)
        back = found.retreats if found else []
        if found:
            assert max(found.cycle, key=lambda each: each.sequence).claim in back or back == [waits.claim]
            assert waits.claim not in back or back == [waits.claim]
        holding = [each for each in holding if each.claim not in back]
        waiting = [each for each in waiting if each.claim not in back]
        assert stuck(holding, waiting) == []
