"""Who may hold what: capacities, all-or-nothing grants, and an order in which nothing starves.

A claim is granted whole or not at all. Those who wait are served heaviest first, then oldest first. A waiter
that younger claims passed over `PATIENCE` times becomes a barrier: what it needs is promised to it, and no
later claim gets it first. So every waiter is served if every holder ends at some time.

A claim that holds a part and asks for the rest again (a story whose question was answered) waits like the
others, with one exception: if a barrier waits for the part it holds, its turn comes before the barrier's
promises, because otherwise the two would wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from paceline.domain.claims import Need
from paceline.domain.globs import covers, is_glob, normal_pattern, patterns_overlap

__all__ = ["PATIENCE", "Holding", "Ledger", "Verdict", "Waiting", "covers", "decide", "patterns_overlap"]

PATIENCE = 5
"""How often a waiter may be passed over before it becomes a barrier."""

_FILE = "file:"


class Holding(NamedTuple):
    """What one claim holds now."""

    claim: str
    holder: str
    needs: Sequence[Need]


class Waiting(NamedTuple):
    """What one claim waits for; lower `sequence` is older, `passed` counts how often it was passed over."""

    claim: str
    holder: str
    needs: Sequence[Need]
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


class _Taken(NamedTuple):
    claim: str
    holder: str
    resource: str
    path: str
    capacity: int
    promised: bool


class Ledger:
    """What is held, indexed so that asking about a literal path or a slot does not scan."""

    def __init__(self) -> None:
        self._slots: dict[str, list[_Taken]] = {}
        self._files: dict[str, list[_Taken]] = {}
        self._globs: list[_Taken] = []

    def hold(self, claim: str, holder: str, needs: Iterable[Need], promised: bool = False) -> None:
        """Note that a claim has these needs, or that they are promised to it."""
        for need in needs:
            resource = need.resource
            if not resource.startswith(_FILE):
                taken = _Taken(claim, holder, resource, "", need.capacity, promised)
                self._slots.setdefault(resource, []).append(taken)
                continue
            path = normal_pattern(resource[len(_FILE) :])
            taken = _Taken(claim, holder, resource, path, need.capacity, promised)
            if is_glob(path):
                self._globs.append(taken)
            else:
                self._files.setdefault(path, []).append(taken)

    def lacking(self, claim: str, needs: Iterable[Need]) -> list[_Taken]:
        """Everything that keeps these needs from the claim; empty means that it can have them all."""
        return [taken for need in needs for taken in self.in_the_way(claim, need)]

    def in_the_way(self, claim: str, need: Need) -> list[_Taken]:
        """Who keeps one need from the claim; empty where its capacity has room.

        The capacity is the least that the asking claim and any present holder name.
        """
        others = [taken for taken in self.takers(need) if taken.claim != claim]
        if not others:
            return []
        limit = min(need.capacity, *(taken.capacity for taken in others))
        return others if len({taken.claim for taken in others}) >= limit else []

    def takers(self, need: Need) -> list[_Taken]:
        """Everything held or promised that overlaps the need."""
        if not need.resource.startswith(_FILE):
            return self._slots.get(need.resource, [])
        path = normal_pattern(need.resource[len(_FILE) :])
        found = [taken for taken in self._globs if patterns_overlap(taken.path, path)]
        if not is_glob(path):
            return found + self._files.get(path, [])
        for literal, taken in self._files.items():
            if patterns_overlap(literal, path):
                found.extend(taken)
        return found


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
    for held in holding:
        ledger.hold(held.claim, held.holder, held.needs)
    partial = {held.claim for held in holding if held.needs}
    first = _obstructing(holding, waiting, partial)
    granted: list[Waiting] = []
    reasons: dict[str, list[str]] = {}
    line: list[str] = []
    for waiter in sorted(waiting, key=lambda w: _turn(w, first)):
        considered = asking is None or waiter.claim in asking
        lacks = ledger.lacking(waiter.claim, waiter.needs) if considered else None
        if lacks == []:
            ledger.hold(waiter.claim, waiter.holder, waiter.needs)
            granted.append(waiter)
            continue
        line.append(waiter.claim)
        if lacks:
            reasons[waiter.claim] = _sentences(lacks)
        if waiter.passed >= PATIENCE and waiter.claim not in first:
            ledger.hold(waiter.claim, waiter.holder, waiter.needs, promised=True)
    passed = _passed_over(ledger, granted, waiting, partial) if granted else []
    return Verdict([waiter.claim for waiter in granted], reasons, passed, line)


def _turn(waiter: Waiting, first: Collection[str]) -> tuple[int, float, int]:
    if waiter.claim in first:
        return (0, 0.0, waiter.sequence)
    if waiter.passed >= PATIENCE:
        return (1, 0.0, waiter.sequence)
    return (2, -waiter.weight, waiter.sequence)


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
            parts.hold(held.claim, held.holder, held.needs)
    found: set[str] = set()
    while wanted:
        waiter = wanted.pop()
        for taken in parts.lacking(waiter.claim, waiter.needs):
            if taken.claim not in found:
                found.add(taken.claim)
                wanted.append(candidates[taken.claim])
    return found


def _sentences(lacks: Iterable[_Taken]) -> list[str]:
    texts = (
        f"{taken.resource} {'promised to' if taken.promised else 'held by'} {taken.holder}" for taken in lacks
    )
    return list(dict.fromkeys(texts))


def _passed_over(
    ledger: Ledger, granted: Sequence[Waiting], waiting: Sequence[Waiting], partial: Collection[str]
) -> list[str]:
    """Waiters that lack something which a younger claim, or one that asked again, was just given."""
    served = {waiter.claim for waiter in granted}
    newest = max(2**63 if waiter.claim in partial else waiter.sequence for waiter in granted)
    behind = [w for w in waiting if w.claim not in served and w.sequence < newest and w.passed < PATIENCE]
    passed: list[str] = []
    for waiter in behind:
        rivals = {
            other.claim for other in granted if other.sequence > waiter.sequence or other.claim in partial
        }
        if any(taken.claim in rivals for taken in ledger.lacking(waiter.claim, waiter.needs)):
            passed.append(waiter.claim)
    return passed
