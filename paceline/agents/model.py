"""Asking a model over HTTP: bounded in time, size and tries, and its key is in no message, file or log."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
from pydantic import SecretStr

from paceline.agents import model_wire
from paceline.agents.model_declaration import ModelDeclaration
from paceline.agents.model_wire import Shape
from paceline.domain.dialogue import Turn
from paceline.errors import (
    ConfigurationError,
    ModelError,
    ModelNonsense,
    ModelRateLimited,
    ModelRefused,
    ModelTimeout,
    ModelTooLong,
    ModelUnauthorized,
    ModelUnreachable,
)

RETRIES = 3
"""After the first try, where the service is busy or failed."""
LONGEST_WAIT = 60.0
"""Seconds between two tries; a service that asks for more is not waited for."""
RESPONSE_LIMIT = 4 * 1024 * 1024
"""Bytes of one answer."""
_CONNECT_SECONDS = 10.0
_SAID_LIMIT = 300
"""Characters of a service's own message."""
_BUSY = 429
_TOO_LARGE = 413
_TOO_LONG_WORDS = ("context_length", "context length", "too long", "too large", "maximum context")
_NO_CREDIT = "insufficient_quota"


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: httpx2.Headers
    text: str


def _hosts(url: str) -> str:
    """The pattern of URLs of the same host."""
    host = urlsplit(url).hostname or ""
    return f"all://[{host}]" if ":" in host else f"all://{host}"


def _nobody(_sentence: str) -> None:
    """Where progress is told to nobody."""


