"""Claims against the workflows that run, and databases that come back from an old backup."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paceline.domain.claims import ClaimRecord, Grant, Look, Need, Reconciled, Retreat
from paceline.domain.resources import patterns_overlap
from paceline.errors import StaleFence
from paceline.store.claim_growth import grow_claim
from paceline.store.claim_reconcile import look_at_claims, reconcile
from paceline.store.claims import (
    acknowledge_grant,
    check_fence,
    list_claims,
    reduce_claim,
    release_claim,
    request_claim,
    restore_claim,
    unsignalled_grants,
)
from paceline.store.database import Database
from tests.databases import PostgresCluster
from tests.integration.store.samples import request


def _ask(database: Database, claim: str, *resources: str) -> int:
    decision = database.write_now(request_claim, request(claim, *resources))
    assert decision.fence is not None, decision
    return decision.fence


def _compare(database: Database, **running: int | None) -> Reconciled:
    (look,) = database.read_now(look_at_claims)
    known = {f"{claim}-workflow": fence for claim, fence in running.items()}
    return database.write_now(reconcile, look, known)


def _states(database: Database) -> dict[str, tuple[str, int | None]]:
    return {record.claim: (record.state, record.fence) for record in database.read_now(list_claims)}


def test_what_nobody_holds_is_freed_and_what_somebody_holds_is_not(database: Database) -> None:
    fence = _ask(database, "a", "file:x")
    _ask(database, "b", "file:y")
    database.write_now(request_claim, request("c", "file:x", "file:y"))
    database.write_now(request_claim, request("d", "file:y"))
    found = _compare(database, a=fence, c=None, d=None)
    assert found.freed == ["b"]
    assert [grant.claim for grant in found.grants] == ["d"]
    assert _states(database)["a"] == ("granted", fence)
    again = _compare(database, a=fence, c=None, d=found.grants[0].fence)
    assert again == Reconciled()


def test_who_came_after_the_look_is_not_judged_by_it(database: Database) -> None:
    _ask(database, "old", "file:x")
    (look,) = database.read_now(look_at_claims)
    database.write_now(request_claim, request("waiter", "file:x", holder="old-workflow"))
    database.write_now(release_claim, "old")
    assert database.write_now(reconcile, look, {}).freed == []
    assert _states(database)["waiter"][0] == "granted"
    assert _compare(database).freed == ["waiter"]


def test_a_holder_that_does_not_know_of_its_grant_is_told_again(database: Database) -> None:
    _ask(database, "a", "file:x")
    database.write_now(request_claim, request("b", "file:x"))
    (grant,) = database.write_now(release_claim, "a")
    database.write_now(acknowledge_grant, "b")
    _compare(database, b=grant.fence - 1)
    assert database.read_now(unsignalled_grants) == [grant]
    database.write_now(acknowledge_grant, "b")
    _compare(database, b=grant.fence)
    assert database.read_now(unsignalled_grants) == []


def test_a_holder_that_went_back_is_told_that_it_lost(database: Database) -> None:
    old, young = _ask(database, "a", "file:x"), _ask(database, "b", "file:y")
    database.write_now(grow_claim, "b", young, [Need(resource="file:x")])
    database.write_now(grow_claim, "a", old, [Need(resource="file:y")])
    found = _compare(database, a=old, b=young)
    assert (found.reinstated, found.lost) == (
        [],
        [Retreat(claim="b", holder="b-workflow", fence=young)],
    )
    assert _states(database) == {"a": ("granted", old), "b": ("waiting", None)}


# Old backups ---


class Backup:
    """A copy of a database, and the way back to it."""

    def __init__(self, url: str, folder: Path, cluster: PostgresCluster | None) -> None:
        self._url, self._folder, self._cluster = url, folder, cluster
        self._name = url.rpartition("/")[2].partition("?")[0]

    def take(self) -> None:
        if self._cluster is None:
            shutil.copy(self._url.removeprefix("sqlite:///"), self._folder / "backup.db")
        else:
            self._cluster.execute(f"CREATE DATABASE {self._name}_backup TEMPLATE {self._name}")

    def restore(self) -> None:
        if self._cluster is None:
            path = self._url.removeprefix("sqlite:///")
            for rest in ("-wal", "-shm"):
                Path(path + rest).unlink(missing_ok=True)
            shutil.copy(self._folder / "backup.db", path)
        else:
            self._cluster.drop(self._url)
            self._cluster.execute(f"ALTER DATABASE {self._name}_backup RENAME TO {self._name}")


@pytest.fixture
def backup(any_database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Backup:
    """Of the database of `any_database_url`, which nobody may have open meanwhile."""
    postgres = any_database_url.startswith("postgres")
    cluster = request.getfixturevalue("postgres_cluster") if postgres else None
    return Backup(any_database_url, tmp_path, cluster)


class _Opened:
    """A database that is closed at the end of a block."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def __enter__(self) -> Database:
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()


def test_no_fence_is_given_twice_after_an_old_backup(any_database_url: str, backup: Backup) -> None:
    with _Opened(any_database_url) as database:
        given = [_ask(database, "kept", "file:kept")]
    backup.take()
    with _Opened(any_database_url) as database:
        given += [_ask(database, f"lost-{number}", f"file:{number}") for number in range(20)]
    backup.restore()
    with _Opened(any_database_url) as database:
        assert list(_states(database)) == ["kept"]
        given += [_ask(database, f"lost-{number}", f"file:{number}") for number in range(20)]
    assert given == sorted(set(given))


