"""What stands on a branch after merges and rollbacks, and what builds on a story."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.rollback import (
    Change,
    History,
    Outcome,
    Rollback,
    RollbackKind,
    RollbackState,
    builds_on,
    difference,
    find_story,
    waits_on,
)
from paceline.errors import Conflict, NotFound


def merge(story: str) -> Change:
    """The merge of a story; its commit is called like it."""
    return Change(commit=f"m{story}", parent="", story=story)


def rolled(number: int, reverts: tuple[str, ...] = (), restores: tuple[str, ...] = ()) -> Change:
    """A commit of a rollback."""
    return Change(commit=f"r{number}", parent="", rollback=number, reverts=reverts, restores=restores)


def history(*changes: Change, rollbacks: tuple[Rollback, ...] = ()) -> History:
    """A branch with these changes."""
    return History("branch", "base", "base", changes, rollbacks)


def undo(number: int, target: int) -> Rollback:
    """A rollback that took another one back."""
    return Rollback(
        id=f"p/rollback/{number}",
        project="p",
        number=number,
        kind=RollbackKind.UNDO,
        target=str(target),
        asked_by="ada",
        state=RollbackState.MADE,
        asked_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


A, B, C = merge("A"), merge("B"), merge("C")


def test_what_stands_follows_from_merges_and_rollbacks() -> None:
    found = history(A, B, rolled(1, reverts=("A",)), C, rolled(2, restores=("A",), reverts=("B",)))
    assert found.standing() == ["A", "C"]
    assert found.standing("mB") == ["A", "B"]
    assert found.standing("r1") == ["B"]
    assert found.standing("base") == []
    assert found.head == "r2"
    assert history().head == "base"


def test_a_boundary_is_a_merge_or_the_start() -> None:
    found = history(A, B)
    assert (found.boundary("A"), found.boundary("start")) == ("mA", "base")
    with pytest.raises(Conflict, match="C has no merge"):
        found.boundary("C")
    with pytest.raises(Conflict) as caught:
        found.targets(RollbackKind.BOUNDARY, "B")
    assert caught.value.details["already"]


def test_targets_are_what_is_there_to_take_back() -> None:
    found = history(A, B, rolled(1, reverts=("A",)))
    assert found.targets(RollbackKind.STORY, "B") == [B]
    assert [each.rollback for each in found.targets(RollbackKind.UNDO, "1")] == [1]
    with pytest.raises(Conflict, match="already"):
        found.targets(RollbackKind.STORY, "A")
    for nothing in ("2", "0", "-1", "x", ""):
        with pytest.raises(NotFound):
            found.targets(RollbackKind.UNDO, nothing)


def test_a_rollback_is_undone_until_that_is_undone() -> None:
    changes = (A, rolled(1, reverts=("A",)), rolled(2, restores=("A",)))
    once = history(*changes, rollbacks=(undo(2, 1),))
    assert once.undone(1)
    with pytest.raises(Conflict, match="already"):
        once.targets(RollbackKind.UNDO, "1")
    twice = history(*changes, rolled(3, reverts=("A",)), rollbacks=(undo(2, 1), undo(3, 2)))
    assert not twice.undone(1)
    assert twice.undone(2)


def test_dependants_are_found_over_steps_and_over_files() -> None:
    found = history(A, B, C, merge("D"))
    paths = {"mA": ["a"], "mB": ["b"], "mC": ["b", "c"], "mD": ["d"]}
    edges = {"A": [], "X": ["A"], "B": ["X"], "C": [], "D": []}
    reasons = builds_on(found, [A], edges, paths)
    assert reasons == {"B": "depends on A", "C": "changed b after B"}
    assert builds_on(found, [C], edges, paths) == {}
    gone = history(A, B, C, rolled(1, reverts=("B",)))
    assert builds_on(gone, [A], edges, paths) == {}
    undone = history(A, rolled(1, reverts=("A",)), C)
    named = undone.targets(RollbackKind.UNDO, "1")
    assert builds_on(undone, named, {}, {"r1": ["c"], "mC": ["c"]}) == {"C": "changed c after rollback 1"}


def test_who_waits_on_a_story() -> None:
    edges = {"A": [], "B": ["A"], "C": ["B"], "D": []}
    assert waits_on(["A"], edges) == {"B", "C"}
    assert waits_on(["D"], edges) == set()


@given(st.lists(st.sampled_from("ABCDEF"), unique=True), st.lists(st.sampled_from("ABCDEF"), unique=True))
def test_the_difference_leads_from_one_to_the_other(before: list[str], after: list[str]) -> None:
    gone, back = difference(before, after)
    assert (set(before) - set(gone)) | set(back) == set(after)
    assert gone == [each for each in reversed(before) if each in gone]


def test_a_confirmed_change_is_known_again_by_what_it_does() -> None:
    one = Outcome(reverts=["A", "B"], paths=["a"], failures=["`x` fails\nat 10:00"])
    same = Outcome(reverts=["B", "A"], paths=["a"], failures=["`x` fails\nat 10:01"], stat="other words")
    assert one.fingerprint() == same.fingerprint()
    others: list[dict[str, object]] = [
        {"reverts": ["A"]},
        {"paths": ["b"]},
        {"failures": []},
        {"conflict": "no"},
    ]
    for other in others:
        assert one.model_copy(update=other).fingerprint() != one.fingerprint()


def test_a_story_is_named_by_its_id_or_the_end_of_it() -> None:
    ids = ["Story 1.1", "Story 11.1", "Story 1.2", "Task 1.2"]
    assert find_story(ids, "Story 1.1") == "Story 1.1"
    assert find_story(ids, "1.1") == "Story 1.1"
    with pytest.raises(NotFound, match=r"may be one of Story 1\.2, Task 1\.2"):
        find_story(ids, "1.2")
    with pytest.raises(NotFound, match="no story"):
        find_story(ids, "3")
