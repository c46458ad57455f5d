"""Takes secrets out of what is logged: tokens by their form, and the values that this process was told."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from paceline.settings import Settings

HIDDEN = "***"
_SHORTEST = 6
"""Values below this length are not looked for: they would blot out ordinary words."""
_SECRET_NAME = re.compile(
    r"(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|API_?KEY|PRIVATE_?KEY)$",
    re.IGNORECASE,
)
_HEADERS = re.compile(r"OTEL_EXPORTER_OTLP(?:_\w+)?_HEADERS")
"""Variables of OpenTelemetry that hold headers, as `name=value,name=value`."""
_FORMS = (
    # The API's tokens, browsers' sessions and signing secrets, by their prefix.
    (re.compile(r"\b(pct_|pcs_)[\w-]{20,}"), rf"\1{HIDDEN}"),
    (re.compile(r"\b(whsec_)[\w+/=-]{16,}"), rf"\1{HIDDEN}"),
    # Headers as they are printed, up to the end of the line or of the quoted value.
    (
        re.compile(
            r"(\b(?:proxy-)?authorization|\b(?:set-)?cookie|\bx-api-key)(['\"]?\s*[:=]\s*['\"]?)[^'\"\r\n]+",
            re.IGNORECASE,
        ),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    # User and password in an address.
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@:'\"]*:[^\s/@'\"]+@", re.IGNORECASE), rf"\1{HIDDEN}@"),
)


class Redactor:
    """Replaces secrets in texts.

    Args:
        secrets: values that must never be seen; short ones are left out.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({each for each in secrets if len(each) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    @classmethod
    def of(cls, settings: Settings, environment: Mapping[str, str] | None = None) -> Redactor:
        """For every secret setting, and every variable whose name says that it holds a secret."""
        return cls(secrets_of(settings, environment))

    def text(self, text: str) -> str:
        """A text without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for form, instead in _FORMS:
            text = form.sub(instead, text)
        return text

    def value(self, value: object) -> Any:
        """The same for what holds texts: mappings, lists and tuples, however deep."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            found = cast(Mapping[object, object], value)
            return {str(name): self.value(each) for name, each in found.items()}
        if isinstance(value, list | tuple):
            return [self.value(each) for each in cast(Iterable[object], value)]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(str(value))


def secrets_of(settings: Settings, environment: Mapping[str, str] | None = None) -> list[str]:
    """The values that this process was told and that nobody may see.

    Args:
        settings: of the process; what is declared secret in them, and a password in the database's address.
        environment: its variables; None: those that it has.
    """
    variables = os.environ if environment is None else environment
    named = [value for name, value in variables.items() if _SECRET_NAME.search(name)]
    headers = [value for name, value in variables.items() if _HEADERS.fullmatch(name)]
    told = [pair.partition("=")[2].strip() for each in headers for pair in each.split(",")]
    return [*_secret_settings(settings), *named, *told, *map(unquote, told)]


def _secret_settings(settings: Settings) -> list[str]:
    found: list[str] = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            found.append(value.get_secret_value())
    try:
        password = urlsplit(settings.database_url or "").password
    except ValueError:
        password = None
    return [*found, password, unquote(password)] if password else found
