"""Rules of claims against brute force, and against adversaries."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.domain.claims import Need
from paceline.domain.resources import (
    PATIENCE,
    Demand,
    Holding,
    Verdict,
    Waiting,
    covers,
    decide,
    patterns_overlap,
)

# Patterns ---


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("src/a.py", "src/a.py", True),
        ("src/a.py", "src/b.py", False),
        ("src/A.py", "src/a.py", False),
        ("./src//a.py", "src/a.py", True),
        ("src/", "src/deep/down/a.py", True),
        ("src/", "srcs/a.py", False),
        ("/", "anything/at/all", True),
        ("src/*.py", "src/a?.py", True),
        ("src/*.py", "src/deep/a.py", False),
        ("src/*.py", "src/*.ts", False),
        ("**/test_*.py", "tests/unit/**", True),
        ("**/a", "a", True),
        ("a/**/b", "a/b", True),
        ("a/**", "**/b", True),
        ("a/*/c", "a/**", True),
        ("a**b", "a/b", False),
        ("[ab].py", "[bc].py", True),
        ("[ab].py", "[cd].py", False),
        ("[!a].py", "a.py", False),
        ("[!a].py", "[^b].py", True),
        ("[a-f]", "[g-z]", False),
        ("[]x]", "]", True),
        ("a[/]b", "a/b", False),
        ("[z-a]", "*", True),  # the file that is called "[z-a]"
        ("[z-a]/b", "?/b", False),
        ("pages/[id].tsx", "pages/[id].tsx", True),
        ("pages/[id].tsx", "pages/*", True),
        ("pages/[id].tsx", "pages/i.tsx", True),
        ("open[", "open?", True),
        ("é/*", "é/x", True),
        ("", "**", False),
    ],
)
def test_patterns_overlap(a: str, b: str, expected: bool) -> None:
    assert patterns_overlap(a, b) is expected
    assert patterns_overlap(b, a) is expected


def test_hostile_patterns_take_no_time_to_speak_of() -> None:
    assert not patterns_overlap("*a" * 60 + "b", "*a" * 60 + "c")
    assert patterns_overlap("/".join(["**", "*"] * 40), "/".join(["**", "a"] * 40))


def _regex(pattern: str) -> re.Pattern[str]:
    """An independent reading of the same language, for one path."""
    text = ""
    for part in pattern.split("/"):
        if part == "**":
            text += "(?:/[^/]+)*"
            continue
        one = re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
        one = re.sub(r"\\\[(!?)(\w+)\\\]", lambda m: f"[{'^/' if m[1] else ''}{m[2]}]", one)
        text += "/" + one
    return re.compile(text)


def _matches(pattern: str, path: str) -> bool:
    return pattern == path or _regex(pattern).fullmatch("/" + path) is not None


_characters = ["a", "b", "*", "?", "[ab]", "[!a]"]
_names = ["".join(each) for length in range(1, 6) for each in itertools.product("abc", repeat=length)]
_segments = ["a", "b", "*", "**", "[ab]", "?"]
_paths = ["/".join(each) for length in range(1, 7) for each in itertools.product("abc", repeat=length)]


@given(
    st.lists(st.sampled_from(_characters), min_size=1, max_size=3).map("".join),
    st.lists(st.sampled_from(_characters), min_size=1, max_size=3).map("".join),
)
@settings(max_examples=150, deadline=None)
def test_overlap_within_a_segment_is_brute_force(a: str, b: str) -> None:
    if "**" in (a, b):
        return
    expected = any(_matches(a, name) and _matches(b, name) for name in (*_names, a, b))
    assert patterns_overlap(a, b) is expected


@given(
    st.lists(st.sampled_from(_segments), min_size=1, max_size=3).map("/".join),
    st.lists(st.sampled_from(_segments), min_size=1, max_size=3).map("/".join),
)
@settings(max_examples=150, deadline=None)
def test_overlap_of_paths_is_brute_force(a: str, b: str) -> None:
    expected = any(_matches(a, path) and _matches(b, path) for path in (*_paths, a, b))
    assert patterns_overlap(a, b) is expected


@given(st.lists(st.sampled_from(_segments), min_size=1, max_size=3).map("/".join), st.sampled_from(_paths))
@settings(max_examples=200, deadline=None)
def test_covers_is_brute_force(pattern: str, path: str) -> None:
    assert covers([pattern], path) is _matches(pattern, path)


def test_covers_takes_changed_paths_literally() -> None:
    assert covers(["src/", "docs/*.md"], "src/deep/a.py")
    assert covers(["a.py", "docs/*.md"], "docs/x.md")
    assert not covers(["src/a.py"], "src/*.py")
    assert not covers([], "a")
    assert covers(["pages/[id].tsx"], "pages/[id].tsx")


# Decisions ---


def _demand(*resources: str, capacity: int = 1) -> Demand:
    return Demand([Need(resource=resource, capacity=capacity) for resource in resources])


def _waits(claim: str, demand: Demand, sequence: int, weight: float = 0.0, passed: int = 0) -> Waiting:
    return Waiting(claim, claim, demand, weight, sequence, passed)


def test_a_claim_is_granted_whole_or_not_at_all() -> None:
    holding = [Holding("h", "holder", _demand("file:a"))]
    verdict = decide(
        holding, [_waits("w", _demand("file:a", "file:b"), 1), _waits("v", _demand("file:b"), 2)]
    )
    assert verdict.grants == ["v"]
    assert verdict.reasons == {"w": ["file:a held by holder"]}
    assert verdict.line == ["w"]


def test_heavier_goes_first_then_older() -> None:
    same = _demand("file:a")
    waiting = [_waits("young", same, 3), _waits("old", same, 1), _waits("heavy", same, 5, weight=2.0)]
    assert decide([], waiting).grants == ["heavy"]
    assert decide([], waiting[:2]).grants == ["old"]
    assert decide([Holding("h", "h", same)], waiting).line == ["heavy", "old", "young"]


def test_capacity_is_shared_and_the_least_named_one_counts() -> None:
    slots = _demand("sprint:1", capacity=2)
    waiting = [_waits(str(n), slots, n) for n in range(4)]
    assert decide([], waiting).grants == ["0", "1"]
    careful = Holding("h", "h", _demand("sprint:1", capacity=1))
    assert decide([careful], waiting).grants == []


def test_a_waiter_that_was_passed_over_is_promised_what_it_needs() -> None:
    holding = [Holding("h", "h", _demand("file:a"))]
    barrier = _waits("b", _demand("file:a", "file:b"), 1, passed=PATIENCE)
    heavy = _waits("x", _demand("file:b"), 2, weight=9.0)
    verdict = decide(holding, [barrier, heavy])
    assert verdict.grants == []
    assert verdict.reasons["x"] == ["file:b promised to b"]
    patient = barrier._replace(passed=PATIENCE - 1)
    verdict = decide(holding, [patient, heavy])
    assert (verdict.grants, verdict.passed) == (["x"], ["b"])


def test_only_a_younger_claim_passes_over() -> None:
    holding = [Holding("h", "h", _demand("file:a"))]
    young = _waits("young", _demand("file:a", "file:b"), 2)
    assert decide(holding, [young, _waits("old", _demand("file:b"), 1)]).passed == []


def test_a_partial_holder_is_not_blocked_by_who_waits_for_its_part() -> None:
    # Without the exception both would wait for each other for ever.
    holding = [Holding("r", "r", _demand("file:a"))]
    barrier = _waits("b", _demand("file:a", "sprint:1"), 1, passed=PATIENCE)
    again = _waits("r", _demand("sprint:1"), 2)
    assert decide(holding, [barrier, again]).grants == ["r"]
    elsewhere = [Holding("r", "r", _demand("file:other")), Holding("h", "h", _demand("file:a"))]
    assert decide(elsewhere, [barrier, again]).grants == []


def test_partial_holders_in_a_chain_are_not_blocked() -> None:
    holding = [Holding("r1", "r1", _demand("file:a")), Holding("r2", "r2", _demand("agent:x"))]
    barrier = _waits("b", _demand("file:a", "sprint:1"), 1, passed=PATIENCE)
    first, second = _waits("r1", _demand("agent:x"), 2), _waits("r2", _demand("sprint:1"), 3)
    assert decide(holding, [barrier, first, second]).grants == ["r2"]


# A world of claims that come, work and end ---

_resources = [
    "file:a",
    "file:b",
    "file:d/x",
    "file:d/y",
    "file:d/",
    "file:*",
    "file:**",
    "agent:A",
    "agent:B",
    "sprint:1",
]
_CAPACITY = {"sprint:1": 2, "agent:B": 2}


def _needs(resources: Sequence[str]) -> list[Need]:
    return [Need(resource=each, capacity=_CAPACITY.get(each, 1)) for each in resources]


_asks = st.tuples(
    st.lists(st.sampled_from(_resources), min_size=1, max_size=3, unique=True),
    st.integers(0, 3).map(float),
)


@dataclass
class World:
    """What the store does with decisions, in memory."""

    holding: dict[str, list[Need]] = field(default_factory=dict[str, list[Need]])
    waiting: dict[str, Waiting] = field(default_factory=dict[str, Waiting])
    asked: dict[str, list[Need]] = field(default_factory=dict[str, list[Need]])

    def ask(self, resources: Sequence[str], weight: float) -> None:
        sequence = len(self.asked) + 1
        claim = str(sequence)
        self.asked[claim] = _needs(resources)
        self.waiting[claim] = Waiting(claim, claim, Demand(self.asked[claim]), weight, sequence)
        self._settle({claim})

    def end(self, claim: str) -> None:
        self.holding.pop(claim, None)
        self.waiting.pop(claim, None)
        self._give_back(self.asked[claim])

    def reduce(self, claim: str) -> None:
        if claim in self.holding and claim not in self.waiting:
            given_back = self.holding[claim]
            self.holding[claim] = [need for need in given_back if need.resource.startswith("file:")]
            self._give_back(given_back)

    def restore(self, claim: str) -> None:
        if claim in self.holding and claim not in self.waiting:
            rest = [need for need in self.asked[claim] if need not in self.holding[claim]]
            self.waiting[claim] = Waiting(claim, claim, Demand(rest), 0.0, int(claim))
            self._settle({claim})

    def _give_back(self, needs: list[Need]) -> None:
        if any(waiter.demand.touches(Demand(needs)) for waiter in self.waiting.values()):
            self._settle(None)

    def _settle(self, asking: set[str] | None) -> Verdict:
        verdict = decide(self.holdings(), list(self.waiting.values()), asking)
        for claim in verdict.grants:
            del self.waiting[claim]
            self.holding[claim] = self.asked[claim]
        for claim in verdict.passed:
            waiter = self.waiting[claim]
            self.waiting[claim] = waiter._replace(passed=waiter.passed + 1)
        self.check()
        return verdict

    def holdings(self) -> list[Holding]:
        return [Holding(claim, claim, Demand(needs)) for claim, needs in self.holding.items() if needs]

    def check(self) -> None:
        """No two holders share a path, and no capacity is exceeded."""
        for (a, needs), (b, others) in itertools.combinations(self.holding.items(), 2):
            for need, other in itertools.product(needs, others):
                if need.resource.startswith("file:") and other.resource.startswith("file:"):
                    assert not patterns_overlap(need.resource[5:], other.resource[5:]), (a, b)
        held = [need.resource for needs in self.holding.values() for need in needs]
        for resource in set(held):
            if not resource.startswith("file:"):
                assert held.count(resource) <= _CAPACITY.get(resource, 1)

    def working(self) -> list[str]:
        return [claim for claim in self.holding if claim not in self.waiting]


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), _asks),
        st.tuples(st.sampled_from(["end", "reduce", "restore"]), st.integers(0, 30)),
    ),
    max_size=40,
)


@given(_steps)
@settings(max_examples=300, deadline=None)
def test_holders_never_overlap_and_everybody_is_served(steps: list[tuple[str, object]]) -> None:
    world = World()
    for action, argument in steps:
        if action == "ask":
            world.ask(*cast("tuple[list[str], float]", argument))
        elif world.asked:
            claim = str(int(str(argument)) % len(world.asked) + 1)
            {"end": world.end, "reduce": world.reduce, "restore": world.restore}[action](claim)
    for claim in list(world.holding):
        world.restore(claim)
    # Everybody who holds all it asked for ends at some time, and so everybody is served.
    while world.working():
        world.end(world.working()[0])
    assert not world.waiting


@given(_asks, st.lists(_asks, min_size=1, max_size=6), st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_nobody_starves_under_arrivals_without_end(
    victim: tuple[list[str], float], rivals: list[tuple[list[str], float]], lifetime: int
) -> None:
    """Heavier claims keep coming, and each ends after some time: the victim is served all the same."""
    world = World()
    for resources, weight in rivals:
        world.ask(resources, weight + 10)
    world.ask(*victim)
    name = str(len(world.asked))
    arrivals = itertools.cycle(rivals)
    born: dict[str, int] = {}
    for turn in range(400):
        if name in world.holding:
            return
        resources, weight = next(arrivals)
        world.ask(resources, weight + 10)
        for claim in world.working():
            if turn - born.setdefault(claim, turn) >= lifetime:
                world.end(claim)
    pytest.fail(f"{victim} still waits after 400 arrivals: {world.waiting[name]}")
