"""Functions that share a transaction: what they leave for its end is written in order, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from paceline.domain.arbitration import Arbitration
from paceline.domain.claims import Look
from paceline.errors import StaleFence
from paceline.store.claim_decisions import decisions_of, record_arbitrations, trim_decisions
from paceline.store.claim_growth import grow_claim
from paceline.store.claim_reconcile import look_at_claims, reconcile
from paceline.store.claim_statements import SCOPES
from paceline.store.claims import check_fence, list_claims, release_claim, request_claim
from paceline.store.database import Database
from tests.integration.store.samples import request


def _together(database: Database, *calls: tuple[Any, ...]) -> list[Any]:
    """What the functions return; they run in one transaction."""

    def run(session: Session) -> list[Any]:
        return [change(session, *arguments) for change, *arguments in calls]

    return database.write_now(run)


def _counter(session: Session) -> int:
    return session.connection().execute(select(SCOPES.c.counter).where(SCOPES.c.scope == "repo")).scalar_one()


def test_numbers_rise_within_a_transaction_and_after_it(database: Database) -> None:
    first, waits, grants = _together(
        database,
        (request_claim, request("a", "file:x")),
        (request_claim, request("b", "file:x")),
        (release_claim, "a"),
    )
    assert (first.state, waits.state, [each.claim for each in grants]) == ("granted", "waiting", ["b"])
    assert grants[0].fence > first.fence
    sequences = [each.sequence for each in database.read_now(list_claims, "repo", ["granted", "released"])]
    assert sequences == sorted(set(sequences))
    assert database.read_now(_counter) >= grants[0].fence
    later = database.write_now(request_claim, request("c", "file:y"))
    assert later.fence is not None
    assert later.fence > grants[0].fence


def test_a_number_that_was_raised_stays_raised(database: Database) -> None:
    asked = database.write_now(request_claim, request("a", "file:x"))
    assert asked.fence is not None
    far = asked.fence + 3_600_000_000
    look = Look(scope="repo", number=far, holders=[])
    before, _, after = _together(
        database,
        (request_claim, request("b", "file:y")),
        (reconcile, look, {}, [far]),
        (request_claim, request("c", "file:z")),
    )
    assert before.fence < far < after.fence
    later = database.write_now(request_claim, request("d", "file:w"))
    assert later.fence is not None
    assert later.fence > after.fence


def test_queries_of_the_same_transaction_see_what_was_decided(database: Database) -> None:
    asks = request("b", "file:y", story="1.1")
    said = Arbitration(resource="file:y", owners=["o"], relation="foreign", verdict="allow", reason="it may")
    _, _, seen, looks, removed, left = _together(
        database,
        (request_claim, request("a", "file:x")),
        (record_arbitrations, asks, [said], "rule"),
        (decisions_of, "p"),
        (look_at_claims,),
        (trim_decisions, "p", 1),
        (decisions_of, "p"),
    )
    assert [(each.claim, each.kind) for each in seen] == [("a", "granted"), ("b", "arbitrated")]
    assert [(each.number, each.holders) for each in looks] == [(seen[0].fence, ["a-workflow"])]
    assert removed == 1
    assert [each.kind for each in left] == ["arbitrated"]


def test_records_stand_in_the_order_of_the_decisions(database: Database) -> None:
    asks = request("c", "file:z")
    said = Arbitration(resource="file:z", owners=["o"], relation="foreign", verdict="allow", reason="it may")
    _together(
        database,
        (request_claim, request("a", "file:x")),
        (record_arbitrations, asks, [said], "rule"),
        (request_claim, asks),
        (release_claim, "a"),
    )
    kinds = [(each.claim, each.kind) for each in database.read_now(decisions_of, "p")]
    assert kinds == [("a", "granted"), ("c", "arbitrated"), ("c", "granted"), ("a", "released")]


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    held = database.write_now(request_claim, request("a", "file:x"))
    with pytest.raises(StaleFence):
        _together(
            database,
            (release_claim, "a"),
            (request_claim, request("b", "file:x")),
            (check_fence, "a", held.fence),
        )
    assert database.read_now(_counter) == held.fence
    assert [each.kind for each in database.read_now(decisions_of, "p")] == ["granted"]
    again = database.write_now(request_claim, request("b", "file:x"))
    assert (again.state, again.waits_for) == ("waiting", ["file:x held by a-workflow"])


def test_a_failure_that_the_caller_heard_of_does_not_mislead_the_next(database: Database) -> None:
    def grows_in_vain(session: Session) -> None:
        with pytest.raises(StaleFence):
            grow_claim(session, "a", 1, request("a", "file:y").needs)

    _, _, asked = _together(
        database,
        (request_claim, request("a", "file:x")),
        (grows_in_vain,),
        (request_claim, request("b", "file:x")),
    )
    assert asked.waits_for == ["file:x held by a-workflow"]


def test_scopes_of_one_transaction_keep_their_own_numbers(database: Database) -> None:
    _, there, _, grants = _together(
        database,
        (request_claim, request("a", "file:x")),
        (request_claim, request("b", "file:x", scope="other")),
        (request_claim, request("c", "file:x", scope="other")),
        (release_claim, "b"),
    )
    assert there.state == "granted"
    assert [each.claim for each in grants] == ["c"]
    known = {each.claim: each.scope for each in database.read_now(list_claims)}
    assert known == {"a": "repo", "c": "other"}
    assert database.write_now(release_claim, "nobody") == []
    assert _together(database, (release_claim, "a"), (release_claim, "nobody"), (release_claim, "b")) == [
        [],
        [],
        [],
    ]
