"""Webhooks: addresses outside that get events, signed in the way of Standard Webhooks.

The headers, the secret's form and what is signed are those of https://www.standardwebhooks.com, so that
receivers can use a library of theirs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from paceline.domain.addresses import Network, address_of, may_be_reached
from paceline.domain.events import Event, EventType
from paceline.domain.model import Model
from paceline.domain.notifications import LONGEST_PAUSE

SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets begin, none itself
SECRET_BYTES = (24, 64)
"""How long a secret is, without its prefix and decoded: at least and at most."""
PING = "webhook.ping"
"""The type of a message that only tries the address."""
LONGEST_URL = 2000

EventFilter = Annotated[
    str, StringConstraints(pattern=r"^(?:[A-Z_]{1,60}|[a-z_]{1,60}(?:\.[a-z_]{1,60})*(?:\.\*)?)$")
]
"""A type such as `HITL_REQUEST`, a name such as `story.merged`, or the names that begin so: `story.*`."""
WebhookName = Annotated[str, StringConstraints(pattern=r"^[\w][\w .@+-]{0,59}$")]


class WebhookSubscription(Model):
    """A webhook as it may be shown: without its secret, and without what its address has beside its host."""

    id: str
    name: str
    address: str
    """Scheme and host; a path or query, which may be secret, is only hinted at."""
    projects: list[str] = Field(default_factory=list[str])
    """The projects whose events it gets; none: all."""
    events: list[str] = Field(default_factory=list[str])
    """Types, names, or beginnings of names; none: all."""
    active: bool
    reason: str | None = None
    """Why it is paused."""
    sealed: bool
    """Whether address and secret are kept encrypted."""
    made_at: datetime
    made_by: str
    previous_until: datetime | None = None
    """Until when messages are also signed with the secret before the last rotation."""
    failing_since: datetime | None = None
    """The first failure after which nothing arrived; None: the last one arrived."""
    held_until: datetime | None = None
    """Nothing is tried before."""
    last_sent_at: datetime | None = None


class ProjectDeliveries(Model):
    """What one run's events and what was delivered of them come to."""

    project: str
    after: int
    """The number after which the webhook wants events."""
    last: int
    """The number of the newest event."""
    wanted: int
    """Events that the webhook is to get, of those that were looked at."""
    sent: int
    waiting: int
    """Written down or still to be, and on their way."""
    dead: int
    """Given up."""
    missing: int
    """Neither delivered nor on their way."""
    gaps: list[tuple[int, int]] = Field(default_factory=list[tuple[int, int]])
    """First and last numbers of dead and missing ones, joined over events that nobody wants; at most 100."""


class Reconciliation(Model):
    """What a webhook got, compared with the events table."""

    webhook: str
    projects: list[ProjectDeliveries]
    queued: int
    """How many are delivered again for it."""


def matches(filters: Sequence[str], name: str, type: str) -> bool:
    """Whether a webhook with these filters gets an event of this name and type."""
    if not filters:
        return True
    return any(
        each in (name, type) or (each.endswith(".*") and name.startswith(each[:-1])) for each in filters
    )


def known_filters(filters: Sequence[str]) -> list[str]:
    """The filters without repeats.

    Raises:
        ValueError: one looks like a type and is none.
    """
    for each in filters:
        if each.isupper() and each not in EventType.__members__:
            raise ValueError(f"{each} is no type of events; these are: {', '.join(EventType)}")
    return list(dict.fromkeys(filters))


def checked_url(given: str, allowed: tuple[Network, ...]) -> str:
    """An address that messages may be sent to, as far as can be said without asking for its host.

    Raises:
        ValueError: it is none, in words for people; they do not repeat it.
    """
    found = urlsplit(given)
    if found.scheme not in ("http", "https") or not found.hostname or not given.isascii():
        raise ValueError("write an address that begins with https:// or http://, in ASCII")
    if re.search(r"[\x00-\x20\x7f]", given) or len(given) > LONGEST_URL or found.port == 0:
        raise ValueError(f"an address has no blanks and at most {LONGEST_URL} characters")
    if found.username is not None or found.password is not None:
        raise ValueError("an address has no user and password; the signature says who sends")
    literal = address_of(found.hostname)
    if literal is not None and not may_be_reached(literal, allowed):
        raise ValueError(
            "the address is not a public one; to allow it, name its network in PACELINE_WEBHOOK_NETWORKS of "
            f"API and workers, such as {literal}"
        )
    return given


def shown_address(url: str) -> str:
    """Scheme, host and port of an address."""
    found = urlsplit(url)
    beside = "/…" if found.path not in ("", "/") or found.query else ""
    return f"{found.scheme}://{found.netloc.rpartition('@')[2]}{beside}"


def secret_of(raw: bytes) -> str:
    """A secret in its written form."""
    return SECRET_PREFIX + base64.b64encode(raw).decode()


def secret_bytes(written: str) -> bytes:
    """The key that a written secret stands for.

    Raises:
        ValueError: it is none; the words do not repeat it.
    """
    least, most = SECRET_BYTES
    try:
        raw = base64.b64decode(written.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not written.startswith(SECRET_PREFIX) or not least <= len(raw) <= most:
        raise ValueError(f"a secret is {SECRET_PREFIX} and {least} to {most} random bytes in base64")
    return raw


def message_of(event: Event) -> str:
    """What a receiver gets of an event, the same at each try, as JSON."""
    said = {"type": event.name, "timestamp": event.at.isoformat(), "data": event.model_dump(mode="json")}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def ping_of(webhook: str, at: datetime) -> str:
    """What a receiver gets to try it."""
    said = {"type": PING, "timestamp": at.isoformat(), "data": {"webhook": webhook}}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def signed_headers(secrets: Sequence[str], id: str, timestamp: int, body: str) -> dict[str, str]:
    """Id, time and a signature with each secret, as headers.

    Args:
        secrets: in their written form, the newest first.
        id: of the message.
        timestamp: seconds since 1970.
        body: exactly what is sent.
    """
    signed = f"{id}.{timestamp}.{body}".encode()
    made = [
        base64.b64encode(hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()).decode()
        for secret in secrets
    ]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{each}" for each in made),
    }


def pause_after(pause: float, tries: int, share: float) -> float:
    """Seconds before the next try, after so many: doubled each time up to an hour.

    Args:
        pause: before the second try, in seconds.
        tries: so far.
        share: of the whole pause, random from 0.5 to 1, so that messages that failed together do not come
            back together.
    """
    return min(pause * 2.0 ** min(tries - 1, 30), LONGEST_PAUSE) * share
