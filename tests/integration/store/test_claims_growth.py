"""Claims that grow while their holders work, and holders that would wait for each other."""

from __future__ import annotations

import pytest

from paceline.domain.claims import ClaimDecision, Grant, GrowDecision, Need, Retreat
from paceline.domain.resources import PATIENCE
from paceline.errors import NotFound, StaleFence
from paceline.store.claim_growth import grow_claim, retreat_claim
from paceline.store.claims import (
    check_fence,
    list_claims,
    reduce_claim,
    release_claim,
    request_claim,
    restore_claim,
    unsignalled_grants,
)
from paceline.store.database import Database
from tests.integration.store.samples import request


def _ask(database: Database, claim: str, *resources: str, weight: float = 0.0) -> int:
    decision = database.write_now(request_claim, request(claim, *resources, weight=weight))
    assert decision.fence is not None, decision
    return decision.fence


def _grow(database: Database, claim: str, fence: int, *resources: str) -> GrowDecision:
    return database.write_now(grow_claim, claim, fence, [Need(resource=each) for each in resources])


def _retreat(database: Database, claim: str, fence: int, *resources: str) -> ClaimDecision:
    return database.write_now(retreat_claim, claim, fence, [Need(resource=each) for each in resources])


def _held(database: Database) -> dict[str, list[str]]:
    return {
        record.claim: [need.resource for need in record.held] for record in database.read_now(list_claims)
    }


def test_what_is_free_is_granted_at_once_under_the_same_fence(database: Database) -> None:
    fence = _ask(database, "a", "file:x", "agent:A")
    for _ in range(2):
        grown = _grow(database, "a", fence, "file:y", "file:x")
        assert (grown.state, grown.fence) == ("granted", fence)
    assert _held(database) == {"a": ["file:x", "agent:A", "file:y"]}
    database.write_now(check_fence, "a", fence)
    waits = database.write_now(request_claim, request("b", "file:y"))
    assert waits.waits_for == ["file:y held by a-workflow"]
    assert [grant.claim for grant in database.write_now(release_claim, "a")] == ["b"]


def test_a_path_that_a_held_glob_means_is_held_already(database: Database) -> None:
    fence = _ask(database, "a", "file:src/")
    assert _grow(database, "a", fence, "file:src/deep/x.py").state == "granted"
    assert _held(database) == {"a": ["file:src/"]}


def test_who_waits_for_more_keeps_what_it_has_and_says_why(database: Database) -> None:
    fence = _ask(database, "a", "file:x")
    _ask(database, "b", "file:y")
    for _ in range(2):
        grown = _grow(database, "a", fence, "file:y")
        assert (grown.state, grown.fence, grown.position) == ("waiting", fence, 1)
        assert grown.waits_for == ["file:y held by b-workflow"]
    database.write_now(check_fence, "a", fence)
    assert _held(database) == {"a": ["file:x"], "b": ["file:y"]}
    assert database.write_now(release_claim, "b") == [Grant(claim="a", holder="a-workflow", fence=fence)]
    assert _grow(database, "a", fence, "file:y").state == "granted"
    assert database.read_now(unsignalled_grants) == []
    assert _held(database) == {"a": ["file:x", "file:y"]}


def test_growth_stays_when_slots_are_given_back_and_asked_for_again(database: Database) -> None:
    fence = _ask(database, "a", "file:x", "agent:A")
    _grow(database, "a", fence, "file:y")
    database.write_now(reduce_claim, "a", ["file:"])
    assert _held(database) == {"a": ["file:x", "file:y"]}
    database.write_now(reduce_claim, "a", [])
    assert database.write_now(restore_claim, "a").fence == fence
    assert _held(database) == {"a": ["file:x", "agent:A", "file:y"]}


def test_the_younger_of_two_is_told_of_the_deadlock_and_goes_back(database: Database) -> None:
    old, young = _ask(database, "a", "file:x"), _ask(database, "b", "file:y")
    assert _grow(database, "a", old, "file:y").state == "waiting"
    for _ in range(2):
        told = _grow(database, "b", young, "file:x")
        assert (told.state, told.retreated, told.cycle) == (
            "deadlock",
            False,
            ["b-workflow", "a-workflow"],
        )
    assert _held(database) == {"a": ["file:x"], "b": ["file:y"]}
    back = _retreat(database, "b", young, "file:x")
    assert (back.state, back.fence) == ("waiting", None)
    assert back.grants == [Grant(claim="a", holder="a-workflow", fence=old)]
    again = _retreat(database, "b", young, "file:x")
    assert (again.state, again.grants) == ("waiting", [])
    with pytest.raises(StaleFence):
        database.write_now(check_fence, "b", young)
    (grant,) = database.write_now(release_claim, "a")
    assert grant.claim == "b"
    assert grant.fence > young
    assert _held(database) == {"b": ["file:y", "file:x"]}
    assert _retreat(database, "b", young, "file:x").fence == grant.fence


def test_a_younger_one_that_waits_already_loses_all_to_an_older_one(database: Database) -> None:
    old, young = _ask(database, "a", "file:x"), _ask(database, "b", "file:y")
    assert _grow(database, "b", young, "file:x").state == "waiting"
    grown = _grow(database, "a", old, "file:y")
    assert (grown.state, grown.fence) == ("granted", old)
    assert grown.retreats == [Retreat(claim="b", holder="b-workflow", fence=young)]
    with pytest.raises(StaleFence):
        database.write_now(check_fence, "b", young)
    told = _grow(database, "b", young, "file:x")
    assert (told.state, told.retreated) == ("deadlock", True)
    assert _retreat(database, "b", young, "file:x", "file:z").state == "waiting"
    database.write_now(release_claim, "a")
    assert _held(database) == {"b": ["file:y", "file:x", "file:z"]}


