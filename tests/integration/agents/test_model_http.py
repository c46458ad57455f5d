"""A model asked over real HTTP: every protocol, every way it fails, and a key that nobody sees."""

from __future__ import annotations

import logging
import socket
from collections.abc import Generator
from typing import Any

import pytest
from pydantic import SecretStr

from paceline.agents.model import LONGEST_WAIT, RESPONSE_LIMIT, ModelClient
from paceline.agents.model_declaration import ModelDeclaration
from paceline.domain.dialogue import Turn
from paceline.errors import (
    ModelError,
    ModelNonsense,
    ModelRateLimited,
    ModelRefused,
    ModelTimeout,
    ModelTooLong,
    ModelUnauthorized,
    ModelUnreachable,
)
from tests.model_service import KEY, ModelService, Reply, model_service, saying

SCHEMA: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
TURNS = [Turn(role="system", text="Rules."), Turn(role="user", text="Notes.")]
NOW = 1_700_000_000.0


@pytest.fixture(name="service")
def service_fixture() -> Generator[ModelService]:
    with model_service() as service:
        yield service


class Asked:
    """One question to the service, with what happened around it."""

    def __init__(self, service: ModelService, kind: Any = "openai", **options: Any) -> None:
        self.waits: list[float] = []
        self.told: list[str] = []
        declared: dict[str, Any] = {
            "base_url": service.url,
            "api_key_env": "MODEL_KEY",
            "timeout": 20.0,
            **options,
        }
        self.declaration = ModelDeclaration(kind=kind, model="m-1", **declared)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def answer(self, times: int = 1) -> str:
        key = SecretStr(KEY)
        async with ModelClient(
            "fast", self.declaration, key, sleep=self.sleep, clock=lambda: NOW, say=self.told.append
        ) as client:
            return [await client.ask(TURNS, SCHEMA) for _ in range(times)][-1]

    async def refusal(self, kind: type[ModelError]) -> ModelError:
        with pytest.raises(ModelError) as caught:
            await self.answer()
        error = caught.value
        assert type(error) is kind, error.message
        assert KEY not in f"{error.message}{error.details}{self.told}"
        assert error.message.startswith(f"Model `fast` at {self.declaration.url.removeprefix('http://')} ")
        assert error.details["model"] == "fast"
        assert "\n" not in error.message
        return error


async def test_openai_is_asked_for_the_schema(service: ModelService) -> None:
    service.answers(saying("{}"))
    assert await Asked(service, headers={"X-Team": "garden"}).answer() == "{}"
    (call,) = service.calls
    assert call.path == "/chat/completions"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.headers["x-team"] == "garden"
    assert call.body["messages"] == [
        {"role": "system", "content": "Rules."},
        {"role": "user", "content": "Notes."},
    ]
    assert call.body["response_format"]["json_schema"]["schema"] == SCHEMA


async def test_anthropic_answers_by_a_tool(service: ModelService) -> None:
    used = {
        "content": [{"type": "tool_use", "name": "propose", "input": {"a": "\u6c34"}}],
        "stop_reason": "tool_use",
    }
    service.answers(Reply(used))
    assert await Asked(service, "anthropic").answer() == '{"a": "\u6c34"}'
    (call,) = service.calls
    assert (call.path, call.headers["x-api-key"]) == ("/v1/messages", KEY)
    assert "authorization" not in call.headers
    assert call.headers["anthropic-version"]
    assert call.body["system"] == "Rules."
    assert call.body["messages"] == [{"role": "user", "content": "Notes."}]
    assert call.body["tools"][0]["input_schema"] == SCHEMA


async def test_ollama_gets_a_window_that_holds_notes_and_answer(service: ModelService) -> None:
    service.answers(saying("{}", "ollama"))
    assert await Asked(service, "ollama", max_tokens=10_000).answer() == "{}"
    (call,) = service.calls
    assert (call.path, call.body["format"], call.body["stream"]) == ("/api/chat", SCHEMA, False)
    assert call.body["options"]["num_ctx"] > 10_000 >= call.body["options"]["num_predict"]


