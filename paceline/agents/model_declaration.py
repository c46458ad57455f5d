"""Models that may propose a plan, declared as `[models.NAME]` in `paceline.toml`; keys are never in it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, Literal, Self, cast
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator

from paceline.agents.toml_tables import table_of
from paceline.domain.model import Model
from paceline.errors import ConfigurationError

ModelKind = Literal["openai", "anthropic", "ollama"]

BASE_URLS: dict[ModelKind, str] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "ollama": "http://127.0.0.1:11434",
}
_SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"}
)
_KEY_LIMIT = 4_096


class ModelDeclaration(Model):
    """How one model is reached. Durations are seconds.

    `kind` is the protocol that its service speaks; `openai` is spoken by many other services too.
    """

    kind: ModelKind
    model: str = Field(min_length=1)
    """Its name at the service."""
    base_url: str | None = None
    """None: where the kind's own service is."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; None: no key is sent."""
    api_key_header: str | None = None
    """Header that the key is sent in as it is; None: as the kind does."""
    plain_http: bool = False
    """Whether a key may go to another machine without encryption."""
    timeout: float = Field(default=180.0, gt=0)
    """The longest time for one answer."""
    max_tokens: int = Field(default=8_192, ge=1)
    """The longest answer."""
    headers: dict[str, str] = Field(default_factory=dict[str, str])

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("base_url must be http:// or https:// with a host")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("base_url must have no user, password, query or fragment; use api_key_env")
        secret = [name for name in self.headers if name.lower() in _SECRET_HEADERS]
        if secret:
            raise ValueError(f"headers must hold no secrets such as {secret[0]}; use api_key_env")
        clear = parts.scheme == "http" and not self.is_local and not self.plain_http
        if self.api_key_env and clear:
            raise ValueError("a key would go over plain http; use https, or set plain_http = true")
        return self

    @property
    def url(self) -> str:
        """Address of the service, without a slash at the end."""
        return (self.base_url or BASE_URLS[self.kind]).rstrip("/")

    @property
    def is_local(self) -> bool:
        """Whether the service is on this machine."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def key(self, environment: Mapping[str, str]) -> SecretStr | None:
        """The key, from the variable that the declaration names.

        Raises:
            ConfigurationError: the variable is not set, or holds what no key is; only its name is said.
        """
        if self.api_key_env is None:
            return None
        value = environment.get(self.api_key_env, "").strip()
        if not value:
            raise ConfigurationError(
                f"The variable {self.api_key_env} is not set; put the key of the model's service into it.",
                variable=self.api_key_env,
            )
        if len(value) > _KEY_LIMIT or not value.isascii() or not value.isprintable() or " " in value:
            raise ConfigurationError(
                f"The variable {self.api_key_env} holds blanks or characters that no key has; set it again.",
                variable=self.api_key_env,
            )
        return SecretStr(value)


def load_models(toml_text: str, file: str = "paceline.toml") -> dict[str, ModelDeclaration]:
    """The tables `[models.NAME]` of a `paceline.toml`.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: the text is not TOML, or a table is not a declaration; the message names the key.
    """
    models = table_of(toml_text, "models", file)
    if not isinstance(models, dict):
        raise ConfigurationError(f"{file}: `models` must be tables such as [models.fast].", file=file)
    tables = cast("dict[str, Any]", models)
    return {name: _declaration(name, table, file) for name, table in tables.items()}


def choose_model(models: Mapping[str, ModelDeclaration], name: str | None, place: str) -> str:
    """The name of the model that is meant: the one named, or the only one there is.

    Args:
        models: those declared.
        name: what a person wrote; None: nothing.
        place: the file that they are declared in, for messages.

    Raises:
        ConfigurationError: there is none of that name, or none, or several to choose from.
    """
    if name is None and len(models) == 1:
        return next(iter(models))
    if name is not None and name in models:
        return name
    known = ", ".join(f"`{each}`" for each in models)
    if not models:
        raise ConfigurationError(
            f"No model is declared; write [models.NAME] with kind and model into {place}.", file=place
        )
    if name is None:
        raise ConfigurationError(f"Several models are declared ({known}); name one with --with-model.")
    raise ConfigurationError(
        f"There is no model `{name}` in {place}; use {known}, or declare it.", file=place, models=[*models]
    )


def _declaration(name: str, table: object, file: str) -> ModelDeclaration:
    try:
        return ModelDeclaration.model_validate(table)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = ".".join(["models", name, *(str(part) for part in first["loc"])])
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{file}: {where}: {said}.", file=file, key=where) from None
