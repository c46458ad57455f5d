"""Bad input at every operation: always a 4xx that says why, and the database as it was."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterator
from urllib.parse import quote

import httpx2
import pytest
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session
from temporalio.client import Client

from api.contract import operations
from paceline.domain.access import Role
from paceline.settings import Settings
from paceline.store.database import Database
from tests.integration.api.allotment import Calls
from tests.integration.api.declared import Json
from tests.integration.api.holders import Door, guarded, opened
from tests.integration.api.seeded import Seeds, seed

BESIDE = {"audit_log", "audit_head", "api_tokens"}
"""Refusals are written down in the first two; in the other, when a token was last used."""
ENDLESS = {"stream_events"}
BODIES = {
    "broken": (b'{"plan": "', "application/json"),
    "no object": (b"[1, 2]", "application/json"),
    "no text": (b"\xff\xfe\x00", "application/json"),
    "deep": (b"[" * 100_000, "application/json"),
    "long number": (b'{"limit": ' + b"9" * 10_000 + b"}", "application/json"),
    "a NUL": (b'{"actor": "a\\u0000b"}', "application/json"),
    "wrong kind": (b"plan", "text/plain"),
    "a form": (b"a=b", "application/x-www-form-urlencoded"),
    "no form": (b"--x", "multipart/form-data"),
}
HOSTILE_NAMES = [
    "nothing",
    "..",
    "a\0b",
    "%2e%2e",
    "x" * 5000,
    "'; DROP TABLE runs; --",
    "\ud7ff\U0001f331",
    " ",
]


def digest(session: Session) -> dict[str, str]:
    """What every table holds, as a digest."""
    connection = session.connection()
    names = set(inspect(connection).get_table_names()) - BESIDE
    found: dict[str, str] = {}
    for name in sorted(names):
        rows = sorted(repr(tuple(row)) for row in connection.execute(text(f'SELECT * FROM "{name}"')))  # noqa: S608
        found[name] = hashlib.sha256("\n".join(rows).encode(errors="surrogatepass")).hexdigest()
    return found


@pytest.fixture
async def guarded_door(
    database: Database, no_temporal: Client, settings: Settings
) -> AsyncGenerator[tuple[Door, Seeds]]:
    """An application with something of everything, which nobody is slowed down by."""
    needed = guarded(settings, rate_per_second=0.0)
    seeds = await seed(database, needed, no_temporal)
    async with opened(database, no_temporal, needed) as door:
        yield door, seeds


def asked(document: Json) -> Iterator[tuple[str, str, Json]]:
    for method, template, operation in operations(document):
        if operation["operationId"] not in ENDLESS:
            yield method, template, operation


def filled(template: str, paths: dict[str, str]) -> str:
    for name, value in paths.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def refused(reply: httpx2.Response, what: str) -> None:
    assert 400 <= reply.status_code < 500, (what, reply.status_code, reply.text)
    assert reply.headers["content-type"] == "application/problem+json", what
    assert reply.json()["detail"], what


async def admin(door: Door) -> Calls:
    return await door.holder(Role.ADMIN)


@pytest.mark.parametrize("kind", BODIES)
async def test_no_bad_body_changes_anything(guarded_door: tuple[Door, Seeds], kind: str) -> None:
    door, seeds = guarded_door
    calls, (body, media) = await admin(door), BODIES[kind]
    before = await door.database.read(digest)
    for method, template, operation in asked(door.app.openapi()):
        if "requestBody" in operation:
            path = filled(template, dict(seeds.paths))
            reply = await calls.request(method, path, content=body, headers={"Content-Type": media})
            refused(reply, f"{method} {path}")
    assert await door.database.read(digest) == before


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
async def test_no_unknown_name_changes_anything(guarded_door: tuple[Door, Seeds], name: str) -> None:
    door, seeds = guarded_door
    calls = await admin(door)
    before = await door.database.read(digest)
    for method, template, _ in asked(door.app.openapi()):
        if "{" in template:
            path = filled(template, dict.fromkeys(seeds.paths, name))
            reply = await calls.request(method, path, json={} if method in ("POST", "PATCH") else None)
            refused(reply, f"{method} {template}")
    assert await door.database.read(digest) == before


async def test_another_projects_token_changes_nothing(guarded_door: tuple[Door, Seeds]) -> None:
    door, seeds = guarded_door
    theirs = await door.holder(Role.PRODUCT_OWNER, "theirs", ["peas"])
    before = await door.database.read(digest)
    for method, template, _ in asked(door.app.openapi()):
        if "{project" in template:
            path = filled(template, {**seeds.paths, "project_id": "allotment"})
            refused(await theirs.request(method, path, json={} if method == "POST" else None), path)
    assert await door.database.read(digest) == before


@pytest.mark.parametrize("announced", [True, False])
async def test_what_is_too_large_is_not_read(guarded_door: tuple[Door, Seeds], announced: bool) -> None:
    door, _ = guarded_door
    calls = await admin(door)
    before = await door.database.read(digest)

    async def parts() -> AsyncGenerator[bytes]:
        for _ in range(64):
            yield b" " * 1024 * 1024

    headers = {"Content-Type": "application/json"} | ({"Content-Length": str(2**40)} if announced else {})
    for path in ("/api/v1/sprints", "/api/v1/tokens", "/api/v1/projects/allotment/steer"):
        content = b"{}" if announced else parts()
        reply = await calls.post(path, content=content, headers=headers)
        refused(reply, path)
        assert reply.status_code == 413
    assert await door.database.read(digest) == before


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\x", "a\r\nX: y", "x" * 5000, "\u202egpj.md"])
async def test_no_name_of_a_file_is_a_place(guarded_door: tuple[Door, Seeds], name: str) -> None:
    door, _ = guarded_door
    calls = await admin(door)
    before = await door.database.read(digest)
    files = {"plan": (name, b"Buy milk.", "text/markdown")}
    refused(await calls.post("/api/v1/sprints", files=files), name)
    assert await door.database.read(digest) == before


async def test_of_two_who_write_at_once_one_is_refused(guarded_door: tuple[Door, Seeds]) -> None:
    door, _ = guarded_door
    calls = await admin(door)
    wish = {"name": "twice", "role": "viewer"}
    replies = await asyncio.gather(*(calls.post("/api/v1/tokens", json=wish) for _ in range(8)))
    assert sorted(reply.status_code for reply in replies) == [201] + [409] * 7
