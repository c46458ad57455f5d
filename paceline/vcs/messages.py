"""Commit messages with trailers that a hostile title cannot forge."""

from __future__ import annotations

import re
from collections.abc import Mapping

STORY_TRAILER = "Paceline-Story"
"""Its value is the workflow id of the story that a merge commit belongs to."""

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")
_RESERVED = re.compile(r"^\s*paceline-[a-z-]*\s*:", re.IGNORECASE)


def commit_message(message: str, trailers: Mapping[str, str]) -> str:
    """A message with its trailers as the last paragraph.

    Lines of `message` that look like one of Paceline's trailers are quoted, and a value stays on its line,
    so that only `trailers` can say what `find_merge` believes.
    """
    plain = _CONTROL.sub("", message.replace("\r\n", "\n").replace("\r", "\n"))
    lines = [f"> {line}" if _RESERVED.match(line) else line.rstrip() for line in plain.split("\n")]
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() or "Work"
    block = "\n".join(f"{_key(key)}: {_on_one_line(value)}" for key, value in trailers.items())
    return f"{body}\n\n{block}\n" if block else f"{body}\n"


def trailer_values(message: str, key: str) -> list[str]:
    """The values of a trailer in the last paragraph of a message."""
    last = message.rstrip("\n").rsplit("\n\n", 1)[-1]
    prefix = f"{key}: "
    return [line.removeprefix(prefix) for line in last.split("\n") if line.startswith(prefix)]


def _key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is not a trailer's name")
    return key


def _on_one_line(value: str) -> str:
    return " ".join(_CONTROL.sub(" ", value).split())