async def test_a_key_may_go_in_another_header(service: ModelService) -> None:
    service.answers(saying("{}"))
    await Asked(service, api_key_header="api-key").answer()
    assert service.calls[0].headers["api-key"] == KEY
    assert "authorization" not in service.calls[0].headers


async def test_a_service_that_knows_less_is_asked_for_less_and_remembered(service: ModelService) -> None:
    newer = {
        "error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}
    }
    no_schema = {"error": "response_format is not supported"}
    service.answers(Reply(newer, 400), Reply(no_schema, 400), saying("{}"))
    assert await Asked(service).answer(times=2) == "{}"
    assert [sorted(set(call.body) - {"model", "messages"}) for call in service.calls] == [
        ["max_tokens", "response_format"],
        ["max_completion_tokens", "response_format"],
        ["max_completion_tokens"],
        ["max_completion_tokens"],
    ]


async def test_a_wrong_key_is_said_without_the_key(service: ModelService) -> None:
    service.answers(Reply({"error": {"message": f"Incorrect API key provided: {KEY}."}}, 401))
    error = await Asked(service).refusal(ModelUnauthorized)
    assert "Incorrect API key provided: ***" in error.message
    assert "MODEL_KEY" in error.message
    assert len(service.calls) == 1


async def test_the_key_is_cut_out_before_a_long_complaint_is_cut_off(service: ModelService) -> None:
    service.answers(Reply({"error": {"message": f"{'x' * 290} {KEY}"}}, 403))
    error = await Asked(service).refusal(ModelUnauthorized)
    assert KEY[:6] not in error.message


async def test_a_busy_service_is_asked_again_when_it_says(service: ModelService) -> None:
    date = "Tue, 14 Nov 2023 22:13:27 GMT"
    service.answers(
        Reply("", 429, {"Retry-After": "7"}),
        Reply("", 503, {"Retry-After": date}),
        Reply("", 500),
        saying("{}"),
    )
    asked = Asked(service)
    assert await asked.answer() == "{}"
    assert asked.waits == [7.0, 7.0, 4.0]
    assert asked.told[0] == "Model `fast` answered with status 429; trying again in 7 s (1 of 3)."


async def test_tries_end(service: ModelService) -> None:
    service.answers(Reply({"error": {"message": "on fire"}}, 500))
    asked = Asked(service)
    error = await asked.refusal(ModelUnreachable)
    assert asked.waits == [1.0, 2.0, 4.0]
    assert len(service.calls) == 4
    assert "fails with status 500 (on fire)" in error.message


@pytest.mark.parametrize(
    "reply",
    [
        Reply("", 429, {"Retry-After": f"{LONGEST_WAIT + 1:.0f}"}),
        Reply({"error": {"message": "No credit.", "code": "insufficient_quota"}}, 429),
    ],
)
async def test_a_service_that_is_busy_for_long_is_not_waited_for(service: ModelService, reply: Reply) -> None:
    service.answers(reply)
    asked = Asked(service)
    await asked.refusal(ModelRateLimited)
    assert (asked.waits, len(service.calls)) == ([], 1)


@pytest.mark.parametrize("reply", [Reply(silent=True), Reply(dripping=True)], ids=["silent", "dripping"])
async def test_a_service_that_never_ends_its_answer_is_left(service: ModelService, reply: Reply) -> None:
    service.answers(reply)
    error = await Asked(service, timeout=0.3).refusal(ModelTimeout)
    assert "gave no answer within 0.3 s" in error.message
    assert len(service.calls) == 1


async def test_a_huge_answer_is_not_read_to_its_end(service: ModelService) -> None:
    service.answers(Reply("x" * (RESPONSE_LIMIT + 1)))
    error = await Asked(service).refusal(ModelTooLong)
    assert "more than 4,194,304 bytes" in error.message


