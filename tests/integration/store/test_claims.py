"""Claims on real databases: the rules hold under concurrency, and every function may be called twice."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.orm import Session

from paceline.domain.claims import Grant, Need
from paceline.domain.resources import PATIENCE, patterns_overlap
from paceline.errors import Conflict, NotFound, StaleFence
from paceline.store import claim_rows
from paceline.store.claims import (
    acknowledge_grant,
    check_fence,
    list_claims,
    live_holders,
    reduce_claim,
    release_claim,
    release_holder,
    request_claim,
    restore_claim,
    unsignalled_grants,
)
from paceline.store.database import Database, engine_url
from tests.integration.store.samples import request

CONTENDERS = 50


def test_a_claim_asked_twice_is_one_claim(database: Database) -> None:
    first = database.write_now(request_claim, request("a", "file:x", "agent:A"))
    again = database.write_now(request_claim, request("a", "file:x", "agent:A"))
    assert (first.state, again.state) == ("granted", "granted")
    assert first.fence == again.fence
    assert [record.claim for record in database.read_now(list_claims)] == ["a"]


def test_a_waiting_claim_says_why_and_where_it_stands(database: Database) -> None:
    database.write_now(request_claim, request("a", "file:src/"))
    light = database.write_now(request_claim, request("b", "file:src/x.py"))
    heavy = database.write_now(request_claim, request("c", "file:src/*.py", weight=3.0))
    assert (light.state, light.position, light.waits_for) == ("waiting", 1, ["file:src/ held by a-workflow"])
    assert heavy.position == 1
    again = database.write_now(request_claim, request("b", "file:other"))
    assert (again.state, again.position, again.waits_for) == ("waiting", 2, ["file:src/ held by a-workflow"])


def test_a_release_grants_to_who_waits_and_does_nothing_the_second_time(database: Database) -> None:
    first = database.write_now(request_claim, request("a", "file:x"))
    database.write_now(request_claim, request("b", "file:x"))
    database.write_now(request_claim, request("c", "file:*", weight=9.0))
    grants = database.write_now(release_claim, "a")
    assert [(grant.claim, grant.holder) for grant in grants] == [("c", "c-workflow")]
    assert first.fence is not None
    assert grants[0].fence > first.fence
    assert database.write_now(release_claim, "a") == []
    assert database.write_now(release_claim, "never heard of") == []
    assert database.write_now(request_claim, request("a", "file:x")).state == "released"


def test_one_release_may_grant_several_with_rising_fences(database: Database) -> None:
    database.write_now(request_claim, request("a", "file:**"))
    for name in "bcd":
        database.write_now(request_claim, request(name, f"file:{name}"))
    fences = [grant.fence for grant in database.write_now(release_claim, "a")]
    assert len(fences) == 3
    assert fences == sorted(set(fences))
    later = database.write_now(request_claim, request("e", "file:e"))
    assert later.fence is not None
    assert later.fence > fences[-1]


def test_leaving_the_line_serves_those_behind(database: Database) -> None:
    database.write_now(request_claim, request("a", "file:x", "file:y"))
    database.write_now(request_claim, request("b", "file:x"))
    assert database.write_now(release_claim, "b") == []
    assert database.write_now(release_claim, "a") == []
    assert database.read_now(live_holders) == []


def test_a_grant_is_told_once_it_is_acknowledged_or_asked_for(database: Database) -> None:
    database.write_now(request_claim, request("a", "file:x", "file:y"))
    database.write_now(request_claim, request("b", "file:x"))
    database.write_now(request_claim, request("c", "file:y"))
    grants = database.write_now(release_claim, "a")
    assert database.read_now(unsignalled_grants) == grants
    database.write_now(acknowledge_grant, "b")
    database.write_now(acknowledge_grant, "b")
    database.write_now(request_claim, request("c", "file:y"))
    assert database.read_now(unsignalled_grants) == []


def test_a_reduced_claim_keeps_its_fence_and_its_files(database: Database) -> None:
    granted = database.write_now(request_claim, request("a", "file:x", "agent:A", "sprint:1"))
    database.write_now(request_claim, request("b", "agent:A"))
    database.write_now(request_claim, request("c", "file:x"))
    assert [grant.claim for grant in database.write_now(reduce_claim, "a", ["file:"])] == ["b"]
    assert database.write_now(reduce_claim, "a", ["file:"]) == []
    held = {record.claim: record.held for record in database.read_now(list_claims)}
    assert held == {"a": [Need(resource="file:x")], "b": [Need(resource="agent:A")], "c": []}
    again = database.write_now(restore_claim, "a")
    assert (again.state, again.fence, again.waits_for) == (
        "waiting",
        granted.fence,
        ["agent:A held by b-workflow"],
    )
    assert granted.fence is not None
    database.write_now(check_fence, "a", granted.fence)
    assert database.write_now(release_claim, "b") == [
        Grant(claim="a", holder="a-workflow", fence=granted.fence)
    ]
    assert database.write_now(restore_claim, "a").state == "granted"
    assert [grant.claim for grant in database.write_now(release_claim, "a")] == ["c"]
    assert database.write_now(restore_claim, "a").state == "released"


def test_restoring_is_immediate_where_everything_is_free(database: Database) -> None:
    granted = database.write_now(request_claim, request("a", "file:x", "agent:A"))
    database.write_now(reduce_claim, "a", [])
    restored = database.write_now(restore_claim, "a")
    assert (restored.state, restored.fence) == ("granted", granted.fence)
    assert len(database.read_now(list_claims)[0].held) == 2
    with pytest.raises(NotFound):
        database.write_now(restore_claim, "never heard of")


def test_reducing_while_it_waits_again_leaves_the_line(database: Database) -> None:
    database.write_now(request_claim, request("a", "file:x", "agent:A"))
    database.write_now(reduce_claim, "a", ["file:"])
    database.write_now(request_claim, request("b", "agent:A"))
    database.write_now(restore_claim, "a")
    assert database.write_now(reduce_claim, "a", ["file:"]) == []
    assert database.write_now(release_claim, "b") == []
    assert [record.state for record in database.read_now(list_claims)] == ["granted"]


def test_a_stale_fence_is_refused(database: Database) -> None:
    granted = database.write_now(request_claim, request("a", "file:x"))
    assert granted.fence is not None
    database.write_now(check_fence, "a", granted.fence)
    for claim, fence in [("a", granted.fence + 1), ("nobody", 1)]:
        with pytest.raises(StaleFence):
            database.write_now(check_fence, claim, fence)
    database.write_now(request_claim, request("w", "file:x"))
    with pytest.raises(StaleFence):
        database.write_now(check_fence, "w", 2)
    database.write_now(release_claim, "a")
    with pytest.raises(StaleFence) as refused:
        database.write_now(check_fence, "a", granted.fence)
    assert refused.value.details == {"claim": "a", "fence": granted.fence, "current": None}


def test_the_sweep_frees_everything_of_one_holder(database: Database) -> None:
    database.write_now(request_claim, request("a", "file:x", holder="gone"))
    database.write_now(request_claim, request("b", "file:x", scope="other", holder="gone"))
    database.write_now(request_claim, request("c", "file:x"))
    database.write_now(request_claim, request("d", "file:x", scope="other"))
    assert database.read_now(live_holders) == ["c-workflow", "d-workflow", "gone"]
    assert sorted(grant.claim for grant in database.write_now(release_holder, "gone")) == ["c", "d"]
    assert database.write_now(release_holder, "gone") == []
    assert database.read_now(live_holders) == ["c-workflow", "d-workflow"]
    assert [record.claim for record in database.read_now(list_claims, "other")] == ["d"]
    released = database.read_now(list_claims, None, ["released"])
    assert {record.claim for record in released} == {"a", "b"}
    assert all(record.released_at for record in released)


def test_a_key_belongs_to_one_scope(database: Database) -> None:
    database.write_now(request_claim, request("a", "file:x"))
    with pytest.raises(Conflict):
        database.write_now(request_claim, request("a", "file:x", scope="other"))
    assert database.read_now(list_claims, "other") == []


def test_a_waiter_is_passed_over_only_so_often(database: Database) -> None:
    database.write_now(request_claim, request("holder", "file:a"))
    database.write_now(request_claim, request("victim", "file:a", "file:b"))
    for turn in range(PATIENCE):
        rival = database.write_now(request_claim, request(f"rival-{turn}", "file:b", weight=9.0))
        assert rival.state == "granted"
        database.write_now(release_claim, f"rival-{turn}")
    late = database.write_now(request_claim, request("late", "file:b", weight=9.0))
    assert (late.state, late.position, late.waits_for) == (
        "waiting",
        2,
        ["file:b promised to victim-workflow"],
    )
    assert [grant.claim for grant in database.write_now(release_claim, "holder")] == ["victim"]


def test_what_was_rolled_back_or_done_elsewhere_is_not_remembered(any_database_url: str) -> None:
    here, elsewhere = Database(any_database_url), Database(any_database_url)

    def fail(session: Session) -> None:
        release_claim(session, "a")
        request_claim(session, request("lost", "file:x"))
        raise RuntimeError("rolled back")

    try:
        here.write_now(request_claim, request("a", "file:x"))
        with pytest.raises(RuntimeError):
            here.write_now(fail)
        assert here.write_now(request_claim, request("b", "file:x")).waits_for == [
            "file:x held by a-workflow"
        ]
        with pytest.raises(RuntimeError):
            here.write_now(fail)
        assert [grant.claim for grant in elsewhere.write_now(release_claim, "a")] == ["b"]
        assert here.write_now(request_claim, request("c", "file:x")).waits_for == [
            "file:x held by b-workflow"
        ]
        assert elsewhere.write_now(release_claim, "b")[0].claim == "c"
        assert here.write_now(request_claim, request("d", "file:x")).position == 1
    finally:
        here.close()
        elsewhere.close()


def test_two_changes_of_a_scope_in_one_transaction_see_each_other(database: Database) -> None:
    def exchange(session: Session) -> tuple[str, str]:
        release_claim(session, "a")
        first = request_claim(session, request("b", "file:x"))
        return first.state, request_claim(session, request("c", "file:x")).state

    database.write_now(request_claim, request("a", "file:x"))
    assert database.write_now(exchange) == ("granted", "waiting")


@pytest.mark.parametrize("seed", range(3))
def test_what_is_remembered_is_what_a_query_finds(sqlite_url: str, seed: int) -> None:
    """The same random steps with and without memory end in the same claims, fences and reasons."""
    chance = random.Random(seed)  # noqa: S311 - seeded steps, no secret
    steps = [(chance.randrange(5), chance.randrange(12), chance.sample(_RESOURCES, 2)) for _ in range(120)]
    results: list[list[str]] = []
    for scope, forgetful in (("remembers", False), ("forgets", True)):
        database = Database(sqlite_url)
        results.append([_step(database, scope, *step, forgetful) for step in steps])
        database.close()
    assert _ranked(results[0]) == _ranked(results[1])


_RESOURCES = ["file:a", "file:b", "file:*", "agent:A", "sprint:1"]


def _step(
    database: Database, scope: str, action: int, number: int, resources: list[str], forgetful: bool
) -> str:
    if forgetful:
        claim_rows._states.clear()  # pyright: ignore[reportPrivateUsage] - there is no other way to forget
    claim = f"{scope}-{number}"
    if action <= 1 or not database.read_now(list_claims, scope, ["granted", "waiting", "released"]):
        asks = request(claim, *resources, scope=scope, weight=float(number % 3))
        outcome: object = database.write_now(request_claim, asks)
    elif action == 2:
        outcome = database.write_now(release_claim, claim)
    elif action == 3:
        outcome = database.write_now(reduce_claim, claim, ["file:"])
    else:
        try:
            outcome = database.write_now(restore_claim, claim)
        except NotFound as unknown:
            outcome = unknown.code
    records = [
        record.model_dump(exclude={"requested_at", "granted_at", "released_at"})
        for record in database.read_now(list_claims, scope)
    ]
    return f"{outcome} {records}".replace(scope, "")


def _ranked(lines: list[str]) -> list[str]:
    """The same with numbers of the clock replaced by their order."""
    numbers = sorted({int(number) for line in lines for number in re.findall(r"\d{12,}", line)})
    ranks = {str(number): f"#{rank}" for rank, number in enumerate(numbers)}
    return [re.sub(r"\d{12,}", lambda found: ranks[found[0]], line) for line in lines]


# Concurrency ---


@dataclass
class Log:
    """Who held what when: entries are written while the claim is held, so their order is the truth."""

    entries: list[tuple[str, str, int, tuple[str, ...]]] = field(
        default_factory=list[tuple[str, str, int, tuple[str, ...]]]
    )
    wakeups: dict[str, asyncio.Future[int]] = field(default_factory=dict[str, "asyncio.Future[int]"])

    def wake(self, grants: list[Grant]) -> None:
        for grant in grants:
            self.wakeups[grant.claim].set_result(grant.fence)

    def check(self) -> None:
        holding: dict[str, tuple[str, ...]] = {}
        for what, claim, _fence, files in self.entries:
            if what == "released":
                del holding[claim]
                continue
            for other, theirs in holding.items():
                pairs = itertools.product(files, theirs)
                assert not any(patterns_overlap(a, b) for a, b in pairs), (claim, other)
            holding[claim] = files
        assert not holding
        fences = [fence for what, _, fence, _ in self.entries if what == "granted"]
        assert len(set(fences)) == len(fences)


_FILES = [
    ("src/a.py",),
    ("src/b.py", "docs/"),
    ("src/*.py",),
    ("docs/x.md",),
    ("**/x.md", "c"),
    ("c", "src/a.py"),
]


async def test_fifty_contenders_never_overlap_and_leak_nothing(database: Database) -> None:
    log = Log()

    async def contend(number: int) -> None:
        files = _FILES[number % len(_FILES)]
        for turn in range(3):
            claim = f"{number}-{turn}"
            log.wakeups[claim] = asyncio.get_running_loop().create_future()
            asks = request(claim, *(f"file:{file}" for file in files), weight=float(number % 4))
            decision = await database.write(request_claim, asks)
            fence = decision.fence
            if decision.state == "waiting":
                fence = await log.wakeups[claim]
            assert fence is not None
            log.entries.append(("granted", claim, fence, files))
            await database.write(check_fence, claim, fence)
            log.entries.append(("released", claim, fence, files))
            log.wake(await database.write(release_claim, claim))

    async with asyncio.timeout(60):
        await asyncio.gather(*(contend(number) for number in range(CONTENDERS)))
    log.check()
    assert len(log.entries) == CONTENDERS * 3 * 2
    assert database.read_now(live_holders) == []
    assert database.read_now(unsignalled_grants) == []
    records = database.read_now(list_claims, None, ["released"])
    in_order = sorted(records, key=lambda record: (record.granted_at, record.fence))
    fences = [record.fence or 0 for record in in_order]
    assert fences == sorted(fences)


def test_several_processes_pools_never_overlap(any_database_url: str) -> None:
    """Several writers on one database, as several processes have them; no waiting, only asking."""
    databases = [Database(any_database_url) for _ in range(3)]
    held: set[str] = set()
    guard = threading.Lock()
    fences: list[int] = []

    def contend(number: int) -> None:
        database = databases[number % len(databases)]
        decision = database.write_now(request_claim, request(str(number), "file:hot", f"file:{number}"))
        while decision.state == "waiting":
            decision = database.write_now(request_claim, request(str(number), "file:hot"))
        with guard:
            assert not held
            held.add(str(number))
            fences.append(decision.fence or 0)
        with guard:
            held.remove(str(number))
        database.write_now(release_claim, str(number))

    try:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(contend, range(18)))
        assert fences == sorted(set(fences))
        assert databases[0].read_now(live_holders) == []
    finally:
        for database in databases:
            database.close()


@pytest.mark.postgres
def test_a_checked_fence_excludes_a_release_until_the_commit(postgres_url: str) -> None:
    """On row locks alone: plain connections, without the writers' lock."""
    engine = create_engine(engine_url(postgres_url))
    with Session(engine) as session, session.begin():
        fence = request_claim(session, request("a", "file:x")).fence
    assert fence is not None
    order: list[str] = []
    started = threading.Event()

    def release() -> None:
        with Session(engine) as session, session.begin():
            pid = session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            pids.append(pid)
            started.set()
            release_claim(session, "a")
            order.append("released")

    pids: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        with Session(engine) as session, session.begin():
            check_fence(session, "a", fence)
            releasing = pool.submit(release)
            assert started.wait(10)
            with engine.connect() as watcher:
                _wait_until_blocked(watcher, pids[0])
            order.append("merged")
        releasing.result(10)
    assert order == ["merged", "released"]
    with Session(engine) as session, session.begin(), pytest.raises(StaleFence):
        check_fence(session, "a", fence)
    engine.dispose()


