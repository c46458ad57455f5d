"""Requests and answers of the three protocols that services of models speak, as plain data.

Sources: OpenAI's chat completions, Anthropic's messages, Ollama's chat. What differs between services of one
protocol is found by asking: `easier` says what to leave out after a refusal.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from paceline.agents.model_declaration import ModelDeclaration
from paceline.domain.dialogue import Turn

ANTHROPIC_VERSION = "2023-06-01"
TOOL = "propose"
"""The tool that an Anthropic model answers by."""
_BYTES_PER_TOKEN = 3
_WINDOW_STEP = 1_024

Ending = Literal["complete", "cut off", "declined"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a service is known to take."""

    schema: bool = True
    """A JSON schema that the answer must follow."""
    newer_limit: bool = False
    """`max_completion_tokens` in place of `max_tokens`."""


@dataclass(frozen=True, slots=True)
class Request:
    """Path, headers without the key, and body."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


def request(
    declaration: ModelDeclaration, turns: Sequence[Turn], schema: dict[str, Any], shape: Shape
) -> Request:
    """What to send.

    Args:
        declaration: kind and limits.
        turns: the dialogue so far; a system turn comes first, if at all.
        schema: the JSON schema of the answer.
        shape: what the service takes.
    """
    match declaration.kind:
        case "openai":
            return _openai(declaration, turns, schema, shape)
        case "anthropic":
            return _anthropic(declaration, turns, schema, shape)
        case "ollama":
            return _ollama(declaration, turns, schema, shape)


def key_header(declaration: ModelDeclaration, key: str) -> dict[str, str]:
    """The header that carries the key."""
    if declaration.api_key_header:
        return {declaration.api_key_header: key}
    if declaration.kind == "anthropic":
        return {"x-api-key": key}
    return {"Authorization": f"Bearer {key}"}


def answer(declaration: ModelDeclaration, body: object) -> tuple[str, Ending] | None:
    """The text of an answer and how it ended; None where the body is no answer of the kind's."""
    try:
        found = cast("dict[str, Any]", body)
        match declaration.kind:
            case "openai":
                return _openai_answer(found["choices"][0])
            case "anthropic":
                return _anthropic_answer(found)
            case "ollama":
                text = found["message"]["content"]
                return (text, _ending(found.get("done_reason"))) if isinstance(text, str) else None
    except (KeyError, IndexError, TypeError, AttributeError):
        return None


def easier(shape: Shape, complaint: str) -> Shape | None:
    """The shape of the next try after a service refused one, None where its complaint tells of no other."""
    said = complaint.lower()
    if "max_completion_tokens" in said and not shape.newer_limit:
        return replace(shape, newer_limit=True)
    words = ("response_format", "schema", "tool_choice", "tools", "format", "grammar")
    if shape.schema and any(word in said for word in words):
        return replace(shape, schema=False)
    return None


def _openai(
    declaration: ModelDeclaration, turns: Sequence[Turn], schema: dict[str, Any], shape: Shape
) -> Request:
    limit = "max_completion_tokens" if shape.newer_limit else "max_tokens"
    body: dict[str, Any] = {
        "model": declaration.model,
        limit: declaration.max_tokens,
        "messages": [_message(turn) for turn in turns],
    }
    if shape.schema:
        named = {"name": TOOL, "schema": schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return Request("/chat/completions", {}, body)


def _anthropic(
    declaration: ModelDeclaration, turns: Sequence[Turn], schema: dict[str, Any], shape: Shape
) -> Request:
    body: dict[str, Any] = {
        "model": declaration.model,
        "max_tokens": declaration.max_tokens,
        "system": "\n\n".join(turn.text for turn in turns if turn.role == "system"),
        "messages": [_message(turn) for turn in turns if turn.role != "system"],
    }
    if shape.schema:
        tool = {"name": TOOL, "description": "Hand in the proposed plan.", "input_schema": schema}
        body |= {"tools": [tool], "tool_choice": {"type": "tool", "name": TOOL}}
    return Request("/v1/messages", {"anthropic-version": ANTHROPIC_VERSION}, body)


def _ollama(
    declaration: ModelDeclaration, turns: Sequence[Turn], schema: dict[str, Any], shape: Shape
) -> Request:
    # A prompt longer than the window is cut without a word, and the window is small unless one asks for more.
    tokens = sum(len(turn.text.encode()) for turn in turns) // _BYTES_PER_TOKEN + declaration.max_tokens
    window = (tokens // _WINDOW_STEP + 1) * _WINDOW_STEP
    body: dict[str, Any] = {
        "model": declaration.model,
        "messages": [_message(turn) for turn in turns],
        "stream": False,
        "options": {"num_predict": declaration.max_tokens, "num_ctx": window},
    }
    if shape.schema:
        body["format"] = schema
    return Request("/api/chat", {}, body)


def _message(turn: Turn) -> dict[str, str]:
    return {"role": turn.role, "content": turn.text}


def _openai_answer(choice: dict[str, Any]) -> tuple[str, Ending] | None:
    message = choice["message"]
    if message.get("refusal"):
        return str(message["refusal"]), "declined"
    text = message.get("content")
    ending = _ending(choice.get("finish_reason"))
    return (text or "", ending) if isinstance(text, str) or ending != "complete" else None


def _anthropic_answer(found: dict[str, Any]) -> tuple[str, Ending]:
    blocks: list[dict[str, Any]] = found["content"]
    used = [block["input"] for block in blocks if block.get("type") == "tool_use"]
    texts = [str(block["text"]) for block in blocks if block.get("type") == "text"]
    text = json.dumps(used[0], ensure_ascii=False) if used else "".join(texts)
    return text, _ending(found.get("stop_reason"))


def _ending(reason: object) -> Ending:
    if reason in ("length", "max_tokens", "model_context_window_exceeded"):
        return "cut off"
    return "declined" if reason in ("refusal", "content_filter") else "complete"
