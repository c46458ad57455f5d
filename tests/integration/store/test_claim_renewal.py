"""What steering changes of live claims, on real databases: each twice is once."""

from __future__ import annotations

from sqlalchemy.orm import Session

from paceline.domain.claims import ClaimRequest, Grant, Need
from paceline.store.claim_renewal import forget_claim, renew_needs, resize, reweigh_claim
from paceline.store.claims import (
    check_fence,
    find_claim,
    reduce_claim,
    release_claim,
    request_claim,
    restore_claim,
)
from paceline.store.database import Database
from tests.integration.store.samples import request


def needs(*resources: str, capacity: int = 1) -> list[Need]:
    """Of one capacity."""
    return [Need(resource=resource, capacity=capacity) for resource in resources]


def held(database: Database, claim: str) -> list[str]:
    """What a claim holds now."""
    record = database.read_now(find_claim, claim)
    assert record is not None
    return [need.resource for need in record.held]


def test_a_claim_for_another_agent_keeps_its_files_and_fence_and_asks_for_the_rest(
    database: Database,
) -> None:
    first = database.write_now(request_claim, request("a", "file:x", "agent:Old"))
    database.write_now(request_claim, request("b", "agent:Old"))
    grants = database.write_now(renew_needs, "a", needs("file:x", "agent:New"))
    assert [grant.claim for grant in grants] == ["b"]
    assert database.write_now(renew_needs, "a", needs("file:x", "agent:New")) == []
    assert held(database, "a") == ["file:x"]
    restored = database.write_now(restore_claim, "a")
    assert (restored.state, restored.fence) == ("granted", first.fence)
    assert held(database, "a") == ["file:x", "agent:New"]


def test_a_claim_in_line_waits_for_its_new_needs_at_its_place(database: Database) -> None:
    database.write_now(request_claim, request("a", "agent:Old"))
    database.write_now(request_claim, request("b", "file:y", "agent:Old"))
    grants = database.write_now(renew_needs, "b", needs("file:y", "agent:New"))
    assert [grant.claim for grant in grants] == ["b"]
    assert held(database, "b") == ["file:y", "agent:New"]


def test_one_that_gave_back_its_slots_asks_for_the_new_ones_only_when_it_goes_on(database: Database) -> None:
    database.write_now(request_claim, request("a", "file:x", "agent:Old"))
    database.write_now(reduce_claim, "a", ("file:",))
    database.write_now(renew_needs, "a", needs("file:x", "agent:New"))
    assert held(database, "a") == ["file:x"]
    assert database.write_now(restore_claim, "a").state == "granted"
    assert held(database, "a") == ["file:x", "agent:New"]


def test_files_that_a_claim_grew_by_stay_in_it(database: Database) -> None:
    database.write_now(request_claim, request("a", "file:x", "file:grown", "agent:Old"))
    database.write_now(renew_needs, "a", needs("file:x", "agent:New"))
    assert held(database, "a") == ["file:x", "file:grown"]


def test_nobody_else_is_touched_and_what_is_gone_stays_gone(database: Database) -> None:
    database.write_now(request_claim, request("a", "file:x"))
    database.write_now(release_claim, "a")
    assert database.write_now(renew_needs, "a", needs("file:z")) == []
    assert database.write_now(renew_needs, "nobody", needs("file:z")) == []
    assert database.write_now(reweigh_claim, "nobody", 3.0) == []


def test_a_heavier_claim_goes_first(database: Database) -> None:
    database.write_now(request_claim, request("a", "file:x"))
    database.write_now(request_claim, request("b", "file:x", weight=5.0))
    database.write_now(request_claim, request("c", "file:x", weight=1.0))
    assert database.write_now(reweigh_claim, "c", 9.0) == []
    assert [grant.claim for grant in database.write_now(release_claim, "a")] == ["c"]


def sized(session: Session, claim: str, capacity: int) -> ClaimRequest:
    """Ask for a slot of a sprint."""
    asked = request(claim).model_copy(update={"needs": needs("sprint:s", capacity=capacity)})
    request_claim(session, asked)
    return asked


def test_more_room_lets_waiters_in_at_once_and_less_stops_nobody(database: Database) -> None:
    for claim in ("a", "b", "c", "d"):
        asked = database.write_now(sized, claim, 1)
    grants: list[Grant] = database.write_now(resize, asked.scope, "sprint:s", 3)
    assert [grant.claim for grant in grants] == ["b", "c"]
    assert database.write_now(resize, asked.scope, "sprint:s", 3) == []
    assert database.write_now(resize, asked.scope, "sprint:s", 1) == []
    assert [held(database, claim) for claim in "abcd"] == [["sprint:s"]] * 3 + [[]]
    for claim in ("a", "b"):
        assert database.write_now(release_claim, claim) == []
    assert [grant.claim for grant in database.write_now(release_claim, "c")] == ["d"]


def test_a_forgotten_claim_can_be_asked_for_anew_under_a_higher_fence(database: Database) -> None:
    first = database.write_now(request_claim, request("a", "file:x"))
    database.write_now(forget_claim, "a")
    assert database.read_now(find_claim, "a") is not None, "a live one is not forgotten"
    database.write_now(release_claim, "a")
    database.write_now(forget_claim, "a")
    database.write_now(forget_claim, "a")
    again = database.write_now(request_claim, request("a", "file:x"))
    assert again.state == "granted"
    assert again.fence is not None
    assert first.fence is not None
    assert again.fence > first.fence
    database.write_now(check_fence, "a", again.fence)