async def test_a_refused_connection_is_said(service: ModelService) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        error = await Asked(service, base_url=url).refusal(ModelUnreachable)
    assert "cannot be reached" in error.message


@pytest.mark.parametrize("body", ["<html>", '{"choices": [', "[" * 100_000, "", "\ud7ff\x1b[31m"])
async def test_a_damaged_answer_is_nonsense(service: ModelService, body: str) -> None:
    service.answers(Reply(body))
    error = await Asked(service).refusal(ModelNonsense)
    assert "\x1b" not in error.message


@pytest.mark.parametrize("body", [{}, [], None, {"choices": []}, {"choices": [{"message": {"content": 3}}]}])
@pytest.mark.parametrize("kind", ["openai", "anthropic", "ollama"])
async def test_an_answer_of_another_kind_is_nonsense(service: ModelService, kind: str, body: Any) -> None:
    service.answers(Reply(body))
    await Asked(service, kind).refusal(ModelNonsense)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("openai", {"choices": [{"message": {"content": "{"}, "finish_reason": "length"}]}),
        ("anthropic", {"content": [{"type": "text", "text": "{"}], "stop_reason": "max_tokens"}),
        ("ollama", {"message": {"content": "{"}, "done_reason": "length"}),
    ],
)
async def test_an_answer_that_was_cut_off_is_too_long(service: ModelService, kind: str, body: Any) -> None:
    service.answers(Reply(body))
    error = await Asked(service, kind).refusal(ModelTooLong)
    assert "max_tokens" in error.message
    assert error.details["answer"] == "{"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("openai", {"choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]}),
        ("openai", {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}),
        ("anthropic", {"content": [], "stop_reason": "refusal"}),
    ],
)
async def test_a_model_may_decline(service: ModelService, kind: str, body: Any) -> None:
    service.answers(Reply(body))
    await Asked(service, kind).refusal(ModelRefused)


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (Reply({"error": "model not found"}, 404), ModelRefused, "(model not found); correct its `model`"),
        (Reply({"error": {"message": "no such thing"}}, 400), ModelRefused, "status 400 (no such thing)"),
        (Reply("", 413), ModelTooLong, "propose part by part"),
        (Reply({"error": {"message": "prompt is too long: 9 > 8"}}, 400), ModelTooLong, "too long: 9 > 8"),
    ],
)
async def test_a_refusal_says_what_to_correct(
    service: ModelService, reply: Reply, kind: type[ModelError], said: str
) -> None:
    service.answers(reply)
    assert said in (await Asked(service).refusal(kind)).message
    assert len(service.calls) == 1


async def test_a_redirect_never_takes_the_key_along(service: ModelService) -> None:
    with model_service() as other:
        other.answers(saying("{}"))
        service.answers(Reply("", 307, {"Location": f"{other.url}/chat/completions"}))
        await Asked(service).refusal(ModelRefused)
        assert other.calls == []


async def test_a_proxy_is_used_for_other_machines_only(
    service: ModelService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with model_service() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        proxy.answers(saying("by proxy"))
        service.answers(saying("direct"))
        assert await Asked(service).answer() == "direct"
        far = Asked(service, base_url="http://model.invalid/v1", plain_http=True)
        assert await far.answer() == "by proxy"
        assert proxy.calls[0].path == "http://model.invalid/v1/chat/completions"


async def test_the_key_is_in_no_log(service: ModelService, caplog: pytest.LogCaptureFixture) -> None:
    # Where this process sends webhooks too, these are quiet.
    for name in (None, "httpx2", "httpcore2"):
        caplog.set_level(logging.DEBUG, logger=name)
    service.answers(Reply("", 429), Reply({"error": {"message": KEY}}, 401))
    await Asked(service).refusal(ModelUnauthorized)
    assert caplog.records
    assert KEY not in caplog.text