@pytest.mark.postgres
def test_scopes_do_not_wait_for_each_other_and_one_scope_does(postgres_url: str) -> None:
    engine = create_engine(engine_url(postgres_url))
    with Session(engine) as first, first.begin():
        request_claim(first, request("a", "file:x"))
        with Session(engine) as other, other.begin():
            other.connection().exec_driver_sql("SET LOCAL lock_timeout = '1ms'")
            assert request_claim(other, request("b", "file:x", scope="other")).state == "granted"
        pids: list[int] = []
        started = threading.Event()

        def ask() -> str:
            with Session(engine) as session, session.begin():
                pids.append(session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
                started.set()
                return request_claim(session, request("c", "file:x")).state

        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(ask)
            assert started.wait(10)
            with engine.connect() as watcher:
                _wait_until_blocked(watcher, pids[0])
            first.commit()
            assert asking.result(10) == "waiting"
    engine.dispose()


def _wait_until_blocked(watcher: Connection, pid: int) -> None:
    """Return when the backend waits for a lock of another."""
    for _ in range(2000):
        blockers = watcher.execute(text("SELECT pg_blocking_pids(:pid)"), {"pid": pid}).scalar_one()
        watcher.execute(text("SELECT pg_sleep(0.005)"))
        if blockers:
            return
    pytest.fail("the other transaction was not made to wait")
