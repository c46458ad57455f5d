"""The merge line: who may merge to a branch next, whose place is passed over, and which story broke a check.

Everybody who waits for one branch has a place with a number that only rises. The first whose landing is alive
leads: it merges for itself, and for those behind it who are ready too. A landing shows that it is alive by a
beat that it raises; whoever waits compares beats by its own clock only, so clocks of machines need not agree.
A wrong guess costs a wasted check: what makes a merge right is the fence and the compare-and-swap.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from paceline.domain.model import Model


class Place(Model):
    """The place of one story, or of a rollback, in the line of one branch."""

    line: str
    claim: str
    """The claim of the story, which is its workflow id; of a rollback, that of one round."""
    number: int
    """Rises in the order of arrival; kept while the story tries again."""
    story: str = ""
    """Empty where a rollback has the place."""
    holder: str | None = None
    """The try of the landing that holds it now; None where the last one was stopped."""
    beat: int = 0

    @property
    def alone(self) -> bool:
        """Whether nobody is landed together with it: a rollback is built on what is there, by itself."""
        return not self.story


@dataclass
class Silence:
    """Which places were silent for too long, as one observer has seen them.

    Args:
        patience: seconds for which a beat may stay the same.
    """

    patience: float
    _seen: dict[str, tuple[tuple[str | None, int], float]] = field(
        default_factory=dict[str, tuple[tuple[str | None, int], float]]
    )

    def observe(self, places: Sequence[Place], now: float, own: Collection[str] = ()) -> list[Place]:
        """Note the beats, and leave out the places whose landing is dead.

        Args:
            places: the line, in order.
            now: seconds by the observer's monotonic clock.
            own: holders that the observer itself knows to be alive.

        Returns:
            The places of landings that are alive, or not yet silent for long enough, in order.
        """
        seen = {place.claim: (place.holder, place.beat) for place in places}
        for claim, beat in seen.items():
            if claim not in self._seen or self._seen[claim][0] != beat:
                self._seen[claim] = (beat, now)
        self._seen = {claim: known for claim, known in self._seen.items() if claim in seen}
        return [
            place
            for place in places
            if place.holder is not None
            and (place.holder in own or now - self._seen[place.claim][1] <= self.patience)
        ]


def next_batch(alive: Sequence[Place], limit: int) -> list[Place]:
    """Who is merged together next: the oldest, in order, at most `limit`; the first of them leads.

    A rollback is a batch of its own: those before it do not take it along, those behind it wait for it.
    """
    ordered = sorted(alive, key=lambda place: place.number)
    if ordered and ordered[0].alone:
        return ordered[:1]
    return list(takewhile(lambda place: not place.alone, ordered))[:limit]


def positions(alive: Sequence[Place]) -> dict[str, int]:
    """Claim to its place in the line as people count it, from 1."""
    ordered = sorted(alive, key=lambda place: place.number)
    return {place.claim: number for number, place in enumerate(ordered, 1)}


@dataclass
class Bisection:
    """The search for the first story of a stack with which a command fails.

    The command is known to fail with all of the `size` stories of the stack. It does not concern those before
    `first` (1-based), the first story that names it. `culprit` is found in at most log2(size) + 1 steps.
    """

    size: int
    first: int

    def __post_init__(self) -> None:
        self._passes, self._fails = self.first - 1, self.size

    @property
    def culprit(self) -> int | None:
        """The first story with which the command fails, 1-based; None before that is known."""
        return self._fails if self._fails - self._passes == 1 else None

    @property
    def probe(self) -> int:
        """How many stories of the stack to run the command with next."""
        return (self._passes + self._fails) // 2

    def learn(self, count: int, passed: bool) -> None:
        """Take in whether the command passed with the first `count` stories."""
        if passed:
            self._passes = max(self._passes, count)
        else:
            self._fails = min(self._fails, count)


def others_tested(stories: Sequence[str], culprit: str) -> str:
    """How a failure names the others that were on the same commit; empty where there were none."""
    others = [story for story in stories if story != culprit]
    if not others:
        return ""
    shown = ", ".join(others[:10]) + (" and others" if len(others) > 10 else "")
    return f" It was tested together with {shown}."
