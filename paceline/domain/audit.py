"""The chain of the audit log: each entry's hash covers its own fields and the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from pydantic import Field

from paceline.domain.model import Model

FIRST = "0" * 64
"""What the first entry has for the hash of the one before."""


class AuditDraft(Model):
    """One request to change something, and what came of it."""

    actor: str
    role: str
    """Empty where nobody was recognised."""
    token: str = ""
    """Id of the token; empty where there was none, or it was `PACELINE_API_TOKEN`."""
    method: str
    path: str
    project: str = ""
    request: str
    """The request's id, which the answer and the process's log have too."""
    status: int
    code: str = ""
    """The stable code of a refusal."""
    body: str
    """SHA-256 of what was read of the body, in hexadecimal digits."""


class AuditEntry(AuditDraft):
    """The same with its place in the chain."""

    number: int
    at: datetime
    previous: str
    hash: str


class AuditHead(NamedTuple):
    """The newest entry's number and hash."""

    number: int
    hash: str


BreakKind = Literal["changed", "removed", "replaced", "inserted"]


class AuditBreak(Model):
    """A place where the chain does not hold."""

    number: int
    kind: BreakKind
    message: str


class AuditCheck(Model):
    """What looking at the whole chain found."""

    entries: int
    last: int
    hash: str
    """Number and hash of the newest entry: kept elsewhere, they show later that all up to it stayed."""
    breaks: list[AuditBreak] = Field(default_factory=list[AuditBreak])


def entry_hash(draft: AuditDraft, number: int, at: datetime, previous: str) -> str:
    """SHA-256 of an entry: of its fields by name as JSON, which include the hash of the one before."""
    fields = draft.model_dump(mode="json", include=set(AuditDraft.model_fields))
    fields |= {"number": number, "at": at.astimezone(UTC).isoformat(), "previous": previous}
    text = json.dumps(fields, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def chained(draft: AuditDraft, head: AuditHead, at: datetime) -> AuditEntry:
    """The entry that follows the newest one."""
    number = head.number + 1
    found = entry_hash(draft, number, at, head.hash)
    return AuditEntry(**draft.model_dump(), number=number, at=at, previous=head.hash, hash=found)


def check_chain(
    entries: Iterable[AuditEntry], end: Callable[[], AuditHead | None], known: AuditHead | None = None
) -> AuditCheck:
    """Look at every entry.

    Args:
        entries: all of them, by number.
        end: asked after the last of them, what the database says the newest one is; None: it says nothing.
        known: number and hash that were written down elsewhere.
    """
    check = AuditCheck(entries=0, last=0, hash=FIRST)
    seen: str | None = None
    for entry in entries:
        check.breaks += _breaks_at(entry, check.last, check.hash)
        check.entries, check.last, check.hash = check.entries + 1, entry.number, entry.hash
        if known is not None and entry.number == known.number:
            seen = entry.hash
    check.breaks += _breaks_at_the_end(check, end())
    if known is not None and seen != known.hash:
        check.breaks.append(_break(known.number, "replaced", "is not the one with the hash that you gave"))
    return check


def _breaks_at(entry: AuditEntry, last: int, previous: str) -> Iterator[AuditBreak]:
    if entry.number < 1:
        yield _break(entry.number, "inserted", "was inserted: the log begins with 1")
        return
    for number in range(last + 1, min(entry.number, last + 21)):
        yield _break(number, "removed", "was removed")
    if entry.hash != entry_hash(entry, entry.number, entry.at, entry.previous):
        yield _break(entry.number, "changed", "was changed: its hash is another one's")
    elif entry.number == last + 1 and entry.previous != previous:
        before = max(last, 1)
        yield _break(before, "replaced", f"was replaced: entry {entry.number} followed another one")


def _breaks_at_the_end(check: AuditCheck, head: AuditHead | None) -> Iterator[AuditBreak]:
    if head is None:
        if check.entries:
            yield _break(
                check.last, "removed", "is the last one, and the record of the log's end was removed"
            )
        return
    for number in range(head.number + 1, min(check.last + 1, head.number + 21)):
        yield _break(number, "inserted", f"was inserted: the log's end is {head.number}")
    for number in range(check.last + 1, min(head.number + 1, check.last + 21)):
        yield _break(number, "removed", "was removed")
    if check.last == head.number and check.hash != head.hash:
        yield _break(check.last, "replaced", "was replaced: the log's end has another hash")


def _break(number: int, kind: BreakKind, what: str) -> AuditBreak:
    return AuditBreak(number=number, kind=kind, message=f"Entry {number} {what}.")
