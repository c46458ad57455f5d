"""What people change of a run beside its plan."""

from __future__ import annotations

from datetime import UTC, datetime

from paceline.domain.changes import ChangeKind, RunChange, changed_plan, max_parallel, plan_digest
from paceline.domain.plan import Plan, Source, Story

PLAN = Plan(
    title="Shop",
    source=Source(kind="agent-sprint", lines=1, digest="d"),
    stories=[Story(id="A", title="a", agents=["Ann"]), Story(id="B", title="b")],
)


def _changes(*each: dict[str, object]) -> list[RunChange]:
    common = {"project": "shop", "at": datetime(2026, 1, 1, tzinfo=UTC)}
    return [
        RunChange.model_validate({**common, "revision": number, "key": str(number), **change})
        for number, change in enumerate(each, 1)
    ]


def test_the_later_change_of_a_story_holds_and_the_plan_stays_as_it_was_read() -> None:
    changes = _changes(
        {"kind": ChangeKind.AGENTS, "target": "A", "names": ["Bob"]},
        {"kind": ChangeKind.AGENTS, "target": "A", "names": ["Eve", "Bob"]},
        {"kind": ChangeKind.PRIORITY, "target": "B", "text": "High"},
        {"kind": ChangeKind.SPRINT, "target": "B", "text": "Sprint 2"},
        {"kind": ChangeKind.AGENTS, "target": "gone", "names": ["Bob"]},
    )
    first, second = changed_plan(PLAN, changes).stories
    assert (first.agents, first.priority) == (["Eve", "Bob"], None)
    assert (second.agents, second.priority, second.sprints) == ([], "High", ["Sprint 2"])
    assert [story.agents for story in PLAN.stories] == [["Ann"], []]


def test_a_limit_is_of_one_sprint_or_of_all() -> None:
    changes = _changes(
        {"kind": ChangeKind.MAX_PARALLEL, "target": "Sprint 1", "number": 3},
        {"kind": ChangeKind.MAX_PARALLEL, "number": 7},
        {"kind": ChangeKind.MAX_PARALLEL, "target": "Sprint 2", "number": 1},
    )
    assert [max_parallel(sprint, 50, changes) for sprint in ("Sprint 1", "Sprint 2")] == [7, 1]
    assert max_parallel("Sprint 1", 50, changes[:1]) == 3
    assert max_parallel("Sprint 2", 50, changes[:1]) == 50


def test_the_plan_in_force_is_the_last_amendment() -> None:
    changes = _changes({"kind": ChangeKind.PLAN, "text": "b"}, {"kind": ChangeKind.PLAN, "text": "c"})
    assert (plan_digest("a", []), plan_digest("a", changes[:1]), plan_digest("a", changes)) == ("a", "b", "c")
