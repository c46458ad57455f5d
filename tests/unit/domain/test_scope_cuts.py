"""What could be left out of a late sprint."""

from __future__ import annotations

from paceline.domain.plan import Contingency, Plan, Source
from paceline.domain.scope import cuts
from paceline.domain.states import StoryState
from paceline.domain.status import StoryStatus

EDGES = {"b": ["a"]}
RANKS = {"a": 0, "b": 1, "c": 2, "d": 3}


def rows(**states: StoryState) -> list[StoryStatus]:
    pending = StoryState.PENDING
    return [
        StoryStatus(id=key, title=key, sprint="2" if key == "e" else "1", state=states.get(key, pending))
        for key in "abcde"
    ]


def plan(*entries: Contingency) -> Plan:
    source = Source(kind="test", lines=1, digest="0" * 64)
    return Plan(title="Harbour", source=source, contingency=list(entries))


def test_the_least_urgent_comes_first_and_nothing_that_others_wait_for() -> None:
    assert [cut.story for cut in cuts(plan(), rows(), EDGES, RANKS, "1")] == ["d", "c", "b"]
    working = rows(d=StoryState.WORKING, b=StoryState.SKIPPED)
    assert [cut.story for cut in cuts(plan(), working, EDGES, RANKS, "1")] == ["c", "a"]


def test_the_plans_own_options_come_first_and_what_is_for_being_ahead_is_none() -> None:
    written = plan(
        Contingency(name="Ahead of schedule", text="Do d as well, do not defer it", stories=["d"]),
        Contingency(name="Behind schedule", text="Defer c and a", stories=["c", "a"]),
    )
    (only,) = cuts(written, rows(), EDGES, RANKS, "1")
    assert only.story == "c"
    assert "Defer c and a" in only.why
