"""Declarations of models: what is accepted, which one is meant, and keys that stay in the environment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from paceline.agents.model_declaration import BASE_URLS, ModelDeclaration, choose_model, load_models
from paceline.agents.model_wire import Shape, easier
from paceline.errors import ConfigurationError

TOML = """
[agents."*"]
kind = "human"

[models.fast]
kind = "ollama"
model = "small"

[models.good]
kind = "openai"
model = "large"
api_key_env = "GARDEN_KEY"
"""


def test_models_are_read_beside_agents() -> None:
    models = load_models(TOML)
    assert list(models) == ["fast", "good"]
    assert models["fast"].url == BASE_URLS["ollama"]
    assert models["good"].api_key_env == "GARDEN_KEY"
    assert load_models("") == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('kind = "other"', "models.bad.kind: Input should be"),
        ('colour = "red"', "models.bad.colour: Extra inputs"),
        ('base_url = "ftp://host"', "models.bad: base_url must be http"),
        ('base_url = "https://me:hunter2@host"', "no user, password"),
        ('base_url = "https://host?key=hunter2"', "no user, password, query"),
        (
            'headers = { Authorization = "Bearer hunter2" }',
            "headers must hold no secrets such as Authorization",
        ),
        ('headers = { x-api-key = "hunter2" }', "headers must hold no secrets such as x-api-key"),
        ('base_url = "http://host/v1"\napi_key_env = "K"', "a key would go over plain http"),
        ("timeout = 0", "models.bad.timeout"),
    ],
)
def test_a_wrong_declaration_is_refused_by_its_key_and_never_quoted(line: str, said: str) -> None:
    kind = "" if line.startswith("kind") else 'kind = "openai"\n'
    with pytest.raises(ConfigurationError) as caught:
        load_models(f'[models.bad]\n{kind}model = "m"\n{line}\n', "p.toml")
    assert caught.value.message.startswith("p.toml: models.bad")
    assert said in caught.value.message
    assert "hunter2" not in f"{caught.value.message}{caught.value.details}{caught.value.__cause__}"


@pytest.mark.parametrize("text", ["[models", "models = 3", "[models]\nfast = 3\n"])
def test_what_is_no_table_of_models_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^p\.toml"):
        load_models(text, "p.toml")


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "http://127.0.0.1:1/v1"},
        {"base_url": "http://[::1]:1"},
        {"base_url": "http://localhost"},
        {"base_url": "http://gateway:4000", "plain_http": True},
        {"base_url": "https://host/v1/"},
    ],
)
def test_a_key_may_go_where_nobody_listens(options: dict[str, Any]) -> None:
    found = ModelDeclaration(kind="openai", model="m", api_key_env="K", **options)
    assert not found.url.endswith("/")


def test_the_key_comes_from_the_variable_and_is_hidden() -> None:
    declaration = ModelDeclaration(kind="openai", model="m", api_key_env="K")
    key = declaration.key({"K": " sk-1 \n"})
    assert key is not None
    assert key.get_secret_value() == "sk-1"
    assert "sk-1" not in repr(key)
    assert ModelDeclaration(kind="ollama", model="m").key({"K": "sk-1"}) is None


@pytest.mark.parametrize("value", ["", "  ", "sk 1", "sk\n1", "sk-\u00fc", "x" * 5000])
def test_a_variable_without_a_key_is_named_and_not_quoted(value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ModelDeclaration(kind="openai", model="m", api_key_env="K").key({"K": value})
    assert "The variable K " in caught.value.message
    assert value.strip() == "" or value not in caught.value.message


def test_the_only_model_need_not_be_named() -> None:
    models = load_models(TOML)
    assert choose_model({"fast": models["fast"]}, None, "p.toml") == "fast"
    assert choose_model(models, "good", "p.toml") == "good"
    for given, name, said in (
        (models, None, "Several models are declared (`fast`, `good`)"),
        (models, "best", "There is no model `best` in p.toml; use `fast`, `good`"),
        ({}, "best", "No model is declared; write [models.NAME]"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            choose_model(given, name, "p.toml")
        assert said in caught.value.message


def _default(value: object) -> str:
    return "none" if value is None else str(value)


def test_fields_of_a_model_are_those_of_the_document() -> None:
    text = (Path(__file__).parents[3] / "docs" / "how-to" / "free-text.md").read_text()
    told = dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", text, re.MULTILINE))
    real = {
        name: "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
        for name, field in ModelDeclaration.model_fields.items()
    }
    assert told == real


def test_less_is_asked_only_where_that_may_help() -> None:
    assert easier(Shape(), "some other trouble") is None
    assert easier(Shape(schema=False), "response_format is unknown") is None
    assert easier(Shape(newer_limit=True), "use max_completion_tokens") is None
