"""Examples of requests and replies, from `examples.json` beside this file.

By operation id: `path`, the values of its path; `requests` by name, each with a `summary`, a `value`, and
under `status` what an application with the run of the tests answers to it; `replies` by status. Tests send
each request and hold each reply to its schema.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

PLACE = Path(__file__).with_name("examples.json")


@dataclass(frozen=True)
class Sent:
    """A request's body, and what comes of it."""

    summary: str
    status: int
    value: Any


@dataclass(frozen=True)
class Examples:
    """Of one operation."""

    path: dict[str, str] = field(default_factory=dict[str, str])
    requests: dict[str, Sent] = field(default_factory=dict[str, Sent])
    replies: dict[str, Any] = field(default_factory=dict[str, Any])


def examples(operation: str) -> Examples:
    """The examples of an operation; none where it has none."""
    return _all().get(operation, Examples())


def exemplified() -> list[str]:
    """Ids of the operations that have some."""
    return sorted(_all())


@cache
def _all() -> dict[str, Examples]:
    found: dict[str, dict[str, Any]] = json.loads(PLACE.read_text(encoding="utf-8"))
    return {
        name: Examples(
            path=row.get("path", {}),
            requests={key: Sent(**sent) for key, sent in row.get("requests", {}).items()},
            replies=row.get("replies", {}),
        )
        for name, row in found.items()
    }
