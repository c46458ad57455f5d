"""The guard in front of the API: hosts, origins, tokens and sizes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from api.guard import Guard
from api.security import BODY_LIMIT, is_loopback, required_token
from paceline.errors import ConfigurationError
from paceline.settings import Settings

OWN = "http://127.0.0.1:8420"
TOKEN = "a-long-random-token"


async def read_body(request: Request) -> PlainTextResponse:
    """Answers with the length of what came."""
    return PlainTextResponse(str(len(await request.body())))


def guarded(**settings: Any) -> Guard:
    """A small application behind the guard."""
    route = Route("/", read_body, methods=["GET", "POST"])
    return Guard(Starlette(routes=[route]), Settings(**settings))


@asynccontextmanager
async def calling(guard: Guard, base: str = OWN) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client of it."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=guard), base_url=base) as calls:
        yield calls


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9", "[::1]:8420", "127.0.0.1:8420"])
async def test_own_names_are_answered(host: str) -> None:
    async with calling(guarded()) as calls:
        assert (await calls.get("/", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "", "[::1"])
async def test_a_name_rebound_to_loopback_is_refused(host: str) -> None:
    async with calling(guarded()) as calls:
        reply = await calls.get("/", headers={"Host": host})
    assert reply.status_code == 403
    assert reply.json()["code"] == "REFUSED"
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8420", "http://127.0.0.1:9"]
)
async def test_a_page_of_another_origin_changes_nothing(origin: str) -> None:
    async with calling(guarded()) as calls:
        assert (await calls.post("/", headers={"Origin": origin})).status_code == 403
        assert (await calls.post("/", headers={"Origin": OWN})).status_code == 200
        assert (await calls.post("/")).status_code == 200


async def test_a_cross_site_request_without_an_origin_is_refused() -> None:
    async with calling(guarded()) as calls:
        assert (await calls.post("/", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
        assert (await calls.post("/", headers={"Sec-Fetch-Site": "same-origin"})).status_code == 200


async def test_every_answer_has_its_own_request_id() -> None:
    async with calling(guarded()) as calls:
        first, second = await calls.get("/"), await calls.get("/", headers={"Host": "evil.example"})
    assert len({first.headers["x-request-id"], second.headers["x-request-id"]}) == 2
    assert second.json()["request_id"] == second.headers["x-request-id"]


async def test_a_body_that_announces_its_length_is_refused_unread() -> None:
    async with calling(guarded()) as calls:
        reply = await calls.post("/", content=b"x" * (BODY_LIMIT + 1))
        small = await calls.post("/", content=b"x" * 1000)
    assert reply.status_code == 413
    assert small.text == "1000"


async def test_a_body_without_a_length_is_cut_off() -> None:
    async def endless() -> AsyncGenerator[bytes]:
        for _ in range(BODY_LIMIT // 65_536 + 2):
            yield b"x" * 65_536

    async with calling(guarded()) as calls:
        assert (await calls.post("/", content=endless())).status_code == 413


def test_beyond_loopback_a_token_is_needed_to_start() -> None:
    with pytest.raises(ConfigurationError, match="PACELINE_API_TOKEN"):
        required_token(Settings(api_host="0.0.0.0", api_token=None))  # noqa: S104 - the address that is refused
    assert required_token(Settings(api_host="127.0.0.1", api_token=None)) is None


def test_a_servers_own_token_is_nobody_elses() -> None:
    with pytest.raises(ConfigurationError, match="needs one of its own"):
        required_token(Settings(api_token=SecretStr("pct_0123456789ab_secret")))


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic " + TOKEN, "Bearer", TOKEN])
async def test_with_a_token_every_request_needs_it(header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    guard = guarded(api_host="10.0.0.5", api_token=SecretStr(TOKEN))
    async with calling(guard, "http://paceline.example") as calls:
        refused = await calls.get("/", headers=headers)
        good = await calls.get("/", headers={"Authorization": f"Bearer {TOKEN}"})
        in_query = await calls.get("/", params={"token": TOKEN})
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert good.status_code == 200
    assert in_query.status_code == 401


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - compared, not bound
        ("10.0.0.1", False),
        ("example.org", False),
        ("", False),
    ],
)
def test_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) is local


# WebSockets ---


async def reached(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts and says what its first message is."""
    connect = await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": connect["type"]})


async def open_socket(
    incoming: list[Message], headers: dict[str, str], protocols: list[str]
) -> list[Message]:
    """What the guard sends for a WebSocket that brings these messages."""
    guard = Guard(reached, Settings(api_host="10.0.0.5", api_token=SecretStr(TOKEN)))
    sent: list[Message] = []
    waiting = [{"type": "websocket.connect"}, *incoming]

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in {"Host": "h", **headers}.items()]
    scope: Scope = {
        "type": "websocket", "scheme": "ws", "path": "/ws", "headers": raw, "subprotocols": protocols,
    }  # fmt: skip
    await guard(scope, receive, send)
    return sent


def first_message(token: str) -> Message:
    """A client's first message."""
    return {"type": "websocket.receive", "text": json.dumps({"token": token})}


@pytest.mark.parametrize(
    ("incoming", "headers", "protocols"),
    [
        ([], {"Authorization": f"Bearer {TOKEN}"}, []),
        ([], {}, ["paceline", f"paceline.token.{TOKEN}"]),
        ([first_message(TOKEN)], {}, ["paceline"]),
    ],
)
async def test_a_socket_brings_its_token_in_one_of_three_ways(
    incoming: list[Message], headers: dict[str, str], protocols: list[str]
) -> None:
    sent = await open_socket(incoming, headers, protocols)
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send"]
    assert sent[1]["text"] == "websocket.connect"


@pytest.mark.parametrize(
    ("incoming", "headers", "protocols"),
    [
        ([], {"Authorization": "Bearer wrong"}, []),
        ([], {}, ["paceline.token.wrong"]),
        ([first_message("wrong")], {}, []),
        ([{"type": "websocket.receive", "text": "[1"}], {}, []),
        ([{"type": "websocket.receive", "text": '{"token": 5}'}], {}, []),
        ([{"type": "websocket.receive", "bytes": b"x"}], {}, []),
    ],
)
async def test_a_socket_without_its_token_hears_nothing(
    incoming: list[Message], headers: dict[str, str], protocols: list[str]
) -> None:
    sent = await open_socket(incoming, headers, protocols)
    assert sent[-1]["type"] == "websocket.close"
    assert sent[-1]["code"] == 4401
    assert not any(message["type"] == "websocket.send" for message in sent)


async def test_a_socket_of_a_foreign_page_is_refused_before_it_opens() -> None:
    sent = await open_socket([], {"Origin": "http://evil.example", "Authorization": f"Bearer {TOKEN}"}, [])
    assert [message["type"] for message in sent] == ["websocket.close"]