def test_a_circle_of_three_costs_the_youngest_alone(database: Database) -> None:
    fences = {name: _ask(database, name, f"file:{name}") for name in "abc"}
    assert _grow(database, "b", fences["b"], "file:c").state == "waiting"
    assert _grow(database, "c", fences["c"], "file:a").state == "waiting"
    grown = _grow(database, "a", fences["a"], "file:b")
    assert (grown.state, [each.claim for each in grown.retreats]) == ("waiting", ["c"])
    assert [grant.claim for grant in grown.grants] == ["b"]
    assert [grant.claim for grant in database.write_now(release_claim, "b")] == ["a"]
    assert [grant.claim for grant in database.write_now(release_claim, "a")] == ["c"]


def test_two_circles_cost_both_of_the_younger_ones(database: Database) -> None:
    fences = {name: _ask(database, name, f"file:{name}") for name in "abc"}
    assert _grow(database, "b", fences["b"], "file:a").state == "waiting"
    assert _grow(database, "c", fences["c"], "file:a").state == "waiting"
    grown = _grow(database, "a", fences["a"], "file:b", "file:c")
    assert grown.state == "granted"
    assert sorted(each.claim for each in grown.retreats) == ["b", "c"]


def test_nobody_is_hurt_for_one_who_has_to_go_back_itself(database: Database) -> None:
    fences = {name: _ask(database, name, f"file:{name}") for name in "abc"}
    assert _grow(database, "a", fences["a"], "file:b").state == "waiting"
    assert _grow(database, "c", fences["c"], "file:b").state == "waiting"
    told = _grow(database, "b", fences["b"], "file:a", "file:c")
    assert (told.state, told.retreats) == ("deadlock", [])
    assert _held(database) == {name: [f"file:{name}"] for name in "abc"}


def test_a_slot_that_a_working_holder_will_free_is_no_circle(database: Database) -> None:
    """Of two slots one is with a worker that ends: who waits for a slot does not wait for the other one."""
    slots = [Need(resource="sprint:1", capacity=2)]
    for name in ("a", "b"):
        asks = request(name, f"file:{name}")
        database.write_now(request_claim, asks.model_copy(update={"needs": [*asks.needs, *slots]}))
    records = {record.claim: record.fence or 0 for record in database.read_now(list_claims)}
    database.write_now(reduce_claim, "a", ["file:"])
    asks = request("c", "file:c")
    database.write_now(request_claim, asks.model_copy(update={"needs": [*asks.needs, *slots]}))
    assert _grow(database, "b", records["b"], "file:a").state == "waiting"
    restored = database.write_now(restore_claim, "a")
    assert (restored.state, restored.retreats) == ("waiting", [])
    assert [grant.claim for grant in database.write_now(release_claim, "c")] == ["a"]


def test_an_answered_story_and_a_growing_one_do_not_wait_for_each_other(database: Database) -> None:
    """The one keeps its file and wants the agent, the other has the agent and wants the file."""
    answered = _ask(database, "answered", "file:x", "agent:A")
    database.write_now(reduce_claim, "answered", ["file:"])
    growing = _ask(database, "growing", "agent:A")
    assert _grow(database, "growing", growing, "file:x").state == "waiting"
    restored = database.write_now(restore_claim, "answered")
    assert (restored.state, restored.fence) == ("granted", answered)
    assert [each.claim for each in restored.retreats] == ["growing"]


def test_an_answered_story_that_is_younger_gives_its_files_away(database: Database) -> None:
    growing = _ask(database, "growing", "agent:B")
    answered = _ask(database, "answered", "file:x", "agent:A")
    database.write_now(reduce_claim, "answered", ["file:"])
    assert _grow(database, "growing", growing, "agent:A").state == "granted"
    assert _grow(database, "growing", growing, "file:x").state == "waiting"
    restored = database.write_now(restore_claim, "answered")
    assert (restored.state, restored.fence) == ("waiting", None)
    assert [grant.claim for grant in restored.grants] == ["growing"]
    (grant,) = database.write_now(release_claim, "growing")
    assert grant.claim == "answered"
    assert grant.fence > answered


def test_who_went_back_is_not_passed_over_for_ever(database: Database) -> None:
    old, young = _ask(database, "a", "file:x"), _ask(database, "b", "file:y")
    _grow(database, "a", old, "file:y")
    _retreat(database, "b", young, "file:x", "file:z")
    for turn in range(PATIENCE - 1):  # the first to go before it was the older one, which got its file
        _ask(database, f"rival-{turn}", "file:z", weight=9.0)
        database.write_now(release_claim, f"rival-{turn}")
    late = database.write_now(request_claim, request("late", "file:z", weight=9.0))
    assert late.waits_for == ["file:z promised to b-workflow"]
    assert [grant.claim for grant in database.write_now(release_claim, "a")] == ["b"]


def test_only_the_holder_can_grow_or_go_back(database: Database) -> None:
    fence = _ask(database, "a", "file:x")
    database.write_now(request_claim, request("w", "file:x"))
    with pytest.raises(NotFound):
        _grow(database, "unknown", fence, "file:y")
    for claim, number in [("a", fence + 1), ("w", fence)]:
        with pytest.raises(StaleFence):
            _grow(database, claim, number, "file:y")
        with pytest.raises(StaleFence):
            _retreat(database, claim, number, "file:y")
    database.write_now(release_claim, "a")
    with pytest.raises(StaleFence):
        _grow(database, "a", fence, "file:y")