class ModelClient:
    """Asks one model; an async context manager.

    Args:
        name: what `paceline.toml` calls it.
        declaration: how it is reached.
        key: sent to its service and nowhere else.
        sleep: waits for seconds.
        clock: seconds since 1970, to read dates in answers by.
        say: is told why another try is made.
    """

    def __init__(
        self,
        name: str,
        declaration: ModelDeclaration,
        key: SecretStr | None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
        say: Callable[[str], None] = _nobody,
    ) -> None:
        self.name = name
        self.place = urlsplit(declaration.url).netloc
        self._declaration = declaration
        self._key = key
        self._sleep, self._clock, self._say = sleep, clock, say
        self._shape = Shape()
        seconds = declaration.timeout
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds)),
            # Minutes pass between two requests, and a connection that was kept would be closed by then.
            limits=httpx2.Limits(max_keepalive_connections=0),
            # A redirect could lead the key to another host.
            follow_redirects=False,
            # A service on this machine is not reached through a proxy, whatever NO_PROXY says.
            mounts={_hosts(declaration.url): None} if declaration.is_local else None,
        )

    async def __aenter__(self) -> ModelClient:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._http.aclose()

    async def ask(self, turns: Sequence[Turn], schema: dict[str, Any]) -> str:
        """Ask for one answer.

        Args:
            turns: the dialogue so far.
            schema: the JSON schema of the answer; services that know none are asked without.

        Returns:
            The answer's text, which may be anything.

        Raises:
            ModelError: one of its kinds, where there is no complete answer.
        """
        reply = await self._accepted(turns, schema)
        found = model_wire.answer(self._declaration, self._json(reply))
        if found is None:
            raise self._error(
                ModelNonsense, f"answered not as a service of kind `{self._declaration.kind}`; correct `kind`"
            )
        text, ending = found
        if ending == "declined":
            raise self._error(ModelRefused, f"declined{self._quoted(text)}; reword the notes")
        if ending == "cut off":
            limit = self._declaration.max_tokens
            sentence = f"was cut off after {limit:,} tokens; raise its `max_tokens`, or propose part by part"
            raise self._error(ModelTooLong, sentence, answer=self.redacted(text))
        # A service could echo what it was sent.
        return self.redacted(text)

    def redacted(self, text: str) -> str:
        """A text without the key."""
        secret = self._key.get_secret_value() if self._key else ""
        return text.replace(secret, "***") if secret else text

    async def _accepted(self, turns: Sequence[Turn], schema: dict[str, Any]) -> _Reply:
        """The reply to a request that the service takes, after a less demanding one where it has to be."""
        while True:
            reply = await self._tried(turns, schema)
            if reply.status < 300:
                return reply
            shape = model_wire.easier(self._shape, reply.text) if reply.status in (400, 422) else None
            if shape is None:
                raise self._refusal(reply)
            self._shape = shape

    async def _tried(self, turns: Sequence[Turn], schema: dict[str, Any]) -> _Reply:
        """The reply, after some more tries where the service is busy or failed."""
        for number in range(RETRIES + 1):
            reply = await self._sent(turns, schema)
            if reply.status != _BUSY and reply.status < 500:
                return reply
            seconds = self._wait(reply, number)
            if number == RETRIES or seconds > LONGEST_WAIT or _NO_CREDIT in reply.text:
                raise self._unavailable(reply, seconds)
            self._say(
                f"Model `{self.name}` answered with status {reply.status}; trying again in {seconds:.0f} s "
                f"({number + 1} of {RETRIES})."
            )
            await self._sleep(seconds)
        raise AssertionError("the last try returns or raises")

    async def _sent(self, turns: Sequence[Turn], schema: dict[str, Any]) -> _Reply:
        """Send one request and read its reply, within the time and the size it has."""
        declaration = self._declaration
        wanted = model_wire.request(declaration, turns, schema, self._shape)
        headers = {**declaration.headers, **wanted.headers, "Accept-Encoding": "identity"}
        if self._key is not None:
            headers |= model_wire.key_header(declaration, self._key.get_secret_value())
        try:
            # The timeouts of the client start anew with every byte; this one does not.
            async with asyncio.timeout(declaration.timeout):
                return await self._read(f"{declaration.url}{wanted.path}", headers, wanted.body)
        except (TimeoutError, httpx2.ReadTimeout, httpx2.WriteTimeout, httpx2.PoolTimeout):
            sentence = f"gave no answer within {declaration.timeout:g} s; raise its `timeout`, or try again"
            raise self._error(ModelTimeout, sentence) from None
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError):
            # The cause is left out: it may quote a header.
            raise ConfigurationError(
                f"The request to model `{self.name}` cannot be made; correct its base_url and headers."
            ) from None
        except httpx2.HTTPError as error:
            reason = self._quoted(str(error) or type(error).__name__)
            raise self._error(ModelUnreachable, f"cannot be reached{reason}; correct its base_url") from None

    async def _read(self, url: str, headers: dict[str, str], body: dict[str, Any]) -> _Reply:
        async with self._http.stream("POST", url, headers=headers, json=body) as response:
            data = bytearray()
            async for part in response.aiter_bytes():
                data += part
                if len(data) > RESPONSE_LIMIT:
                    sentence = f"answered with more than {RESPONSE_LIMIT:,} bytes, which no plan has"
                    raise self._error(ModelTooLong, f"{sentence}; look at its base_url")
            return _Reply(response.status_code, response.headers, data.decode(errors="replace"))

    def _json(self, reply: _Reply) -> object:
        try:
            return cast(object, json.loads(reply.text))
        except (ValueError, RecursionError):
            sentence = (
                f"sent a damaged answer{self._quoted(reply.text[:80])}; correct its base_url, or try again"
            )
            raise self._error(ModelNonsense, sentence) from None

    def _wait(self, reply: _Reply, number: int) -> float:
        """Seconds to the next try: what the service asks for (RFC 9110, Retry-After), else 1, 2, 4."""
        asked = reply.headers.get("retry-after", "").strip()
        if asked.isascii() and asked.isdigit() and len(asked) < 10:
            return float(asked)
        try:
            return max(0.0, parsedate_to_datetime(asked).timestamp() - self._clock())
        except (ValueError, TypeError, OverflowError):
            return 2.0**number

    def _unavailable(self, reply: _Reply, seconds: float) -> ModelError:
        said = self._complaint(reply)
        if reply.status != _BUSY:
            sentence = f"fails with status {reply.status}{said}; try again later"
            return self._error(ModelUnreachable, sentence, status=reply.status)
        later = f"try again in {seconds:.0f} s" if seconds > LONGEST_WAIT else "try again later"
        sentence = f"takes no more requests for now{said}; {later}"
        return self._error(ModelRateLimited, sentence, status=reply.status, retry_after=seconds)

    def _refusal(self, reply: _Reply) -> ModelError:
        said, status = self._complaint(reply), reply.status
        if status in (401, 403):
            variable = self._declaration.api_key_env
            remedy = f"correct the key in {variable}" if variable else "set its `api_key_env`"
            return self._error(ModelUnauthorized, f"does not accept the key{said}; {remedy}", status=status)
        if status == _TOO_LARGE or any(word in reply.text.lower() for word in _TOO_LONG_WORDS):
            return self._error(ModelTooLong, f"finds it too long{said}; propose part by part", status=status)
        if status < 400:
            sentence = "redirects to another address, which is not followed; correct its base_url"
            return self._error(ModelRefused, sentence, status=status)
        remedy = "correct its `model` and base_url" if status == 404 else "correct its declaration"
        return self._error(ModelRefused, f"refused with status {status}{said}; {remedy}", status=status)

    def _complaint(self, reply: _Reply) -> str:
        """What the service says is wrong, quoted."""
        try:
            found: Any = json.loads(reply.text)["error"]
            return self._quoted(found if isinstance(found, str) else str(found["message"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return ""

    def _quoted(self, text: str) -> str:
        """Foreign text in parentheses: one line, short, without the key and without control characters."""
        # The key goes first: a cut or a joined line could leave a part of it.
        plain = "".join(c if c.isprintable() else " " for c in self.redacted(text))
        line = " ".join(plain.split()).rstrip(".")
        return f" ({line[:_SAID_LIMIT]})" if line else ""

    def _error(self, kind: type[ModelError], sentence: str, **details: Any) -> ModelError:
        return kind(f"Model `{self.name}` at {self.place} {sentence}.", model=self.name, **details)
