"""Every decision about a claim leaves a record in the same transaction."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from paceline.domain.arbitration import Arbitration
from paceline.domain.claims import Need
from paceline.store.claim_decisions import decisions_of, record_arbitrations, trim_decisions
from paceline.store.claim_growth import grow_claim, retreat_claim
from paceline.store.claims import (
    reduce_claim,
    release_claim,
    release_holder,
    request_claim,
    restore_claim,
)
from paceline.store.database import Database
from tests.integration.store.samples import request


def _ask(database: Database, claim: str, *resources: str, weight: float = 0.0) -> int:
    asks = request(claim, *resources, story=claim, weight=weight)
    return database.write_now(request_claim, asks).fence or 0


def _told(database: Database) -> list[tuple[str, str, str]]:
    return [(each.claim, each.kind, each.reason) for each in database.read_now(decisions_of, "p")]


def test_who_what_why_when_and_under_which_number(database: Database) -> None:
    fence = _ask(database, "a", "file:x")
    _ask(database, "b", "file:x")
    database.write_now(release_claim, "a", "ada")
    database.write_now(release_holder, "b-workflow")
    first, second, third, fourth, fifth = database.read_now(decisions_of, "p")
    assert (first.holder, first.story, first.kind, first.fence) == ("a-workflow", "a", "granted", fence)
    assert (first.needs, first.actor) == ([Need(resource="file:x")], "a-workflow")
    assert (second.kind, second.reason, second.fence) == ("waiting", "file:x held by a-workflow", None)
    assert (third.kind, third.actor, third.fence) == ("released", "ada", fence)
    assert (fourth.claim, fourth.kind, fourth.reason) == ("b", "granted", "after a-workflow had ended")
    assert (fifth.kind, fifth.actor, fifth.fence) == ("swept", "sweep", fourth.fence)
    moments = [each.at for each in (first, second, third, fourth, fifth)]
    assert moments == sorted(moments)


def test_all_kinds_of_decisions_are_told(database: Database) -> None:
    old, young = _ask(database, "a", "file:x", "agent:A"), _ask(database, "b", "file:y")
    database.write_now(reduce_claim, "a", ["file:"])
    database.write_now(restore_claim, "a")
    database.write_now(grow_claim, "a", old, [Need(resource="file:z")])
    database.write_now(grow_claim, "a", old, [Need(resource="file:y")])
    database.write_now(grow_claim, "b", young, [Need(resource="file:x")])
    database.write_now(retreat_claim, "b", young, [Need(resource="file:x")])
    assert _told(database)[2:] == [
        ("a", "reduced", "it keeps 1 of 2"),
        ("a", "restored", "it asked again for what it had given back"),
        ("a", "grown", "all of it was free"),
        ("a", "waiting", "file:y held by b-workflow"),
        (
            "b",
            "deadlock",
            "b-workflow waits for a-workflow waits for b-workflow; the youngest goes back",
        ),
        ("b", "retreated", "it gave back everything to ask for more"),
        ("a", "granted", "after b-workflow had gone back"),
        ("b", "passed_over", "a-workflow went first, the 1. time"),
    ]


def test_asking_again_leaves_no_second_record(database: Database) -> None:
    fence = _ask(database, "a", "file:x")
    for _ in range(3):
        _ask(database, "a", "file:x")
        _ask(database, "b", "file:x")
        database.write_now(grow_claim, "a", fence, [Need(resource="file:y")])
        database.write_now(reduce_claim, "a", ["file:"])
    for _ in range(2):
        database.write_now(release_claim, "a")
    kinds = [(claim, kind) for claim, kind, _ in _told(database)]
    assert kinds == [
        ("a", "granted"),
        ("b", "waiting"),
        ("a", "grown"),
        ("a", "released"),
        ("b", "granted"),
    ]


def test_what_was_rolled_back_was_not_decided(database: Database) -> None:
    def fail(session: Session) -> None:
        request_claim(session, request("a", "file:x"))
        raise RuntimeError("rolled back")

    with pytest.raises(RuntimeError):
        database.write_now(fail)
    assert _told(database) == []


def test_reading_goes_on_where_it_ended(database: Database) -> None:
    for number in range(5):
        _ask(database, f"c{number}", f"file:{number}")
    first = database.read_now(decisions_of, "p", None, 0, 2)
    rest = database.read_now(decisions_of, "p", None, first[-1].number)
    assert [each.claim for each in (*first, *rest)] == [f"c{number}" for number in range(5)]
    assert [each.claim for each in database.read_now(decisions_of, "p", "c3")] == ["c3"]
    assert database.read_now(decisions_of, "other") == []


def test_old_records_go_and_the_newest_stay(database: Database) -> None:
    for number in range(6):
        _ask(database, f"c{number}", f"file:{number}")
    database.write_now(request_claim, request("other", "file:other", project="q"))
    newest = database.read_now(decisions_of, "p")[-1].at
    assert database.write_now(trim_decisions, "p", 4, newest - timedelta(days=1)) == 0
    assert database.write_now(trim_decisions, "p", 4) == 2
    assert database.write_now(trim_decisions, "p", 4) == 0
    assert [each.claim for each in database.read_now(decisions_of, "p")] == ["c2", "c3", "c4", "c5"]
    assert len(database.read_now(decisions_of, "q")) == 1


def test_what_the_rule_said_about_files_of_others_is_recorded(database: Database) -> None:
    asks = request("a", "file:x", story="1.1")
    said = [
        Arbitration(resource="file:x", relation="foreign", verdict="allow", reason="It is Back's."),
        Arbitration(resource="file:y", relation="own", verdict="allow", reason="It is its own."),
    ]
    database.write_now(record_arbitrations, asks, said, "rule")
    database.write_now(record_arbitrations, asks, said[1:], "rule")
    (record,) = database.read_now(decisions_of, "p", "1.1")
    assert (record.kind, record.needs, record.reason, record.actor) == (
        "arbitrated",
        [Need(resource="file:x")],
        "It is Back's.",
        "rule",
    )
