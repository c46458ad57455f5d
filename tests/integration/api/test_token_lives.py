"""Tokens end, are given new secrets, and ask only so often."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import Client

from api import believed
from api.main import create_app
from paceline.domain.access import Role
from paceline.errors import ConfigurationError
from paceline.settings import Settings
from paceline.store import tokens
from paceline.store.database import Database
from tests.integration.api.allotment import calling
from tests.integration.api.holders import OWN, Door, guarded, log_of, opened

P = "/api/v1/projects"


async def test_a_token_that_an_admin_revokes_is_refused_at_once(door: Door) -> None:
    ada, admin = await door.holder(Role.VIEWER, "ada"), await door.client(OWN)
    assert (await ada.get(P)).status_code == 200
    assert (await admin.delete("/api/v1/tokens/ada")).status_code == 200
    assert (await ada.get(P)).status_code == 401


async def test_a_token_that_another_process_revokes_is_refused_when_its_word_is_old(
    door: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await door.holder(Role.VIEWER, "ada")
    assert (await ada.get(P)).status_code == 200
    other = Database(database.url)
    other.write_now(tokens.revoke_token, "ada")
    other.close()
    monkeypatch.setattr(believed, "BELIEVED_SECONDS", 0.0)
    assert (await ada.get(P)).status_code == 401
    assert 0 < believed.BELIEVED_SECONDS + 2.0 <= 5


async def test_what_was_asked_while_a_token_was_revoked_is_not_believed(
    door: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, admin = await door.holder(Role.VIEWER, "ada"), await door.client(OWN)
    read, asked, revoked = database.read, asyncio.Event(), asyncio.Event()

    async def slow(fn: Any, *arguments: Any, **named: Any) -> Any:
        found = await read(fn, *arguments, **named)
        if fn is tokens.find_token and not asked.is_set():
            asked.set()
            await revoked.wait()
        return found

    monkeypatch.setattr(database, "read", slow)
    request = asyncio.create_task(ada.get(P))
    await asked.wait()
    assert (await admin.delete("/api/v1/tokens/ada")).status_code == 200
    revoked.set()
    await request
    assert (await ada.get(P)).status_code == 401


async def test_what_a_token_may_is_not_asked_at_every_request(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await door.holder(Role.VIEWER, "ada")
    monkeypatch.setattr(believed, "BELIEVED_SECONDS", 3600.0)
    assert (await ada.get(P)).status_code == 200
    asked: list[str] = []

    def find(_session: object, given: str) -> None:
        asked.append(given)

    monkeypatch.setattr(tokens, "find_token", find)
    assert (await ada.get(P)).status_code == 200
    assert asked == []


async def test_an_old_secret_is_good_until_its_grace_is_over(door: Door) -> None:
    ada, admin = await door.holder(Role.VIEWER, "ada"), await door.client(OWN)
    made = await admin.post("/api/v1/tokens/ada/rotate", json={"grace": 60})
    assert (await ada.get(P)).status_code == 200
    again = await admin.post("/api/v1/tokens/ada/rotate", json={"grace": 0})
    new = await door.client(again.json()["secret"])
    between = await door.client(made.json()["secret"])
    assert [(await calls.get(P)).status_code for calls in (ada, between, new)] == [401, 401, 200]


async def test_the_last_use_is_written_down(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    async with opened(database, no_temporal, guarded(settings)) as door:
        await (await door.holder(Role.VIEWER, "ada")).get(P)
    (ada,) = await database.read(tokens.list_tokens)
    assert ada.last_used_at is not None


async def test_a_token_that_asks_too_often_is_told_when_to_go_on(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    slow = guarded(settings, rate_per_second=0.01, rate_burst=3)
    async with opened(database, no_temporal, slow) as door:
        ada, bob = await door.holder(Role.OPERATOR, "ada"), await door.holder(Role.VIEWER, "bob")
        replies = [await ada.post(f"{P}/nothing/cancel") for _ in range(5)]
        assert [reply.status_code for reply in replies] == [403, 403, 403, 429, 429]
        assert replies[3].json()["code"] == "RATE_LIMITED"
        assert int(replies[3].headers["Retry-After"]) == replies[3].json()["retry_after"] > 1
        assert (await bob.get(P)).status_code == 200
    # Whoever asks too often does not fill the log.
    assert len(await log_of(database)) == 3


async def test_guessing_tokens_ends_in_429_and_keeps_nobody_else_out(
    door: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.guard.FAILURES_AT_ONCE", 2)
    ada, guess = await door.holder(Role.VIEWER, "ada"), await door.client("guess")
    statuses = [(await guess.post(f"{P}/nothing/cancel")).status_code for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    assert (await ada.get(P)).status_code == 200
    assert len(await log_of(database)) == 2


async def test_this_machine_is_not_limited_where_it_needs_no_token(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    slow = settings.model_copy(update={"rate_per_second": 0.01, "rate_burst": 1})
    async with calling(create_app(database, no_temporal, slow)) as calls:
        assert {(await calls.get(P)).status_code for _ in range(5)} == {200}


async def test_loopback_can_be_made_to_need_a_token(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    closed = settings.model_copy(update={"open_loopback": False})
    with pytest.raises(ConfigurationError, match="PACELINE_API_TOKEN"):
        create_app(database, no_temporal, closed)
    both = guarded(closed, api_host="127.0.0.1")
    async with calling(create_app(database, no_temporal, both)) as calls:
        assert (await calls.get(P)).status_code == 401


async def test_on_open_loopback_a_token_brings_its_own_role(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    made = await database.write(tokens.create_token, "ada", Role.VIEWER, "kim")
    good = {"Authorization": f"Bearer {made.secret}"}
    async with calling(create_app(database, no_temporal, settings)) as calls:
        assert (await calls.post(f"{P}/x/cancel", headers=good)).status_code == 403
        assert (await calls.get(P, headers={"Authorization": f"Bearer {made.secret}x"})).status_code == 401
        assert (await calls.get(P)).status_code == 200
