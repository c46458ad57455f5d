"""What an edited plan changes of a run, and what of it cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.amendment import (
    DONE_STATES,
    UNSTARTED_STATES,
    Amendment,
    RefusalCode,
    compare,
    with_old_ids,
)
from paceline.domain.plan import Dependency, File, Item, Plan, Source, Sprint, Story
from paceline.domain.states import StoryState

WORKING = {"B": StoryState.WORKING}
MERGED = {"B": StoryState.MERGED}


def _plan(*stories: Story, sprints: tuple[str, ...] = ("S1", "S2")) -> Plan:
    source = Source(kind="test", lines=1, digest="")
    return Plan(title="T", source=source, stories=list(stories), sprints=[Sprint(id=key) for key in sprints])


def _story(key: str, *waits_for: str, sprint: str = "S1", **fields: object) -> Story:
    dependencies = [Dependency(as_written=each, resolved=[each]) for each in waits_for]
    return Story.model_validate(
        {"id": key, "title": key, "dependencies": dependencies, "sprints": [sprint], **fields}
    )


BEFORE = _plan(_story("A"), _story("B", "A"), _story("C", "B"))


def _codes(found: Amendment) -> list[RefusalCode]:
    return [refusal.code for refusal in found.refusals]


def test_an_edited_plan_is_told_apart_by_what_was_added_removed_changed_moved_and_connected() -> None:
    after = _plan(
        _story("A", line=7), _story("B", "A", tasks=[Item(text="more")]), _story("D", "A", "B", sprint="S2")
    )
    found = compare(BEFORE, after, {})
    assert (found.added, found.removed, found.refusals) == (["D"], ["C"], [])
    (change,) = found.changed
    assert [(field.name, field.before, field.after) for field in change.fields] == [("tasks", [], ["more"])]
    moved = compare(BEFORE, _plan(_story("A"), _story("B", "A", sprint="S2"), _story("C")), {})
    assert [(each.story, each.moved, each.waits_no_more_for) for each in moved.changed] == [
        ("B", True, []),
        ("C", False, ["B"]),
    ]


def test_the_same_plan_with_other_lines_and_ticks_changes_nothing() -> None:
    before = _plan(_story("A", tasks=[Item(text="t", line=1)]), _story("B"))
    after = _plan(_story("A", line=9, tasks=[Item(text="t", line=3, done=True)]), _story("B", done=True))
    found = compare(before, after, {"B": StoryState.MERGED})
    assert found.is_empty
    assert found.refusals == []


def test_what_merged_stays_as_it_is() -> None:
    changed = _plan(_story("A"), _story("B", "A", tasks=[Item(text="t")]), _story("C", "B"))
    assert _codes(compare(BEFORE, changed, MERGED)) == [RefusalCode.STORY_DONE]
    assert _codes(compare(BEFORE, _plan(_story("A"), _story("C")), MERGED)) == [RefusalCode.STORY_DONE]


@pytest.mark.parametrize(
    ("edited", "refused"),
    [
        (_story("B", "A", title="else", tasks=[Item(text="t")]), []),
        (_story("B", "A", files=[File(path="b.py")]), [RefusalCode.STORY_UNDER_WAY]),
        (_story("B", "A", agents=["Ann"]), [RefusalCode.STORY_UNDER_WAY]),
        (_story("B", "A", sprint="S2"), [RefusalCode.STORY_UNDER_WAY]),
        (_story("B", "A", "X"), [RefusalCode.STORY_UNDER_WAY]),
        (_story("B"), []),
    ],
)
def test_of_a_story_under_way_only_the_wording_changes(edited: Story, refused: list[RefusalCode]) -> None:
    before = _plan(*BEFORE.stories, _story("X"))
    found = compare(before, _plan(_story("A"), edited, _story("C", "B"), _story("X")), WORKING)
    assert _codes(found) == refused
    assert found.changed[0].under_way


def test_a_story_under_way_is_not_removed() -> None:
    found = compare(BEFORE, _plan(_story("A"), _story("C")), WORKING)
    assert _codes(found) == [RefusalCode.STORY_UNDER_WAY]
    assert "cancel" in found.refusals[0].reason


def test_a_circle_an_ended_sprint_and_a_mark_are_refused() -> None:
    circle = compare(BEFORE, _plan(_story("A", "C"), _story("B", "A"), _story("C", "B")), {})
    assert _codes(circle) == [RefusalCode.CIRCULAR]
    late = compare(BEFORE, _plan(*BEFORE.stories, _story("D")), {}, ended_sprints=["S1"])
    assert _codes(late) == [RefusalCode.SPRINT_ENDED]
    order = compare(BEFORE, _plan(*BEFORE.stories, sprints=("S2", "S1")), {}, ended_sprints=["S1"])
    assert _codes(order) == [RefusalCode.SPRINT_ORDER]
    mark = compare(BEFORE, _plan(_story("A", done=True), *BEFORE.stories[1:]), {})
    assert _codes(mark) == [RefusalCode.DONE_MARK]


def test_an_id_survives_a_rename_that_is_said() -> None:
    after = _plan(_story("A"), _story("B2", "A", points=3), _story("C", "B2"))
    assert compare(BEFORE, after, MERGED).removed == ["B"]
    renames = {"B": "B2"}
    found = compare(BEFORE, with_old_ids(after, renames), MERGED, renames)
    assert (found.removed, found.added, found.refusals) == ([], [], [])
    assert {field.name for change in found.changed for field in change.fields} == {"title", "points"}
    unknown = {"Z": "B2"}
    assert _codes(compare(BEFORE, with_old_ids(after, unknown), {}, unknown))[0] is RefusalCode.UNKNOWN_RENAME


@given(state=st.sampled_from(StoryState), other=st.sampled_from(StoryState))
def test_every_state_is_done_unstarted_or_under_way_and_done_work_is_never_touched(
    state: StoryState, other: StoryState
) -> None:
    assert not DONE_STATES & UNSTARTED_STATES
    states = {"A": other, "B": state, "C": other}
    found = compare(BEFORE, _plan(_story("A"), _story("B", "A", checks=["true"]), _story("C", "B")), states)
    assert bool(found.refusals) is (state in DONE_STATES)
    removed = compare(BEFORE, _plan(_story("A"), _story("C")), states)
    refused = {each.story for each in removed.refusals}
    assert ("B" in refused) is (state not in UNSTARTED_STATES)
