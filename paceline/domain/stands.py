"""Where stories stand, without what few ask: thousands of them are read for one look at a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
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


Row = tuple[int, str, str | None, str | None]
"""Of a story: its place in the plan, its id, its reason and the code of that."""


class StandGroup(NamedTuple):
    """The stories of one epic in one sprint that stand alike."""

    sprint: str
    epic: str | None
    state: StoryState
    rows: Sequence[Row]

    def stand(self, row: Row) -> StoryStand:
        """One of its rows as a whole."""
        return StoryStand(row[1], self.sprint, self.epic, self.state, row[2], row[3])


@dataclass(frozen=True)
class Stands:
    """Where all stories of a run stand that count; those that were removed from its plan do not.

    They stay in groups as long as nobody asks for one, so that thousands cost little more than ten.
    """

    groups: Sequence[StandGroup]
    removed: int = 0
    """How many were removed."""

    @classmethod
    def of(cls, stories: Iterable[Standing]) -> Stands:
        """The same from each story's status, in plan order."""
        rows: dict[tuple[str, str | None, StoryState], list[Row]] = {}
        removed = 0
        for place, story in enumerate(stories):
            if story.removed:
                removed += 1
            else:
                alike = rows.setdefault((story.sprint, story.epic, story.state), [])
                alike.append((place, story.id, story.reason, None))
        groups = [StandGroup(sprint, epic, state, found) for (sprint, epic, state), found in rows.items()]
        return cls(groups, removed)

    def __iter__(self) -> Iterator[StoryStand]:
        """Each of them, in no order."""
        return (group.stand(row) for group in self.groups for row in group.rows)

    @cached_property
    def names(self) -> frozenset[str | None]:
        """The ids of all stories and epics."""
        epics = {group.epic for group in self.groups}
        return frozenset(epics | {row[1] for group in self.groups for row in group.rows})

    def lacking(self, named: Collection[str] | None, most: int) -> tuple[list[str], list[StoryStand]]:
        """Those that have not succeeded, in plan order.

        Args:
            named: only these, and those of these epics; None: all.
            most: how many are given as a whole.

        Returns:
            The ids of all of them, and the first few.
        """
        found = [
            (row, group)
            for group in self.groups
            if group.state not in SUCCESS_STATES
            for row in group.rows
            if named is None or row[1] in named or group.epic in named
        ]
        found.sort(key=lambda each: each[0][:2])
        return [row[1] for row, _ in found], [group.stand(row) for row, group in found[:most]]

    def has_ended(self, sprint: str, epic: str | None) -> bool:
        """Whether no story of an epic in a sprint goes on, or will."""
        return all(
            group.state in FINAL_STATES
            for group in self.groups
            if (group.sprint, group.epic) == (sprint, epic)
        )
