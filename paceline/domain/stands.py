"""Where stories stand, without what few ask: thousands of them are read for one look at a run."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain
from typing import NamedTuple, Protocol

from paceline.domain.states import FINAL_STATES, SUCCESS_STATES, StoryState
from paceline.domain.status import REMOVED


class Standing(Protocol):
    """What a `StoryStatus` and a `StoryStand` both say."""

    @property
    def id(self) -> str:
        """The story's id."""
        ...

    @property
    def sprint(self) -> str:
        """The sprint that it is in."""
        ...

    @property
    def epic(self) -> str | None:
        """Its epic, where the plan has epics."""
        ...

    @property
    def state(self) -> StoryState:
        """Its state."""
        ...

    @property
    def reason(self) -> str | None:
        """Why it is not further."""
        ...

    @property
    def removed(self) -> bool:
        """Whether it was removed from the plan: it counts nowhere."""
        ...


class StoryStand(NamedTuple):
    """Where a story stands; see `StoryStatus`."""

    id: str
    sprint: str
    epic: str | None
    state: StoryState
    reason: str | None
    reason_code: str | None

    @property
    def removed(self) -> bool:
        """Whether it was removed from the plan: it counts nowhere."""
        return self.state is StoryState.CANCELLED and self.reason_code == REMOVED


class StandGroup(NamedTuple):
    """The stories of one epic in one sprint that stand alike.

    A list for each field and no object for each story: thousands of objects would keep the garbage collector
    busy at every look.
    """

    sprint: str
    epic: str | None
    state: StoryState
    positions: Sequence[int]
    """Of each: its place in the plan."""
    ids: Sequence[str]
    reasons: Sequence[str | None]
    codes: Sequence[str | None]

    def stand(self, at: int) -> StoryStand:
        """One of them as a whole."""
        return StoryStand(self.ids[at], self.sprint, self.epic, self.state, self.reasons[at], self.codes[at])


@dataclass(frozen=True)
class Stands:
    """Where all stories of a run stand that count; those that were removed from its plan do not.

    They stay in groups as long as nobody asks for one, so that thousands cost little more than ten.
    """

    groups: Sequence[StandGroup]
    removed: int = 0
    """How many were removed."""

    @classmethod
    def of(cls, stories: Sequence[Standing]) -> Stands:
        """The same from each story's status, in plan order."""
        counting = [each for each in stories if not each.removed]
        groups = [
            StandGroup(each.sprint, each.epic, each.state, [place], [each.id], [each.reason], [None])
            for place, each in enumerate(counting)
        ]
        return cls(groups, len(stories) - len(counting))

    def __iter__(self) -> Iterator[StoryStand]:
        """Each of them, in no order."""
        return (group.stand(at) for group in self.groups for at in range(len(group.ids)))

    @cached_property
    def names(self) -> frozenset[str | None]:
        """The ids of all stories and epics."""
        return frozenset(chain((group.epic for group in self.groups), *(group.ids for group in self.groups)))

    def lacking(self, named: Collection[str] | None, most: int) -> tuple[list[str], list[StoryStand]]:
        """Those that have not succeeded, in plan order.

        Args:
            named: only these, and those of these epics; None: all.
            most: how many are given as a whole.

        Returns:
            The ids of all of them, and the first few.
        """
        behind = [group for group in self.groups if group.state not in SUCCESS_STATES]
        positions = list(chain.from_iterable(group.positions for group in behind))
        ids = list(chain.from_iterable(group.ids for group in behind))
        order = sorted(range(len(ids)), key=positions.__getitem__)
        if named is not None:
            wanted = set(named).union(*(group.ids for group in behind if group.epic in named))
            order = [at for at in order if ids[at] in wanted]
        begins = list(accumulate((len(group.ids) for group in behind), initial=0))
        first: list[StoryStand] = []
        for at in order[:most]:
            group = bisect_right(begins, at) - 1
            first.append(behind[group].stand(at - begins[group]))
        return [ids[at] for at in order], first

    def has_ended(self, sprint: str, epic: str | None) -> bool:
        """Whether no story of an epic in a sprint goes on, or will."""
        return all(
            group.state in FINAL_STATES
            for group in self.groups
            if (group.sprint, group.epic) == (sprint, epic)
        )
