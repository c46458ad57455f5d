"""What is paused, by whom and why, from what people did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from paceline.domain.events import Event, EventType
from paceline.domain.pauses import pauses_of
from paceline.domain.states import StoryState
from paceline.domain.status import StoryStatus
from paceline.domain.steering import SteerScope

BEGAN = datetime(2025, 1, 6, 9, tzinfo=UTC)
STORIES = [
    StoryStatus(id="1.1", title="One", epic="A", sprint="S1"),
    StoryStatus(id="1.2", title="Two", epic="A", sprint="S2"),
    StoryStatus(id="2.1", title="Three", epic=None, sprint="S1", state=StoryState.MERGED),
]


def steered(number: int, action: str, scope: str, target: str, sprint: str = "", actor: str = "ada") -> Event:
    """The event of an action."""
    data: dict[str, object] = {
        "action": action,
        "scope": scope,
        "target": target,
        "sprint": sprint,
        "reason": f"why {number}",
    }
    return _event(number, "steered", target if scope == "story" else None, data, actor)


def _event(number: int, name: str, story: str | None, data: dict[str, object], actor: str = "ada") -> Event:
    return Event(
        project="p",
        number=number,
        key=f"{number}",
        type=EventType.WORKFLOW_EVENT,
        name=name,
        actor=actor,
        story=story,
        data=data,
        at=BEGAN + timedelta(minutes=number),
    )


def names(*events: Event, stories: list[StoryStatus] = STORIES) -> list[tuple[str, str, str, str]]:
    """Scope, target, actor and reason of what is paused."""
    return [(each.scope, each.target, each.actor, each.reason) for each in pauses_of(events, stories)]


def test_the_widest_comes_first_with_who_and_why() -> None:
    found = pauses_of(
        [
            steered(1, "pause", "story", "1.1", "S1"),
            steered(2, "pause", "epic", "A", "S1", actor="grace"),
            steered(3, "pause", "sprint", "S1", "S1"),
            steered(4, "pause", "project", "p"),
        ],
        STORIES,
    )
    assert [each.scope for each in found] == list(SteerScope)
    assert [each.since for each in found] == [BEGAN + timedelta(minutes=n) for n in (4, 3, 2, 1)]
    assert (found[2].actor, found[2].reason, found[2].sprint) == ("grace", "why 2", "S1")


def test_resuming_ends_only_that_pause() -> None:
    assert names(
        steered(1, "pause", "epic", "A", "S1"),
        steered(2, "pause", "epic", "A", "S2"),
        steered(3, "pause", "story", "1.1", "S1"),
        steered(4, "resume", "epic", "A", "S1"),
    ) == [("epic", "A", "ada", "why 2"), ("story", "1.1", "ada", "why 3")]


def test_what_has_ended_is_not_paused_any_more() -> None:
    ended = [each.model_copy(update={"state": StoryState.CANCELLED}) for each in STORIES]
    events = [
        steered(1, "pause", "story", "1.1", "S1"),
        steered(2, "pause", "epic", "A", "S1"),
        steered(3, "pause", "sprint", "S1", "S1"),
    ]
    assert len(names(*events)) == 3
    assert names(*events, stories=ended) == []
    assert names(*events, steered(4, "skip", "sprint", "S1", "S1")) == names(*events[:2])


def test_a_story_that_begins_again_is_not_paused() -> None:
    paused = steered(1, "pause", "story", "1.1", "S1")
    for name in ("story.reopened", "story.carried_over"):
        assert names(paused, _event(2, name, "1.2", {})) != []
        assert names(paused, _event(2, name, "1.1", {})) == []


def test_an_epic_of_stories_that_name_none_is_known_by_its_name() -> None:
    lives = [STORIES[2].model_copy(update={"state": StoryState.PENDING})]
    assert names(steered(1, "pause", "epic", "Backlog", "S1"), stories=lives) != []
