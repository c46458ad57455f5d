"""Webhooks over the API: made, shown without secrets, limited to projects, paused, sent again."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from paceline.domain.access import Role
from paceline.domain.webhooks import secret_bytes
from paceline.settings import Settings
from paceline.store import webhooks
from paceline.store.database import Database
from paceline.store.sealing import Seal
from tests.integration.api.allotment import Calls, Record
from tests.integration.api.holders import Door

HOOKS = "/api/v1/webhooks"
URL = "https://hooks.example.org/services/secret-path?key=secret-query"
BODY = {"name": "chat", "url": URL}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Secrets are encrypted."""
    return settings.model_copy(update={"webhook_key": SecretStr("a-long-random-key-of-this-test-only")})


async def test_one_is_made_and_its_secret_shown_once(
    api: Calls, database: Database, settings: Settings
) -> None:
    made = await api.post(HOOKS, json=BODY | {"events": ["story.*"], "actor": "kim"})
    assert made.status_code == 201
    secret, webhook = made.json()["secret"], made.json()["webhook"]
    assert len(secret_bytes(secret)) == 32
    assert (webhook["address"], webhook["made_by"], webhook["sealed"]) == (
        "https://hooks.example.org/…",
        "kim",
        True,
    )
    for reply in (
        await api.get(HOOKS),
        await api.get(f"{HOOKS}/chat"),
        await api.get(f"{HOOKS}/{webhook['id']}"),
    ):
        assert reply.status_code == 200
        assert secret not in reply.text
        assert "secret-path" not in reply.text
        assert "secret-query" not in reply.text
    kept = await database.read(webhooks.target_of, webhook["id"])
    assert secret not in json.dumps([kept.url, kept.secrets])
    seal = Seal(settings.webhook_key)
    assert (seal.open(kept.url), [seal.open(each) for each in kept.secrets]) == (URL, [secret])


async def test_a_secret_of_ones_own_is_taken_and_two_have_not_one_name(api: Calls) -> None:
    own = "whsec_" + "c2VjcmV0" * 5
    assert (await api.post(HOOKS, json=BODY | {"secret": own})).json()["secret"] == own
    again = await api.post(HOOKS, json=BODY | {"name": "Chat"})
    assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"url": "http://10.0.0.1/"}, 403),
        ({"url": "https://kim:word@example.org/"}, 403),
        ({"url": "ftp://example.org/"}, 403),
        ({"events": ["no such filter"]}, 422),
        ({"events": ["HITL_WHAT"]}, 422),
        ({"secret": "whsec_c2hvcnQ="}, 422),
        ({"name": ""}, 422),
        ({"name": "a\u202eb"}, 422),
        ({"after": -1}, 422),
        ({"after": 10**30}, 422),
        ({"more": 1}, 422),
    ],
)
async def test_what_is_wrong_is_refused_and_nothing_is_made(
    api: Calls, wrong: dict[str, object], status: int
) -> None:
    reply = await api.post(HOOKS, json=BODY | wrong)
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")
    for value in wrong.values():
        assert not isinstance(value, str) or len(value) < 4 or value not in reply.text
    assert (await api.get(HOOKS)).json() == []


async def test_one_is_paused_goes_on_and_is_forgotten(api: Calls) -> None:
    made = (await api.post(HOOKS, json=BODY)).json()["webhook"]
    paused = await api.patch(f"{HOOKS}/chat", json={"active": False, "reason": "too loud"})
    assert (paused.json()["active"], paused.json()["reason"]) == (False, "too loud")
    more = {"active": True, "url": "https://other.example/", "events": ["a.b"]}
    resumed = (await api.patch(f"{HOOKS}/chat", json=more)).json()
    assert (resumed["active"], resumed["reason"], resumed["events"]) == (True, None, ["a.b"])
    assert resumed["address"] == "https://other.example"
    assert (await api.delete(f"{HOOKS}/chat")).json()["id"] == made["id"]
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/deliveries")):
        assert (await api.request(method, f"{HOOKS}/chat{path}")).status_code == 404


