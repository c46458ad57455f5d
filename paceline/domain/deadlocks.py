"""Holders that wait for each other, found before they do.

Only a claim that holds something and waits for more can keep others waiting for ever: one that waits and
holds nothing is in nobody's way, and one that works will end. A state is safe if those who hold a part can
all be served one after the other, where everybody who works has ended and everybody served ends in turn. More
that ends only frees more, so one order of looking finds the answer: safe, or exactly those who are stuck.

`decide` keeps to it: who holds a part that a barrier waits for goes before all promises, so from a safe state
everybody is served. A state becomes unsafe only where a holder begins to wait, and there it is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from paceline.domain.resources import Holding, Ledger, Waiting


class Deadlock(NamedTuple):
    """What would be stuck if a claim began to wait."""

    cycle: list[Waiting]
    """Each waits for the next, and the last for the first, which is the one that asked."""
    retreats: list[str]
    """The claims that have to give back what they hold so that nobody is stuck: the youngest of each circle;
    if the one that asked is among them, it alone."""


def stuck(holding: Sequence[Holding], waiting: Sequence[Waiting]) -> list[Waiting]:
    """The claims that hold a part and can never be served, also when everybody who works has ended.

    Args:
        holding: what every claim holds.
        waiting: who waits for what.
    """
    parts = {held.claim: held for held in holding}
    left = [waiter for waiter in waiting if waiter.claim in parts]
    while left:
        ledger = _ledger(left, parts)
        blocked = [waiter for waiter in left if ledger.lacking(waiter.claim, waiter.demand)]
        if len(blocked) == len(left):
            return left
        left = blocked
    return []


def find_deadlock(holding: Sequence[Holding], waiting: Sequence[Waiting], asker: str) -> Deadlock | None:
    """Who would wait for each other if a claim began to wait, and who has to retreat.

    The youngest in a circle retreats: the one that asked last for its claim. It keeps its place in the order
    of asking, so the oldest of all never retreats, and whoever retreats becomes the oldest some day.

    Args:
        holding: what every claim holds.
        waiting: who waits for what, the asker among them; without the asker nobody is stuck.
        asker: the claim that holds a part and would wait.

    Returns:
        None if nobody would be stuck.
    """
    left, first = list(waiting), None
    retreats: list[str] = []
    while blocked := stuck(holding, left):
        cycle = _cycle(holding, blocked, asker)
        first = first or cycle
        youngest = max(cycle, key=lambda waiter: waiter.sequence).claim
        if youngest == asker:
            return Deadlock(first, [asker])
        retreats.append(youngest)
        left = [waiter for waiter in left if waiter.claim != youngest]
        holding = [held for held in holding if held.claim != youngest]
    return Deadlock(first, retreats) if first else None


def _cycle(holding: Sequence[Holding], blocked: Sequence[Waiting], asker: str) -> list[Waiting]:
    """The shortest circle of blocked claims through the asker.

    There is one: everybody blocked waits for a blocked one, and who could not reach the asker that way would
    have been stuck before it asked.
    """
    parts = {held.claim: held for held in holding}
    ledger, waiters = _ledger(blocked, parts), {waiter.claim: waiter for waiter in blocked}
    if asker not in waiters:
        return list(blocked)  # stuck before, as it can be read from an old backup
    paths = [[waiters[asker]]]
    seen = {asker}
    for path in paths:
        ahead = dict.fromkeys(taken.claim for taken in ledger.lacking(path[-1].claim, path[-1].demand))
        if asker in ahead:
            return path
        paths.extend([*path, waiters[claim]] for claim in ahead if claim not in seen)
        seen.update(ahead)
    return list(blocked)


def _ledger(waiters: Collection[Waiting], parts: dict[str, Holding]) -> Ledger:
    ledger = Ledger()
    for waiter in waiters:
        held = parts[waiter.claim]
        ledger.hold(held.claim, held.holder, held.demand)
    return ledger
