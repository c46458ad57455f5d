"""What claims may do, by looking at every path and trying every order; shares no code with the rules."""

from __future__ import annotations

from paceline.domain.claims import ClaimRecord, Need

MEANS: dict[str, frozenset[str]] = {
    "file:a": frozenset({"a"}),
    "file:b": frozenset({"b"}),
    "file:d/x": frozenset({"d/x"}),
    "file:d/y": frozenset({"d/y"}),
    "file:d/": frozenset({"d/x", "d/y", "d/z"}),
    "file:d/*": frozenset({"d/x", "d/y", "d/z"}),
    "file:[ab]": frozenset({"a", "b"}),
    "file:**/x": frozenset({"d/x", "x"}),
    "agent:A": frozenset({"agent A"}),
    "agent:B": frozenset({"agent B"}),
    "sprint:1": frozenset({"slot"}),
}
CAPACITY = {"agent:B": 2, "sprint:1": 3}
ROOM = {"agent B": 2, "slot": 3}
RESOURCES = sorted(MEANS)


def paths(needs: list[Need]) -> frozenset[str]:
    """All that the needs mean."""
    return frozenset[str]().union(*(MEANS[need.resource] for need in needs))


def overfull(holdings: list[list[Need]]) -> set[str]:
    """What more hold than there is room for."""
    counts: dict[str, int] = {}
    for needs in holdings:
        for path in paths(needs):
            counts[path] = counts.get(path, 0) + 1
    return {path for path, count in counts.items() if count > ROOM.get(path, 1)}


def everybody_can_end(records: list[ClaimRecord]) -> bool:
    """Whether there is an order in which all claims get what they want and end; tries until none is left."""
    left = {record.claim: record for record in records}
    while left:
        for claim, record in left.items():
            others = [each.held for each in left.values() if each.claim != claim]
            if record.state == "granted" or not overfull([*others, record.needs]):
                del left[claim]
                break
        else:
            return False
    return True
