"""Claims driven at random, with what their holders know; the oracle says what must hold after each step."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy.orm import Session

from paceline.domain.claims import ClaimDecision, ClaimRecord, ClaimRequest, Grant, Need
from paceline.domain.resources import PATIENCE
from paceline.errors import StaleFence
from paceline.store.claim_decisions import decisions_of
from paceline.store.claim_growth import grow_claim, retreat_claim
from paceline.store.claim_reconcile import look_at_claims, reconcile
from paceline.store.claims import (
    check_fence,
    list_claims,
    reduce_claim,
    release_claim,
    release_holder,
    request_claim,
    restore_claim,
)
from paceline.store.database import Database
from tests.integration.store.claim_oracle import CAPACITY, RESOURCES, ROOM, everybody_can_end, overfull, paths

T = TypeVar("T")

HOLDERS = 9
MOST_PASSES = PATIENCE + 12
"""How many grants may touch what a waiter needs before it is served: as many as it has patience for, and
those of claims that held a part already or were barriers before it, which are few and end."""


needs_drawn = st.lists(st.sampled_from(RESOURCES), min_size=1, max_size=2, unique=True).map(
    lambda names: [Need(resource=name, capacity=CAPACITY.get(name, 1)) for name in names]
)


class Claims(RuleBasedStateMachine):
    """Holders that ask, grow, give back a part, end, die, and come too late; every call may come twice."""

    database: Database
    _scopes = itertools.count(1)

    @initialize()
    def begin(self) -> None:
        self.scope = f"scope-{next(self._scopes)}"
        self.fences: dict[str, int] = {}
        """What each living holder was told; dead ones and those that went back are not in it."""
        self.stale: list[tuple[str, int]] = []
        self.dead: set[str] = set()
        self.given: list[int] = []
        self.passes: dict[str, int] = {}
        self.held: dict[str, frozenset[str]] = {}
        self.used = 0
        self.read: list[ClaimRecord] | None = None

    # The rules ---

    @precondition(lambda self: len(self.live()) < HOLDERS)
    @rule(needs=needs_drawn, weight=st.integers(0, 3), twice=st.booleans())
    def ask(self, needs: list[Need], weight: int, twice: bool) -> None:
        self.used += 1
        claim = f"{self.scope}-{self.used}"
        request = ClaimRequest(
            claim=claim,
            scope=self.scope,
            holder=claim,
            project=self.scope,
            story=claim,
            needs=needs,
            weight=float(weight),
        )
        first = self.write(twice, request_claim, request)
        self.learn(claim, first)

    @precondition(lambda self: self.working())
    @rule(data=st.data(), needs=needs_drawn, twice=st.booleans())
    def grow(self, data: st.DataObject, needs: list[Need], twice: bool) -> None:
        claim = data.draw(st.sampled_from(self.working()))
        self.grow_one(claim, needs, twice)

    @precondition(lambda self: len(self.working()) > 1)
    @rule(data=st.data(), twice=st.booleans())
    def grow_into_another(self, data: st.DataObject, twice: bool) -> None:
        """Into what another one holds: so circles come about."""
        asker, other = data.draw(st.permutations(self.working()))[:2]
        theirs = [Need(resource=need.resource, capacity=need.capacity) for need in self.record(other).held]
        if theirs:
            self.grow_one(asker, [data.draw(st.sampled_from(theirs))], twice)

    @precondition(lambda self: self.circles())
    @rule(data=st.data(), twice=st.booleans())
    def close_a_circle(self, data: st.DataObject, twice: bool) -> None:
        """Ask for what one holds that waits for what the asker holds."""
        asker, other = data.draw(st.sampled_from(self.circles()))
        self.grow_one(asker, [data.draw(st.sampled_from(self.record(other).held))], twice)

    def grow_one(self, claim: str, needs: list[Need], twice: bool) -> None:
        fence = self.fences[claim]
        before = self.record(claim)
        grown = self.write(twice, grow_claim, claim, fence, needs)
        self.hear(grown.grants, [each.claim for each in grown.retreats])
        assert grown.fence == fence
        if grown.state == "deadlock":
            assert grown.cycle[0] == claim
            youngest = max(grown.cycle, key=lambda holder: self.record(holder).sequence)
            assert youngest == claim or len(grown.cycle) > 1
            assert self.record(claim) == before
            self.retreat(claim, needs, twice)
        else:
            wanted = self.record(claim)
            assert paths(needs) <= paths(wanted.needs)
            assert (grown.state == "granted") == (wanted.held == wanted.needs)

    def retreat(self, claim: str, needs: list[Need], twice: bool) -> None:
        fence = self.fences[claim]
        sequence = self.record(claim).sequence
        back = self.write(twice, retreat_claim, claim, fence, needs)
        assert self.record(claim).sequence == sequence
        self.lose(claim)
        self.learn(claim, back)

    @precondition(lambda self: self.fences)
    @rule(data=st.data(), twice=st.booleans())
    def reduce(self, data: st.DataObject, twice: bool) -> None:
        claim = data.draw(st.sampled_from(sorted(self.fences)))
        prefixes = data.draw(st.sampled_from([["file:"], ["file:"], [], ["agent:"]]))
        grants = self.write(twice, reduce_claim, claim, prefixes)
        self.held[claim] = paths(self.record(claim).held)
        self.hear(grants, [])

    @precondition(lambda self: self.reduced())
    @rule(data=st.data(), twice=st.booleans())
    def restore(self, data: st.DataObject, twice: bool) -> None:
        self.restore_one(data.draw(st.sampled_from(self.reduced())), twice)

    def restore_one(self, claim: str, twice: bool) -> None:
        restored = self.write(twice, restore_claim, claim)
        if restored.fence != self.fences[claim]:
            self.lose(claim)
        self.learn(claim, restored)

    @precondition(lambda self: self.live())
    @rule(data=st.data(), twice=st.booleans())
    def end(self, data: st.DataObject, twice: bool) -> None:
        """Also of those who leave the line."""
        claim = data.draw(st.sampled_from(self.live()))
        self.finish(claim)
        self.hear(self.write(twice, release_claim, claim), [])
        self.dead.discard(claim)

    @precondition(lambda self: set(self.live()) - self.dead)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        """It never comes back; what it has stays until a sweep."""
        claim = data.draw(st.sampled_from(sorted(set(self.live()) - self.dead)))
        self.dead.add(claim)
        self.lose(claim)

    @precondition(lambda self: self.dead)
    @rule(whole=st.booleans(), twice=st.booleans())
    def sweep(self, whole: bool, twice: bool) -> None:
        dead = sorted(self.dead)
        for claim in dead:
            self.finish(claim)
        if whole:
            looks = [each for each in self.database.read_now(look_at_claims) if each.scope == self.scope]
            running = {claim: self.fences.get(claim) for claim in self.live() if claim not in dead}
            for look in looks:
                found = self.write(twice, reconcile, look, running)
                assert sorted(found.freed) == dead
                assert not found.reinstated
                self.hear(found.grants, [])
        else:
            for claim in dead:
                self.hear(self.write(twice, release_holder, claim), [])
        self.dead.clear()

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def come_too_late(self, data: st.DataObject) -> None:
        """A holder that was replaced wakes up, and nothing it does has an effect."""
        claim, fence = data.draw(st.sampled_from(self.stale))
        before = self.records()
        with pytest.raises(StaleFence):
            self.do(check_fence, claim, fence)
        try:
            late = self.do(grow_claim, claim, fence, [Need(resource="file:a")])
            assert (late.state, late.retreated) == ("deadlock", True)
        except StaleFence:
            pass
        assert self.records() == before

    @precondition(lambda self: self.waiting_for_files())
    @rule(data=st.data())
    def flood(self, data: st.DataObject) -> None:
        """More critical claims come without end and want what a waiter wants; few of them go before it."""
        victim = self.record(data.draw(st.sampled_from(self.waiting_for_files())))
        wanted = [need for need in victim.wanted if not paths([need]) & set(ROOM)]
        went_first = 0
        for _ in range(PATIENCE + 1):
            self.used += 1
            rival = f"{self.scope}-{self.used}"
            known = {"claim": rival, "scope": self.scope, "holder": rival, "project": self.scope}
            needs = [data.draw(st.sampled_from(wanted))]
            first = self.do(request_claim, ClaimRequest(**known, needs=needs, weight=99.0))
            went_first += first.state == "granted"
            self.learn(rival, first)
            self.finish(rival)
            self.hear(self.do(release_claim, rival), [])
            if self.record(victim.claim).state == "granted":
                return
        assert went_first <= PATIENCE - victim.passed

    @rule()
    def work(self) -> None:
        """What holders do under their fences is accepted."""
        for claim, fence in self.fences.items():
            self.do(check_fence, claim, fence)

    # What must hold after each step ---

    @invariant()
    def no_more_hold_than_there_is_room_for(self) -> None:
        assert overfull([record.held for record in self.records()]) == set()

    @invariant()
    def all_or_nothing(self) -> None:
        for record in self.records():
            held, needs = set(record.held), set(record.needs)
            assert held <= needs
            assert (record.state == "waiting") == bool(record.wanted)
            assert record.fence is not None or not record.held
            if record.state == "waiting":
                assert set(record.wanted) == needs - held

    @invariant()
    def whoever_waits_waits_for_one_who_can_go_on(self) -> None:
        """No deadlock, and no lost waiter."""
        records = self.records()
        assert everybody_can_end(records)
        if any(record.state == "waiting" for record in records):
            assert any(record.state == "granted" for record in records)

    @invariant()
    def fences_rise(self) -> None:
        assert self.given == sorted(set(self.given))

    @invariant()
    def nobody_is_passed_over_for_ever(self) -> None:
        assert all(count <= MOST_PASSES for count in self.passes.values())

    def teardown(self) -> None:
        """The dead are swept, parts are asked for again, everybody who works ends: nobody is left."""
        if not hasattr(self, "scope"):
            return
        for claim in self.dead:
            self.hear(self.do(release_holder, claim), [])
        self.dead.clear()
        for claim in sorted(self.fences):
            if claim in self.fences:
                self.restore_one(claim, False)
                self.whoever_waits_waits_for_one_who_can_go_on()
        for _ in range(self.used + 1):
            ready = [record.claim for record in self.records() if record.state == "granted"]
            if not ready:
                break
            self.hear(self.do(release_claim, ready[0]), [])
        assert self.records() == []
        self.check_records()

    def check_records(self) -> None:
        """The decisions tell the same story: each fence that was heard of, and an end for every claim."""
        decisions = self.database.read_now(decisions_of, self.scope, None, 0, 100_000)
        ended = [each.claim for each in decisions if each.kind in ("released", "swept")]
        assert sorted(ended) == sorted({each.claim for each in decisions})
        granted = {each.fence for each in decisions if each.kind in ("granted", "grown", "restored")}
        assert set(self.given) <= granted
        assert all(each.reason and each.actor for each in decisions)

    # What the holders know ---

    def do(self, change: Callable[..., T], *arguments: Any) -> T:
        self.read = None
        return self.database.write_now(change, *arguments)

    def records(self) -> list[ClaimRecord]:
        if self.read is None:
            self.read = self.database.read_now(list_claims, self.scope)
        return self.read

    def record(self, claim: str) -> ClaimRecord:
        return next(record for record in self.records() if record.claim == claim)

    def live(self) -> list[str]:
        return [record.claim for record in self.records()]

    def working(self) -> list[str]:
        granted = [record.claim for record in self.records() if record.state == "granted"]
        return [claim for claim in granted if claim in self.fences]

    def reduced(self) -> list[str]:
        return [claim for claim in self.fences if self.record(claim).held != self.record(claim).needs]

    def waiting_for_files(self) -> list[str]:
        return [
            record.claim
            for record in self.records()
            if record.state == "waiting" and paths(record.wanted) - set(ROOM)
        ]

    def circles(self) -> list[tuple[str, str]]:
        """Who works, and who waits for it while it holds something itself."""
        parts = [record for record in self.records() if record.state == "waiting" and record.held]
        working = [self.record(claim) for claim in self.working()]
        return [
            (asker.claim, other.claim)
            for asker in working
            for other in parts
            if paths(asker.held) & paths(other.wanted)
        ]

    def write(self, twice: bool, change: Callable[..., T], *arguments: Any) -> T:
        """Make a change; the second time nothing changes any more, also within one transaction."""
        if twice and len(self.given) % 2:
            return self.do(self.twice_in_one, change, *arguments)
        first = self.do(change, *arguments)
        if twice:
            before = self.records()
            self.do(change, *arguments)
            assert self.records() == before
        return first

    def twice_in_one(self, session: Session, change: Callable[..., T], *arguments: Any) -> T:
        first = change(session, *arguments)
        before = list_claims(session, self.scope)
        change(session, *arguments)
        assert list_claims(session, self.scope) == before
        return first

    def learn(self, claim: str, decision: ClaimDecision) -> None:
        self.hear(decision.grants, [each.claim for each in decision.retreats])
        if decision.state == "granted" and decision.fence is not None:
            self.told(claim, decision.fence)

    def hear(self, grants: list[Grant], retreats: list[str]) -> None:
        for claim in retreats:
            self.lose(claim)
        for grant in grants:
            self.told(grant.claim, grant.fence)

    def told(self, claim: str, fence: int) -> None:
        """A grant: it may have passed over others who wait for the same."""
        records = self.records()
        now = next((paths(record.held) for record in records if record.claim == claim), frozenset[str]())
        new = now - self.held.get(claim, frozenset()) - set(ROOM)
        self.held[claim] = now
        for record in records:
            if record.claim != claim and record.state == "waiting" and paths(record.wanted) & new:
                self.passes[record.claim] = self.passes.get(record.claim, 0) + 1
        if new:
            assert (claim, fence) not in self.stale
        if self.fences.get(claim) != fence and claim not in self.dead:
            self.fences[claim] = fence
        if fence not in self.given:
            self.given.append(fence)

    def lose(self, claim: str) -> None:
        if claim in self.fences:
            fence = self.fences.pop(claim)
            self.held.pop(claim, None)
            if claim not in self.dead:
                self.stale.append((claim, fence))

    def finish(self, claim: str) -> None:
        self.lose(claim)
        self.passes.pop(claim, None)
