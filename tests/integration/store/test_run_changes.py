"""What people changed of a run, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from paceline.domain.changes import ChangeDraft, ChangeKind
from paceline.errors import NotFound
from paceline.store.changes import changes_of, latest_revision, record_changes, run_in_force
from paceline.store.database import Database
from paceline.store.runs import create_run, save_plan
from tests.integration.store.samples import a_plan, a_run


def _draft(key: str, text: str = "High") -> ChangeDraft:
    return ChangeDraft(key=key, kind=ChangeKind.PRIORITY, target="S1", text=text, actor="Ann", reason="late")


def test_changes_are_numbered_once_a_key_and_come_back_as_they_went_in(database: Database) -> None:
    database.write_now(create_run, a_run("p"))
    assert database.read_now(latest_revision, "p") == 0
    assert database.write_now(record_changes, "p", [_draft("a"), _draft("b", "Low")]) == 2
    assert database.write_now(record_changes, "p", [_draft("a", "again"), _draft("c")]) == 3
    found = database.read_now(changes_of, "p")
    assert [(change.revision, change.key, change.text) for change in found] == [
        (1, "a", "High"),
        (2, "b", "Low"),
        (3, "c", "High"),
    ]
    assert (found[0].actor, found[0].reason, found[0].project) == ("Ann", "late", "p")


def test_two_that_change_a_run_at_once_take_different_revisions(database: Database) -> None:
    database.write_now(create_run, a_run("p"))
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(database.write_now, record_changes, "p", [_draft(str(n))]) for n in range(24)]
    assert sorted(each.result() for each in waiting) == list(range(1, 25))
    assert [change.revision for change in database.read_now(changes_of, "p")] == list(range(1, 25))


def test_an_amended_plan_is_the_plan_in_force(database: Database) -> None:
    first, second = a_plan("First"), a_plan("Second")
    digests = [database.write_now(save_plan, plan, plan.title) for plan in (first, second)]
    database.write_now(create_run, a_run("p", plan_digest=digests[0]))
    assert database.read_now(run_in_force, "p")[1] == first
    change = ChangeDraft(key="amend", kind=ChangeKind.PLAN, text=digests[1])
    database.write_now(record_changes, "p", [change])
    run, plan, changes = database.read_now(run_in_force, "p")
    assert (run.plan_digest, plan, len(changes)) == (digests[0], second, 1)


def test_there_are_no_changes_of_a_run_that_is_not_there(database: Database) -> None:
    with pytest.raises(NotFound):
        database.write_now(record_changes, "nobody", [_draft("a")])