async def test_rotating_shows_the_new_secret_once_and_keeps_the_old_for_a_while(
    api: Calls, database: Database
) -> None:
    first = (await api.post(HOOKS, json=BODY)).json()
    second = (await api.post(f"{HOOKS}/chat/rotate", json={"grace": 60})).json()
    assert second["secret"] != first["secret"]
    assert second["webhook"]["previous_until"] is not None
    assert len((await database.read(webhooks.target_of, first["webhook"]["id"])).secrets) == 2
    await api.post(f"{HOOKS}/chat/rotate", json={"grace": 0})
    assert len((await database.read(webhooks.target_of, first["webhook"]["id"])).secrets) == 1
    assert (await api.post(f"{HOOKS}/chat/rotate", json={"grace": 1e9})).status_code == 422


async def test_a_ping_waits_for_a_worker_and_is_listed(api: Calls) -> None:
    await api.post(HOOKS, json=BODY)
    ping = await api.post(f"{HOOKS}/chat/test")
    assert (ping.status_code, ping.json()["state"], ping.json()["name"]) == (202, "waiting", "webhook.ping")
    listed = (await api.get(f"{HOOKS}/chat/deliveries", params={"state": "waiting"})).json()
    assert [each["id"] for each in listed] == [ping.json()["id"]]
    assert (await api.get("/api/v1/notifications")).json() == [], "those are about questions"
    other = await api.post(f"/api/v1/notifications/{ping.json()['id']}/redeliver")
    assert other.status_code == 404


async def test_deliveries_are_compared_and_sent_again(api: Calls, record: Record) -> None:
    run = await record()
    await run.happen("before")
    await api.post(HOOKS, json=BODY | {"projects": ["allotment"], "after": 0})
    await run.happen("after")
    found = (await api.post(f"{HOOKS}/chat/reconcile")).json()
    [project] = found["projects"]
    assert (project["project"], project["wanted"], project["waiting"], project["gaps"]) == (
        "allotment",
        2,
        2,
        [],
    )
    since = await api.post(f"{HOOKS}/chat/redeliver", json={"since": 1, "project": "allotment"})
    assert (since.status_code, since.json()) == (200, {"queued": 0})
    for wrong, status in (
        ({}, 422),
        ({"dead": True, "delivery": "n-1"}, 422),
        ({"since": 1}, 422),
        ({"since": 1, "project": "peas"}, 404),
        ({"delivery": "n-none"}, 404),
    ):
        assert (await api.post(f"{HOOKS}/chat/redeliver", json=wrong)).status_code == status


async def test_a_token_of_some_projects_has_webhooks_of_these_only(door: Door, record: Record) -> None:
    await record("allotment")
    admin = await door.holder(Role.ADMIN)
    owner = await door.holder(Role.PRODUCT_OWNER, "owner")
    mine = await door.holder(Role.PRODUCT_OWNER, "mine", ["allotment"])
    theirs = await door.holder(Role.ADMIN, "theirs", ["peas"])
    assert (await admin.post(HOOKS, json=BODY | {"name": "all"})).status_code == 201
    assert (await owner.post(HOOKS, json=BODY | {"name": "every"})).status_code == 403
    assert (await mine.post(HOOKS, json=BODY)).status_code == 403
    assert (await mine.post(HOOKS, json=BODY | {"projects": ["allotment", "peas"]})).status_code == 403
    made = await mine.post(HOOKS, json=BODY | {"projects": ["allotment"]})
    assert made.status_code == 201
    assert made.json()["webhook"]["made_by"] == "mine"

    async def names(calls: Calls) -> list[str]:
        return [each["name"] for each in (await calls.get(HOOKS)).json()]

    assert (await names(mine), await names(theirs)) == (["chat"], [])
    assert await names(owner) == await names(admin) == ["all", "chat"]
    for which in ("chat", made.json()["webhook"]["id"], "all"):
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/reconcile")):
            assert (await theirs.request(method, f"{HOOKS}/{which}{path}")).status_code == 404
    assert (await owner.delete(f"{HOOKS}/all")).status_code == 403
    assert (await mine.delete(f"{HOOKS}/chat")).status_code == 200
