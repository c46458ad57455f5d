"""What of a run is paused, by whom and why: derived from what people did and from where its stories stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from paceline.domain.events import Event
from paceline.domain.stands import Standing
from paceline.domain.states import FINAL_STATES
from paceline.domain.status import Pause
from paceline.domain.steering import ENDS, SteerAction, SteerScope

STEERED = "steered"
BEGUN_AGAIN = ("story.reopened", "story.carried_over")
SAYING = (STEERED, *BEGUN_AGAIN)
"""Names of the events that say it."""


def pauses_of(events: Iterable[Event], stories: Iterable[Standing]) -> list[Pause]:
    """What is paused now, the widest first.

    Args:
        events: of a run, in order; those of other names than `SAYING` say nothing here.
        stories: where its stories stand. What has ended is not paused any more.
    """
    found: dict[tuple[str, str, str], Pause] = {}
    for event in events:
        if event.name in BEGUN_AGAIN:
            found = {key: pause for key, pause in found.items() if key[2] != event.story}
        elif event.name == STEERED and "scope" in event.data:
            _take(found, event)
    lives = [story for story in stories if story.state not in FINAL_STATES]
    order = list(SteerScope)
    return sorted(
        (pause for pause in found.values() if _goes_on(pause, lives)),
        key=lambda pause: (order.index(pause.scope), pause.since),
    )


def _take(found: dict[tuple[str, str, str], Pause], event: Event) -> None:
    data: Mapping[str, Any] = event.data
    action, scope, target = SteerAction(data["action"]), SteerScope(data["scope"]), str(data["target"])
    # An epic has a slice in each of its sprints; a story may be carried over with its pause.
    sprint = str(data.get("sprint", "")) if scope in (SteerScope.EPIC, SteerScope.STORY) else ""
    key = (scope.value, sprint if scope is SteerScope.EPIC else "", target)
    if action is SteerAction.PAUSE:
        found[key] = Pause(
            scope=scope,
            target=target,
            sprint=sprint,
            actor=event.actor,
            reason=str(data.get("reason", "")),
            since=event.at,
        )
    elif action is SteerAction.RESUME or action in ENDS:
        found.pop(key, None)


def _goes_on(pause: Pause, lives: list[Standing]) -> bool:
    """Whether anything of what was paused has not ended."""
    if pause.scope is SteerScope.STORY:
        return any(story.id == pause.target for story in lives)
    if pause.scope is SteerScope.PROJECT:
        return True
    sprint = pause.sprint if pause.scope is SteerScope.EPIC else pause.target
    return any(
        story.sprint == sprint
        and (pause.scope is SteerScope.SPRINT or (story.epic or "Backlog") == pause.target)
        for story in lives
    )