def test_after_an_old_backup_holders_keep_what_they_work_on(any_database_url: str, backup: Backup) -> None:
    with _Opened(any_database_url) as database:
        gone, same = _ask(database, "gone", "file:x"), _ask(database, "same", "file:y")
        database.write_now(request_claim, request("next", "file:x"))
        database.write_now(request_claim, request("rival", "file:x"))
    backup.take()
    with _Opened(any_database_url) as database:
        (grant,) = database.write_now(release_claim, "gone")
    backup.restore()
    with _Opened(any_database_url) as database:
        assert _states(database)["gone"] == ("granted", gone)
        found = _compare(database, same=same, next=grant.fence, rival=None)
        assert (found.freed, found.reinstated, found.lost, found.grants) == (["gone"], [grant], [], [])
        assert _states(database) == {
            "same": ("granted", same),
            "next": ("granted", grant.fence),
            "rival": ("waiting", None),
        }
        database.write_now(check_fence, "next", grant.fence)
        assert _compare(database, same=same, next=grant.fence, rival=None) == Reconciled()
        (later,) = database.write_now(release_claim, "next")
        assert later.fence > grant.fence


def test_who_cannot_have_it_back_loses_all_and_is_named(any_database_url: str, backup: Backup) -> None:
    with _Opened(any_database_url) as database:
        kept = _ask(database, "kept", "file:x", "agent:A")
        database.write_now(request_claim, request("other", "agent:A", "file:z"))
    backup.take()
    with _Opened(any_database_url) as database:
        (grant,) = database.write_now(reduce_claim, "kept", ["file:"])
    backup.restore()
    with _Opened(any_database_url) as database:
        found = _compare(database, kept=kept, other=grant.fence)
        assert found.lost == [Retreat(claim="other", holder="other-workflow", fence=grant.fence)]
        assert _states(database) == {"kept": ("granted", kept), "other": ("waiting", None)}
        with pytest.raises(StaleFence):
            database.write_now(check_fence, "other", grant.fence)
        assert database.write_now(grow_claim, "other", grant.fence, []).retreated
        (again,) = database.write_now(reduce_claim, "kept", ["file:"])
        assert again.fence > grant.fence


def test_numbers_that_somebody_knows_are_never_given_again(database: Database) -> None:
    """Also where the clock was set back, and a trailer of a merge has a number of the future."""
    fence = _ask(database, "a", "file:x")
    (look,) = database.read_now(look_at_claims)
    future = fence + 10**15
    database.write_now(reconcile, look, {"a-workflow": fence}, [future])
    assert _ask(database, "b", "file:y") > future
    assert _ask(database, "c", "file:z") > future + 1


# Any state at all ---

_FILES = ["file:a", "file:b", "file:*", "file:d/x", "file:d/", "agent:A"]
_steps = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "grow", "reduce", "restore", "release"]),
        st.integers(0, 7),
        st.lists(st.sampled_from(_FILES), min_size=1, max_size=2, unique=True),
    ),
    min_size=3,
    max_size=15,
)
_knowledge = st.lists(
    st.sampled_from(["closed", "silent", "knows", "behind", "ahead"]), min_size=8, max_size=8
)


@given(_steps, _knowledge)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_sweep_frees_what_nobody_holds_and_nothing_else(
    database: Database, steps: list[tuple[str, int, list[str]]], knowledge: list[str]
) -> None:
    for record in database.read_now(list_claims):
        database.write_now(release_claim, record.claim)
    _play(database, steps)
    before = {record.claim: record for record in database.read_now(list_claims)}
    running: dict[str, int | None] = {}
    for number, claim in enumerate(before):
        fence, knows = before[claim].fence, knowledge[number % len(knowledge)]
        if knows != "closed":
            known = {"silent": None, "behind": (fence or 2) - 1, "ahead": (fence or 0) + 10**6}
            running[before[claim].holder] = known.get(knows, fence)
    looks = database.read_now(look_at_claims)
    look = looks[0] if looks else Look(scope="repo", number=0, holders=[])
    found = database.write_now(reconcile, look, running)
    after = {record.claim: record for record in database.read_now(list_claims)}
    assert set(found.freed) == {claim for claim in before if before[claim].holder not in running}
    assert set(after) == set(before) - set(found.freed)
    for claim, record in after.items():
        old = before[claim]
        if old.fence is not None and (running[old.holder] or 0) <= old.fence:
            assert record.fence == old.fence
            assert {need.resource for need in old.held} <= {need.resource for need in record.held}
    _check_no_overlap([[need.resource for need in record.held] for record in after.values()])
    assert database.write_now(reconcile, look, running).freed == []
    highest = max([fence or 0 for fence in running.values()], default=0)
    assert all(grant.fence > highest for grant in _fresh(found.grants, before))


def _fresh(grants: list[Grant], before: dict[str, ClaimRecord]) -> list[Grant]:
    return [grant for grant in grants if before[grant.claim].fence is None]


_used = iter(range(10**9))


def _play(database: Database, steps: list[tuple[str, int, list[str]]]) -> None:
    mark = next(_used)
    for action, number, resources in steps:
        claim = f"{mark}-{number}"
        if action == "ask":
            database.write_now(request_claim, request(claim, *resources))
        records = {record.claim: record for record in database.read_now(list_claims)}
        if claim not in records:
            continue
        fence = records[claim].fence
        if action == "grow" and fence is not None:
            database.write_now(grow_claim, claim, fence, [Need(resource=each) for each in resources])
        elif action == "reduce":
            database.write_now(reduce_claim, claim, ["file:"])
        elif action == "restore":
            database.write_now(restore_claim, claim)
        elif action == "release":
            database.write_now(release_claim, claim)


def _check_no_overlap(holdings: list[list[str]]) -> None:
    for number, held in enumerate(holdings):
        for other in holdings[:number]:
            for one in held:
                for two in other:
                    assert one != two
                    if one.startswith("file:") and two.startswith("file:"):
                        assert not patterns_overlap(one[5:], two[5:])
