"""Who may hold what: capacities, all-or-nothing grants, and an order in which nothing starves.

A claim is granted whole or not at all. Those who wait are served heaviest first, then oldest first. A waiter
that younger claims passed over `PATIENCE` times becomes a barrier: what it needs is promised to it, and no
later claim gets it first. So every waiter is served if every holder ends at some time.

A claim that holds a part and asks for the rest (a story whose question was answered, or that needs one more
file) waits like the others, with one exception: if a barrier waits for the part it holds, its turn comes
before all promises, because otherwise the two would wait for each other. What such claims wait for is in turn
promised to those of them that were passed over too often.

Who needs an agent that is away is promised nothing: nobody can say when its turn comes, and others would
wait for nothing.

Holders of a part could also wait for each other in a circle; `deadlocks` finds that before it happens.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from paceline.domain.claims import Need
from paceline.domain.globs import covers, is_glob, normal_pattern, patterns_overlap

__all__ = [
    "ABSENCE",
    "IS_AWAY",
    "PATIENCE",
    "Demand",
    "Holding",
    "Ledger",
    "Verdict",
    "Waiting",
    "covers",
    "decide",
    "patterns_overlap",
]

PATIENCE = 5
"""How often a waiter may be passed over before it becomes a barrier."""

ABSENCE = "absence#"
"""How the keys of claims begin that nobody asked for: they keep everybody from an agent that is away."""
IS_AWAY = " is away"
"""How the reason of a waiter ends that needs such an agent."""

_FILE = "file:"


class _Entry(NamedTuple):
    resource: str
    key: str
    """The resource, with a path in its normal form."""
    pattern: str | None
    """Of a glob."""
    capacity: int


class Demand:
    """Needs, prepared for comparison with others; to be kept where the same ones are compared often."""

    __slots__ = ("entries", "exact", "globs", "paths")

    def __init__(self, needs: Iterable[Need]) -> None:
        entries: list[_Entry] = []
        for need in needs:
            is_file = need.resource.startswith(_FILE)
            path = normal_pattern(need.resource[len(_FILE) :]) if is_file else ""
            pattern = path if is_glob(path) else None
            key = _FILE + path if is_file else need.resource
            entries.append(_Entry(need.resource, key, pattern, need.capacity))
        self.entries = tuple(entries)
        self.exact = frozenset(entry.key for entry in entries if entry.pattern is None)
        self.globs = tuple(entry.pattern for entry in entries if entry.pattern is not None)
        self.paths = tuple(key[len(_FILE) :] for key in self.exact if key.startswith(_FILE))

    def touches(self, other: Demand) -> bool:
        """Whether a need of this one and a need of the other can be in each other's way."""
        if not self.exact.isdisjoint(other.exact):
            return True
        return any(patterns_overlap(a, b) for a in self.globs for b in (*other.paths, *other.globs)) or any(
            patterns_overlap(a, b) for a in self.paths for b in other.globs
        )


class Holding(NamedTuple):
    """What one claim holds now."""

    claim: str
    holder: str
    demand: Demand


class Waiting(NamedTuple):
    """What one claim waits for; lower `sequence` is older, `passed` counts how often it was passed over."""

    claim: str
    holder: str
    demand: Demand
    weight: float
    sequence: int
    passed: int = 0


class Verdict(NamedTuple):
    """What follows from who holds and who waits."""

    grants: list[str]
    """Claims to grant now, in the order of their grants."""
    reasons: dict[str, list[str]]
    """For every claim that asked and was not granted: what it lacks, and who has it."""
    passed: list[str]
    """Waiters that a younger claim passed over in this decision."""
    line: list[str]
    """All claims that wait on, in the order in which they are considered."""


class Taken(NamedTuple):
    """Something that one claim holds, or that is promised to it."""

    claim: str
    holder: str
    need: _Entry
    promised: bool


class Ledger:
    """What is held or promised, indexed so that asking about a literal path or a slot does not scan."""

    def __init__(self) -> None:
        self._exact: dict[str, list[Taken]] = {}
        self._globs: list[Taken] = []

    def hold(self, claim: str, holder: str, demand: Demand, promised: bool = False) -> None:
        """Note what a claim holds, or what is promised to it."""
        for need in demand.entries:
            taken = Taken(claim, holder, need, promised)
            if need.pattern is None:
                self._exact.setdefault(need.key, []).append(taken)
            else:
                self._globs.append(taken)

    def lacking(self, claim: str, demand: Demand) -> list[Taken]:
        """Everything that keeps these needs from the claim; empty means that it can have them all."""
        return [taken for need in demand.entries for taken in self._in_the_way(claim, need)]

    def _in_the_way(self, claim: str, need: _Entry) -> list[Taken]:
        """Nobody where there is room: the capacity is the least that asker and present holders name."""
        others = [taken for taken in self._takers(need) if taken.claim != claim]
        if not others:
            return []
        limit = min(need.capacity, *(taken.need.capacity for taken in others))
        return others if len({taken.claim for taken in others}) >= limit else []

    def _takers(self, need: _Entry) -> list[Taken]:
        if need.pattern is None:
            found = self._exact.get(need.key, [])
            if not self._globs or not need.key.startswith(_FILE):
                return found
            path = need.key[len(_FILE) :]
            return found + [each for each in self._globs if patterns_overlap(each.need.pattern or "", path)]
        overlapping = [
            each for each in self._globs if patterns_overlap(each.need.pattern or "", need.pattern)
        ]
        for key, taken in self._exact.items():
            if key.startswith(_FILE) and patterns_overlap(key[len(_FILE) :], need.pattern):
                overlapping.extend(taken)
        return overlapping


