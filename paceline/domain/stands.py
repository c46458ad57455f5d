"""Where a story stands, without what few ask: thousands of them are read for one look at a run."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from paceline.domain.states import StoryState
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
