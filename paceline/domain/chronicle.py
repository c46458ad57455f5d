"""Where the stories of a run stood at a moment, told from its event log alone.

Nothing here asks an agent: every state is what the log says happened, so that anybody can count it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from paceline.domain.changes import ChangeKind, RunChange
from paceline.domain.events import Event
from paceline.domain.states import FINAL_STATES, StoryState

DONE_STATES = frozenset({StoryState.MERGED, StoryState.SETTLED})
"""States in which a story counts as completed; a skipped one lets others go on, and nobody did it."""
COUNTED_STATES = DONE_STATES | {StoryState.PART_DONE}
"""States in which what a story counts in its sprint is completed: the whole of it, or its part there."""
CONFLICT_CODE = "MERGE_CONFLICT"


@dataclass(frozen=True, slots=True)
class PlannedStory:
    """What a report has to know of a story's plan."""

    id: str
    title: str
    sprint: str
    epic: str = ""
    agents: tuple[str, ...] = ()
    points: float | None = None
    dependencies: tuple[str, ...] = ()
    phase: str | None = None
    done: bool = False
    """Whether it was done before the run, as the plan says."""
    workflow_id: str = ""
    in_parts: bool = False
    """Whether each of its sprints does a part of it; `points` are then those of the part."""


@dataclass(frozen=True, slots=True)
class StoryStand:
    """Where one story stands, and since when."""

    story: PlannedStory
    state: StoryState = StoryState.PENDING
    since: datetime | None = None
    attempt: int = 0
    waits_for: tuple[str, ...] = ()
    """While it waits for its claim: each as `<resource> held by <holder>`."""
    question: str | None = None
    """While it waits for a person."""
    code: str = ""
    """Why its last attempt ended, or it itself."""
    reason: str = ""
    commit: str | None = None

    @property
    def id(self) -> str:
        """The story's id."""
        return self.story.id

    @property
    def ended(self) -> bool:
        """Whether nothing more will be done for it."""
        return self.state in FINAL_STATES

    @property
    def done(self) -> bool:
        """Whether it counts as completed."""
        return self.state in DONE_STATES

    @property
    def counts(self) -> bool:
        """Whether what it counts in its sprint is completed."""
        return self.state in COUNTED_STATES


@dataclass(slots=True)
class Chronicle:
    """A run's stories as its log tells of them, up to the last event that was told."""

    stands: dict[str, StoryStand]
    told: list[Event] = field(default_factory=list[Event])
    """The events, in order."""

    @property
    def last_event(self) -> int:
        """Number of the newest event that is in it; 0 where there is none."""
        return self.told[-1].number if self.told else 0

    def of_sprint(self, sprint: str) -> list[StoryStand]:
        """The stories of a sprint that were not done before the run, in plan order."""
        return [each for each in self.stands.values() if each.story.sprint == sprint and not each.story.done]

    def after(self, number: int) -> list[Event]:
        """The events after a number."""
        return [event for event in self.told if event.number > number]


def chronicle(stories: Iterable[PlannedStory], events: Sequence[Event]) -> Chronicle:
    """Follow a run's log to its end.

    Args:
        stories: of the run, in plan order.
        events: in the order of their numbers, from the first.
    """
    begun = {
        story.id: StoryStand(story, StoryState.SETTLED if story.done else StoryState.PENDING)
        for story in stories
    }
    found = Chronicle(begun)
    for event in events:
        found.told.append(event)
        stand = found.stands.get(event.story or "")
        if stand is not None:
            found.stands[stand.id] = follow(stand, event)
    return found


def follow(stand: StoryStand, event: Event) -> StoryStand:
    """Where a story stands after one more event of its own."""
    if event.name in _AGAIN:
        return replace(stand, state=StoryState.PENDING, since=event.at, code="", reason="", waits_for=())
    if event.name.startswith("story.") and event.name not in _STEPS:
        return _ended(stand, event)
    step = _STEPS.get(event.name)
    changed = step(stand, event.data) if step is not None else None
    if changed is None or stand.ended:
        return stand
    return replace(changed, since=event.at) if changed.state is not stand.state else changed