def decide(
    holding: Sequence[Holding], waiting: Sequence[Waiting], asking: Collection[str] | None = None
) -> Verdict:
    """Decide who is granted now.

    Args:
        holding: what every claim holds, also those that hold a part and wait for the rest.
        waiting: who waits for what.
        asking: the claims to consider; None: all. The others are known to lack something still.

    Returns:
        The grants, and for the considered claims that were not granted the reasons.
    """
    ledger = Ledger()
    considered = [w for w in waiting if asking is None or w.claim in asking or w.passed >= PATIENCE]
    relevant = _relevant(holding, considered)
    for held in relevant:
        ledger.hold(held.claim, held.holder, held.demand)
    absences = [held.demand for held in relevant if held.claim.startswith(ABSENCE)]
    partial = {held.claim for held in holding}
    first = _obstructing(holding, waiting, partial)
    granted: list[Waiting] = []
    reasons: dict[str, list[str]] = {}
    line: list[str] = []
    promise_later: list[Waiting] = []
    for waiter in sorted(waiting, key=lambda w: _turn(w, first)):
        if waiter.claim not in first:
            _promise(ledger, promise_later)
        asks = asking is None or waiter.claim in asking
        lacks = ledger.lacking(waiter.claim, waiter.demand) if asks else None
        if lacks == []:
            ledger.hold(waiter.claim, waiter.holder, waiter.demand)
            granted.append(waiter)
            continue
        line.append(waiter.claim)
        if lacks:
            reasons[waiter.claim] = _sentences(lacks)
        if waiter.passed >= PATIENCE and not any(each.touches(waiter.demand) for each in absences):
            promise_later.append(waiter)
            if waiter.claim not in first:
                _promise(ledger, promise_later)
    passed = _passed_over(ledger, granted, waiting, partial) if granted else []
    return Verdict([waiter.claim for waiter in granted], reasons, passed, line)


def _promise(ledger: Ledger, waiters: list[Waiting]) -> None:
    """Promise them what they need, once."""
    while waiters:
        waiter = waiters.pop(0)
        ledger.hold(waiter.claim, waiter.holder, waiter.demand, promised=True)


def _turn(waiter: Waiting, first: Collection[str]) -> tuple[int, float, int]:
    if waiter.claim in first:
        return (0, 0.0, waiter.sequence)
    if waiter.passed >= PATIENCE:
        return (1, 0.0, waiter.sequence)
    return (2, -waiter.weight, waiter.sequence)


def _relevant(holding: Sequence[Holding], waiting: Sequence[Waiting]) -> list[Holding]:
    """The holders of something that somebody waits for: most often very few of them."""
    wanted = frozenset[str]().union(*(waiter.demand.exact for waiter in waiting))
    globs = [waiter.demand for waiter in waiting if waiter.demand.globs]
    everything = [waiter.demand for waiter in waiting]

    def overlaps(held: Demand) -> bool:
        return any(held.touches(demand) for demand in (everything if held.globs else globs))

    return [
        held
        for held in holding
        if not held.demand.exact.isdisjoint(wanted)
        or ((globs or held.demand.globs) and overlaps(held.demand))
    ]


def _obstructing(
    holding: Sequence[Holding], waiting: Sequence[Waiting], partial: Collection[str]
) -> set[str]:
    """Waiters that hold a part which a barrier waits for, directly or through another such waiter."""
    wanted = [w for w in waiting if w.passed >= PATIENCE]
    candidates = {w.claim: w for w in waiting if w.claim in partial}
    if not wanted or not candidates:
        return set()
    parts = Ledger()
    for held in holding:
        if held.claim in candidates:
            parts.hold(held.claim, held.holder, held.demand)
    found: set[str] = set()
    while wanted:
        waiter = wanted.pop()
        for taken in parts.lacking(waiter.claim, waiter.demand):
            if taken.claim not in found:
                found.add(taken.claim)
                wanted.append(candidates[taken.claim])
    return found


def _sentences(lacks: Iterable[Taken]) -> list[str]:
    return list(dict.fromkeys(_sentence(taken) for taken in lacks))


def _sentence(taken: Taken) -> str:
    if taken.claim.startswith(ABSENCE):
        # Its holder is the run.
        return f"{taken.need.resource.removeprefix(f'agent:{taken.holder}:')}{IS_AWAY}"
    return f"{taken.need.resource} {'promised to' if taken.promised else 'held by'} {taken.holder}"


def _passed_over(
    ledger: Ledger, granted: Sequence[Waiting], waiting: Sequence[Waiting], partial: Collection[str]
) -> list[str]:
    """Waiters that lack something which a younger claim, or one that asked again, was just given."""
    served = {waiter.claim for waiter in granted}
    newest = max(2**63 if waiter.claim in partial else waiter.sequence for waiter in granted)
    behind = [w for w in waiting if w.claim not in served and w.sequence < newest and w.passed < PATIENCE]
    behind = [w for w in behind if any(w.demand.touches(other.demand) for other in granted)]
    passed: list[str] = []
    for waiter in behind:
        rivals = {
            other.claim for other in granted if other.sequence > waiter.sequence or other.claim in partial
        }
        if any(taken.claim in rivals for taken in ledger.lacking(waiter.claim, waiter.demand)):
            passed.append(waiter.claim)
    return passed
