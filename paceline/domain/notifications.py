"""Telling people outside of a run that a question waits for them: who hears of what, and how that went."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from paceline.domain.events import Event
from paceline.domain.model import Model

COMMAND = "command"
"""Name of the receiver that is a command; webhooks have names of their own."""
LONGEST_TRY = 60.0
"""Seconds that one try may take at most."""
LONGEST_PAUSE = 3600.0
"""Seconds between two tries at most."""


class NotifiedEvent(StrEnum):
    """Events that people can be told of."""

    ASKED = "question.asked"
    REMINDED = "question.reminded"
    ESCALATED = "question.escalated"
    OVERDUE = "question.overdue"
    ANSWERED = "question.answered"


_URGENT = (NotifiedEvent.ASKED, NotifiedEvent.REMINDED, NotifiedEvent.ESCALATED, NotifiedEvent.OVERDUE)


class Webhook(Model):
    """An address that gets each message as JSON by POST."""

    url: str | None = None
    url_env: str | None = None
    """Name of an environment variable with the address, where that is itself a secret."""
    secret_env: str | None = None
    """Name of an environment variable with the secret that messages are signed with."""

    @field_validator("url")
    @classmethod
    def _an_address(cls, given: str | None) -> str | None:
        if given is not None:
            found = urlsplit(given)
            if found.scheme not in ("http", "https") or not found.hostname:
                raise ValueError("write an address that begins with https:// or http://")
            if found.username or found.password:
                raise ValueError("an address with a password belongs into a variable that `url_env` names")
        return given

    @model_validator(mode="after")
    def _one_address(self) -> Webhook:
        if (self.url is None) == (self.url_env is None):
            raise ValueError("give either `url` or `url_env`")
        return self


class NotifyOptions(Model):
    """The table `[notify]`: who is told. Durations are seconds."""

    command: list[str] = Field(default_factory=list[str], max_length=100)
    """A program and its arguments; it gets the message on standard input. Empty: none."""
    environment: list[str] = Field(default_factory=list[str])
    """Names of variables that the command may see beside the basic ones."""
    webhooks: dict[str, Webhook] = Field(default_factory=dict[str, Webhook], max_length=20)
    events: list[NotifiedEvent] = Field(default_factory=lambda: list(_URGENT))
    timeout: float = Field(default=10.0, gt=0, le=LONGEST_TRY)
    """Of one try."""
    tries: int = Field(default=12, ge=1, le=100)
    """After so many it is given up; people can have it sent again."""
    pause: float = Field(default=2.0, gt=0, le=LONGEST_PAUSE)
    """Before the second try; doubled for each further one, up to an hour."""

    @model_validator(mode="after")
    def _names(self) -> NotifyOptions:
        if COMMAND in self.webhooks:
            raise ValueError("a webhook cannot be called `command`")
        return self

    def receivers(self) -> list[str]:
        """The names of all who are told."""
        return [*([COMMAND] if self.command else []), *self.webhooks]

    def pause_after(self, tries: int) -> float:
        """Seconds before the next try, after so many."""
        return min(self.pause * 2.0 ** min(tries - 1, 30), LONGEST_PAUSE)


class Notification(Model):
    """One message to one receiver."""

    id: str
    """The same at each try, so that a receiver can leave out what it has."""
    project: str
    event: str
    name: str
    question: str
    receiver: str
    body: str
    state: str
    """`waiting`, `sent` or `dead`."""
    tries: int
    fence: int
    due_at: datetime
    code: str | None = None
    reason: str | None = None
    made_at: datetime
    sent_at: datetime | None = None
    subscription: str | None = None
    """The webhook of events that it is delivered for; None: it is about a question."""
    number: int | None = None
    """Of the event that a webhook gets."""


def notification_id(event: Event, receiver: str) -> str:
    """Names a message; the same for the same event and receiver, also after a database was restored."""
    named = json.dumps([event.project, event.key, receiver])
    return f"n-{hashlib.sha256(named.encode()).hexdigest()[:24]}"


def message(id: str, event: Event) -> str:
    """What a receiver gets, as JSON."""
    said: dict[str, Any] = {
        "id": id,
        "event": event.name,
        "number": event.number,
        "at": event.at.isoformat(),
        "project": event.project,
        "story": event.story,
        "actor": event.actor,
        **event.data,
    }
    return json.dumps(said, ensure_ascii=False)


def signature(secret: str, timestamp: str, body: str) -> str:
    """HMAC-SHA256 (RFC 2104) of `<timestamp>.<body>` as a header's value.

    The time is signed too, so that a receiver can refuse what is old and cannot be sent again by others.
    """
    signed = f"{timestamp}.{body}".encode()
    return f"v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
