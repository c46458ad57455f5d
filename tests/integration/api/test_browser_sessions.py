"""Browser sessions in use: how they begin, what a page has to bring, and how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from temporalio.client import Client
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api import believed
from api.cookies import csrf_token
from api.main import create_app
from paceline.domain.access import Role
from paceline.settings import Settings
from paceline.store import browser_sessions, tokens
from paceline.store.database import Database
from paceline.store.models import BrowserSessionRow
from tests.integration.api.allotment import Calls, Record, calling
from tests.integration.api.holders import BASE, OWN, Door, cookie_of, guarded, log_of, opened
from tests.integration.api.test_token_sockets import listening

ME, ALL, P = "/api/v1/session", "/api/v1/sessions", "/api/v1/projects"
RETRO = {"text": "Fewer beans"}


async def sign_in(door: Door, calls: Calls, name: str) -> str:
    """Sign in with a token that the door made; the cookie's value."""
    reply = await calls.post(ME, json={"token": door.made[name].secret})
    assert reply.status_code == 201
    return reply.cookies["__Host-paceline-session"]


async def shifted(database: Database, by: timedelta, *columns: str) -> None:
    """Make every session older by a span, as far as these columns say."""

    def shift(session: Session) -> None:
        for row in session.execute(select(BrowserSessionRow)).scalars():
            for column in columns:
                setattr(row, column, getattr(row, column) - by)

    await database.write(shift)


async def test_a_session_says_who_one_is(door: Door) -> None:
    await door.holder(Role.OPERATOR, "ada", ["allotment"])
    ada = await door.browser("ada")
    reply = await ada.get(ME)
    me = reply.json()
    assert (me["name"], me["role"], me["projects"]) == ("ada", "operator", ["allotment"])
    assert (me["signed_in"], me["session"]["name"]) == ("token", "ada")
    assert me["csrf_token"] == ada.headers["X-CSRF-Token"]
    assert reply.headers["Cache-Control"] == "no-store"
    assert me["session"].keys() & {"digest", "secret", "token_digest"} == set()


async def test_the_cookie_is_for_this_host_over_https_and_for_no_script(door: Door) -> None:
    await door.holder(Role.VIEWER, "ada")
    reply = await (await door.client(None)).post(ME, json={"token": door.made["ada"].secret})
    name, *flags = reply.headers["set-cookie"].split("; ")
    assert name.startswith("__Host-paceline-session=pcs_")
    said = {flag.casefold() for flag in flags}
    assert {"httponly", "secure", "samesite=strict", "path=/", "max-age=604800"} == said