def told_until(events: Sequence[Event], moment: datetime) -> list[Event]:
    """The events up to a moment, without a gap: those before the first one that is later."""
    for place, event in enumerate(events):
        if event.at > moment:
            return list(events[:place])
    return list(events)


def reassigned(
    stories: Sequence[PlannedStory], changes: Sequence[RunChange], until: datetime
) -> list[PlannedStory]:
    """The stories with the agents that they had at a moment.

    Args:
        stories: as planned, before any change.
        changes: in the order of their revisions.
        until: the moment.
    """
    names = {
        change.target: tuple(change.names)
        for change in changes
        if change.kind is ChangeKind.AGENTS and change.at <= until
    }
    return [replace(story, agents=names[story.id]) if story.id in names else story for story in stories]


# What each event does to its story ---

_Data = Mapping[str, Any]


def _waiting(stand: StoryStand, data: _Data) -> StoryStand:
    waits = tuple(str(each) for each in data.get("waits_for") or ())
    return replace(stand, state=StoryState.CLAIMING, waits_for=waits, question=None)


def _granted(stand: StoryStand, data: _Data) -> StoryStand:
    attempt = int(data.get("attempt") or stand.attempt)
    return replace(stand, state=StoryState.WORKING, attempt=attempt, waits_for=(), question=None)


def _lost(stand: StoryStand, data: _Data) -> StoryStand:
    return replace(stand, state=StoryState.CLAIMING, waits_for=())


def _failed_attempt(stand: StoryStand, data: _Data) -> StoryStand:
    return replace(stand, code=str(data.get("code") or ""), reason=str(data.get("reason") or ""))


def _asked(stand: StoryStand, data: _Data) -> StoryStand:
    return replace(
        stand, state=StoryState.WAITING_FOR_PERSON, question=str(data.get("question") or ""), waits_for=()
    )


def _answered(stand: StoryStand, data: _Data) -> StoryStand:
    return replace(stand, state=StoryState.CLAIMING, question=None)


def _merging(stand: StoryStand, data: _Data) -> StoryStand:
    return replace(stand, state=StoryState.VERIFYING)


def _merged(stand: StoryStand, data: _Data) -> StoryStand:
    return replace(stand, commit=str(data.get("commit") or "") or None)


def _paused(stand: StoryStand, data: _Data) -> StoryStand:
    reason = str(data.get("reason") or "")
    return replace(stand, state=StoryState.PAUSED, waits_for=(), question=None, reason=reason)


_AGAIN = frozenset({"story.reopened", "story.unblocked", "story.carried_over", "story.next_part"})
"""It goes on after it had ended: a person said so, or a later sprint has it."""
_STEPS: dict[str, Callable[[StoryStand, _Data], StoryStand]] = {
    "claim.waiting": _waiting,
    "claim.granted": _granted,
    "claim.lost": _lost,
    "attempt.ended": _failed_attempt,
    "question.asked": _asked,
    "question.answered": _answered,
    "merge.waiting": _merging,
    "story.paused": _paused,
    "merge.made": _merged,
}


def _ended(stand: StoryStand, event: Event) -> StoryStand:
    try:
        state = StoryState(str(event.data.get("state") or event.name.removeprefix("story.")))
    except ValueError:
        return stand
    if state not in FINAL_STATES:
        return stand
    reason = event.data.get("reason")
    return replace(
        stand,
        state=state,
        since=event.at,
        attempt=int(event.data.get("attempts") or stand.attempt),
        waits_for=(),
        question=None,
        code=str(event.data.get("code") or ("" if state in DONE_STATES else stand.code)),
        reason=str(reason or ("" if state in DONE_STATES else stand.reason)),
        commit=event.data.get("merge_commit") or stand.commit,
    )