async def test_on_loopback_the_cookie_is_for_http_and_for_this_port(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    made = await database.write(tokens.create_token, "ada", Role.VIEWER, "kim")
    async with calling(create_app(database, no_temporal, settings)) as calls:
        reply = await calls.post(ME, json={"token": made.secret})
        assert reply.headers["set-cookie"].startswith("paceline-session-8420=pcs_")
        assert "secure" not in reply.headers["set-cookie"].casefold()
        # The client keeps it, and is a viewer now; without it, everybody of this machine is an admin.
        assert (await calls.get(ME)).json()["role"] == "viewer"
        refused = await calls.post(f"{P}/x/cancel", headers={"X-CSRF-Token": reply.json()["csrf_token"]})
        assert refused.json()["code"] == "FORBIDDEN"
        calls.cookies.clear()
        assert (await calls.get(ME)).json() == {
            "name": None,
            "role": "admin",
            "projects": None,
            "signed_in": "loopback",
            "session": None,
            "csrf_token": None,
        }


async def test_the_database_keeps_no_secret(door: Door, database: Database) -> None:
    await door.holder(Role.VIEWER, "ada")
    secret = await sign_in(door, await door.client(None), "ada")

    def everything(session: Session) -> str:
        rows = session.connection().execute(select(BrowserSessionRow.__table__)).mappings()
        return json.dumps([dict(row) for row in rows], default=str)

    kept = await database.read(everything)
    assert secret.split("_")[1] in kept
    assert secret.split("_", 2)[2] not in kept
    assert csrf_token(secret) not in kept


@pytest.mark.parametrize("body", [{"token": "wrong"}, {"token": "pct_0123456789ab_" + "x" * 43}])
async def test_a_wrong_token_begins_nothing(door: Door, database: Database, body: dict[str, str]) -> None:
    reply = await (await door.client(None)).post(ME, json=body)
    assert (reply.status_code, reply.json()["code"]) == (401, "UNAUTHORIZED")
    assert "set-cookie" not in reply.headers
    (entry,) = await log_of(database)
    assert (entry.actor, entry.status, entry.path) == ("unknown", 401, ME)


async def test_the_servers_own_token_needs_the_name_of_a_person(door: Door, database: Database) -> None:
    calls = await door.client(None)
    for name in (None, "", "system", "ada (for bob)"):
        reply = await calls.post(ME, json={"token": OWN, "name": name})
        assert (reply.status_code, reply.json()["code"]) == (403, "REFUSED"), name
    reply = await calls.post(ME, json={"token": OWN, "name": "kim"})
    me = reply.json()
    assert (me["name"], me["role"], me["signed_in"]) == ("kim", "admin", "server_token")
    headers = {"Cookie": cookie_of(reply), "X-CSRF-Token": me["csrf_token"]}
    assert (await calls.get("/api/v1/tokens", headers=headers)).status_code == 200
    other = guarded(door.settings, api_token=SecretStr("another-long-random-token"))
    async with opened(database, door.app.state.parts.client, other) as changed:
        assert (await (await changed.client(None)).get(ME, headers=headers)).status_code == 401


async def test_who_signs_in_gets_an_id_that_nobody_could_have_fixed(door: Door, database: Database) -> None:
    await door.holder(Role.VIEWER, "ada")
    calls = await door.client(None)
    planted = {"Cookie": f"__Host-paceline-session=pcs_0123456789ab_{'x' * 43}"}
    reply = await calls.post(ME, json={"token": door.made["ada"].secret}, headers=planted)
    first = reply.cookies["__Host-paceline-session"]
    assert "0123456789ab" not in first
    again = await calls.post(
        ME, json={"token": door.made["ada"].secret}, headers={"Cookie": f"__Host-paceline-session={first}"}
    )
    second = again.cookies["__Host-paceline-session"]
    assert first != second
    statuses = [
        (await calls.get(ME, headers={"Cookie": f"__Host-paceline-session={each}"})).status_code
        for each in (first, second)
    ]
    assert statuses == [401, 200]


# Foreign pages ---


async def test_an_idempotency_key_keeps_no_sign_in(door: Door) -> None:
    await door.holder(Role.VIEWER, "ada")
    calls, body = await door.client(None), {"token": door.made["ada"].secret}
    replies = [await calls.post(ME, json=body, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [201, 201]
    assert cookie_of(replies[0]) != cookie_of(replies[1])


async def test_what_changes_something_needs_the_sessions_own_token(
    door: Door, record: Record, database: Database
) -> None:
    await record()
    for name in ("ada", "bob"):
        await door.holder(Role.OPERATOR, name)
    ada, bob = await door.browser("ada"), await door.browser("bob")
    right = ada.headers.pop("X-CSRF-Token")
    for given in (
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "é"},
        {"X-CSRF-Token": bob.headers["X-CSRF-Token"]},
    ):
        sent = {name.encode(): value.encode() for name, value in given.items()}
        reply = await ada.post(f"{P}/allotment/retrospective", json=RETRO, headers=sent)
        assert (reply.status_code, reply.json()["code"]) == (403, "CSRF_REFUSED")
        assert "X-CSRF-Token" in reply.json()["detail"]
    assert (await ada.delete(ME)).json()["code"] == "CSRF_REFUSED"
    assert (await ada.get(f"{P}/allotment/retrospective")).json() == []
    good = await ada.post(f"{P}/allotment/retrospective", json=RETRO, headers={"X-CSRF-Token": right})
    assert (good.status_code, good.json()["actor"]) == (201, "ada")
    log = [(entry.actor, entry.code) for entry in await log_of(database)]
    assert log == [
        ("ada", ""),
        ("bob", ""),
        *[("ada", "CSRF_REFUSED")] * 5,
        ("ada", ""),
    ]
    assert (await log_of(database))[-1].token.startswith("pcs_")


async def test_a_bearer_token_beside_a_cookie_needs_none(door: Door, record: Record) -> None:
    await record()
    bob = await door.holder(Role.OPERATOR, "bob")
    await door.holder(Role.VIEWER, "ada")
    bob.headers["Cookie"] = (await door.browser("ada")).headers["Cookie"]
    reply = await bob.post(f"{P}/allotment/retrospective", json=RETRO)
    assert (reply.status_code, reply.json()["actor"]) == (201, "bob")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": BASE}, 200),
        ({"Origin": "http://paceline.example:81"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
async def test_pages_of_other_sites_do_not_read_with_a_cookie(
    door: Door, headers: dict[str, str], status: int
) -> None:
    await door.holder(Role.VIEWER, "ada")
    ada = await door.browser("ada")
    assert (await ada.get(P, headers=headers)).status_code == status


async def test_a_page_of_another_site_signs_nobody_in(door: Door) -> None:
    await door.holder(Role.VIEWER, "ada")
    reply = await (await door.client(None)).post(
        ME, json={"token": door.made["ada"].secret}, headers={"Origin": "https://evil.example"}
    )
    assert (reply.status_code, reply.json()["code"]) == (403, "REFUSED")
    assert "set-cookie" not in reply.headers


async def test_a_socket_with_a_cookie_says_whose_page_opens_it_and_ends_with_the_session(
    database: Database,
    no_temporal: Client,
    settings: Settings,
    record: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(believed, "BELIEVED_SECONDS", 0.0)
    run = await record()
    await run.happen("first")
    made = await database.write(tokens.create_token, "ada", Role.VIEWER, "kim")
    async with listening(database, no_temporal, settings) as address:
        origin = address.replace("ws://", "http://").removesuffix("/ws")
        person = browser_sessions.Person("ada", browser_sessions.SignedInBy.TOKEN, made.secret)
        begun = await database.write(browser_sessions.begin_session, person, timedelta(hours=1))
        cookie = {"Cookie": f"paceline-session-{origin.rpartition(':')[2]}={begun.secret}"}
        query = f"{address}?project_id=allotment"
        for foreign in (None, "http://evil.example"):
            with pytest.raises(InvalidStatus):
                async with connect(query, additional_headers=cookie, origin=foreign):  # type: ignore[arg-type]
                    pass
        async with (
            asyncio.timeout(20),
            connect(query, additional_headers=cookie, origin=origin) as connection,  # type: ignore[arg-type]
        ):
            assert json.loads(await connection.recv())["name"] == "first"
            await database.write(browser_sessions.end_session, begun.session.id, "kim")
            await run.happen("second")
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


# The end ---


async def test_who_signs_out_has_no_session_any_more(door: Door) -> None:
    await door.holder(Role.VIEWER, "ada")
    ada = await door.browser("ada")
    reply = await ada.delete(ME)
    assert (reply.status_code, reply.json()["ended_by"]) == (200, "ada")
    assert "Max-Age=0" in reply.headers["set-cookie"]
    after = await ada.get(ME)
    assert (after.status_code, after.json()["detail"]) == (401, "The session has ended; sign in again.")
    # The browser forgets it, so that it can sign in, or do without on an open loopback.
    assert "Max-Age=0" in after.headers["set-cookie"]


async def test_only_a_session_can_be_signed_out_of(door: Door) -> None:
    reply = await (await door.holder(Role.VIEWER)).delete(ME)
    assert (reply.status_code, reply.json()["code"]) == (404, "NOT_FOUND")


async def test_revoking_a_token_ends_its_sessions(door: Door, database: Database) -> None:
    await door.holder(Role.VIEWER, "ada")
    ada, admin = await door.browser("ada"), await door.client(OWN)
    assert (await admin.delete("/api/v1/tokens/ada")).status_code == 200
    assert (await ada.get(P)).status_code == 401
    assert (await admin.get(ALL)).json() == []


async def test_revoking_a_token_in_another_process_ends_its_sessions_within_two_seconds(
    door: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await door.holder(Role.VIEWER, "ada")
    ada = await door.browser("ada")
    assert (await ada.get(P)).status_code == 200
    assert believed.BELIEVED_SECONDS <= 2.0
    await database.write(tokens.revoke_token, "ada")
    monkeypatch.setattr(believed, "BELIEVED_SECONDS", 0.0)
    assert (await ada.get(P)).status_code == 401


async def test_a_session_lives_no_longer_than_the_secret_it_was_made_with(door: Door) -> None:
    await door.holder(Role.VIEWER, "ada")
    ada, admin = await door.browser("ada"), await door.client(OWN)
    await admin.post("/api/v1/tokens/ada/rotate", json={"grace": 60})
    assert (await ada.get(P)).status_code == 200
    await admin.post("/api/v1/tokens/ada/rotate", json={"grace": 60})
    assert (await ada.get(P)).status_code == 401


@pytest.mark.parametrize(
    ("columns", "age", "status"),
    [
        (("used_at",), timedelta(hours=7), 200),
        (("used_at",), timedelta(hours=8), 401),
        (("expires_at",), timedelta(days=6), 200),
        (("expires_at",), timedelta(days=7), 401),
    ],
)
async def test_sessions_end_unused_and_in_any_case(
    door: Door,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    columns: tuple[str, ...],
    age: timedelta,
    status: int,
) -> None:
    monkeypatch.setattr(believed, "BELIEVED_SECONDS", 0.0)
    await door.holder(Role.VIEWER, "ada")
    ada, admin = await door.browser("ada"), await door.client(OWN)
    await shifted(database, age, *columns)
    assert (await ada.get(P)).status_code == status
    assert len((await admin.get(ALL)).json()) == (1 if status == 200 else 0)


async def test_a_token_that_expires_ends_its_sessions(
    door: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from paceline.store.models import ApiTokenRow

    monkeypatch.setattr(believed, "BELIEVED_SECONDS", 0.0)
    await door.holder(Role.VIEWER, "ada")
    ada = await door.browser("ada")

    def expire(session: Session) -> None:
        session.execute(update(ApiTokenRow).values(expires_at=ApiTokenRow.made_at))

    await database.write(expire)
    assert (await ada.get(P)).status_code == 401


async def test_an_admin_lists_and_ends_sessions(door: Door, database: Database) -> None:
    for name in ("ada", "bob", "kim"):
        await door.holder(Role.ADMIN if name == "kim" else Role.VIEWER, name)
    ada, laptop, bob = [await door.browser(name) for name in ("ada", "ada", "bob")]
    kim = await door.browser("kim")
    assert [each["name"] for each in (await kim.get(ALL)).json()] == ["ada", "ada", "bob", "kim"]
    assert len((await kim.get(f"{ALL}?name=ada")).json()) == 2
    first = (await kim.get(ALL)).json()[0]["id"]
    assert (await kim.delete(f"{ALL}/{first}")).json()["ended_by"] == "kim"
    assert [(await calls.get(P)).status_code for calls in (ada, laptop)] == [401, 200]
    assert [each["name"] for each in (await kim.delete(f"{ALL}?name=ada")).json()] == ["ada"]
    assert [(await calls.get(P)).status_code for calls in (laptop, bob)] == [401, 200]
    assert (await kim.delete(f"{ALL}/nothing")).status_code == 404
    assert (await kim.delete(ALL)).status_code == 422
    assert {entry.actor for entry in await log_of(database) if entry.method == "DELETE"} == {"kim"}


async def test_the_last_use_of_a_session_is_written_down(
    database: Database, no_temporal: Client, settings: Settings
) -> None:
    async with opened(database, no_temporal, guarded(settings)) as door:
        await door.holder(Role.VIEWER, "ada")
        ada = await door.browser("ada")
        await shifted(database, timedelta(hours=1), "made_at", "used_at")
        await ada.get(P)
    (found,) = await database.read(browser_sessions.list_sessions, timedelta(hours=8))
    assert found.used_at > found.made_at


async def test_guessing_tokens_at_the_sign_in_ends_in_429(
    door: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    guess = await door.client(None)
    statuses = [(await guess.post(ME, json={"token": f"guess {n}"})).status_code for n in range(33)]
    assert statuses[:30] == [401] * 30
    assert 429 in statuses[30:]


async def test_nobody_who_is_not_known_sends_long_bodies(door: Door) -> None:
    calls = await door.client(None)
    long = json.dumps({"token": "x" * 70_000})
    announced = await calls.post(ME, content=long, headers={"Content-Type": "application/json"})

    async def pieces() -> AsyncGenerator[bytes]:
        for start in range(0, len(long), 8192):
            yield long[start : start + 8192].encode()

    chunked = await calls.post(ME, content=pieces(), headers={"Content-Type": "application/json"})
    assert [announced.status_code, chunked.status_code] == [413, 413]
    assert "64 KiB" in announced.json()["detail"]
