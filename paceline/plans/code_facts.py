"""What example code in a plan says: names with comments, or the fields of a record; the text is kept too."""

from __future__ import annotations

import re
from typing import Any

from paceline.plans.outline import Fence

_TOKENS = re.compile(
    r'(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<dots>\.\.\.)|(?P<mark>[{}\[\]:,])|(?P<word>[^\s{}\[\]:,"]+)'
)
_ENUM = re.compile(r"^[\w-]+(?:\|[\w-]+)+$")
_DEEPEST = 20


def read_example(fence: Fence) -> dict[str, Any]:
    """What a fence says.

    Args:
        fence: in any language. Its tag is not trusted: records are read from Python, JSON and what is only
            nearly JSON, such as `{...}`.

    Returns:
        `{"language", "text", "entries"}` for lines such as `name  # comment`, with `fields` for a record; an
        entry is `{"name", "text", "line"}`, a field `{"name", "value" | "enum" | "fields"}`.
    """
    found: dict[str, Any] = {"language": fence.info, "text": fence.text}
    entries = _entries(fence)
    if entries:
        found["entries"] = entries
    fields = _Record(fence.text).fields()
    if fields:
        found["fields"] = fields
    return found


def first_line(fence: Fence) -> int:
    """1-based source line on which the text of a fence starts."""
    return fence.line + (fence.info not in {"code_block", "html_block"})


def _entries(fence: Fence) -> list[dict[str, Any]]:
    """Lines of a name and a comment; a line that is only a comment is a heading of them."""
    found: list[dict[str, Any]] = []
    for number, line in enumerate(fence.text.split("\n"), first_line(fence)):
        for mark in (" # ", " // ", " -- "):
            name, sign, comment = line.partition(mark)
            if sign and name.strip() and " " not in name.strip():
                found.append({"name": name.strip(), "text": comment.strip(), "line": number})
                break
    return found


class _Record:
    """Reads one record that looks like JSON; whatever does not ends the reading."""

    def __init__(self, text: str) -> None:
        self._tokens = [
            (kind, match[kind]) for match in _TOKENS.finditer(text) if (kind := match.lastgroup) is not None
        ]
        self._at = 0

    def fields(self) -> list[dict[str, Any]]:
        """The fields of the outermost record; nothing where the text is none."""
        if self._peek() != ("mark", "{"):
            return []
        self._at += 1
        return self._members(0)

    def _peek(self) -> tuple[str, str] | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _members(self, depth: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while (token := self._peek()) is not None:
            self._at += 1
            if token == ("mark", "}"):
                break
            if token[0] in {"text", "word"} and self._peek() == ("mark", ":"):
                self._at += 1
                found.append({"name": token[1].strip("\"'"), **self._value(depth)})
        return found

    def _value(self, depth: int) -> dict[str, Any]:
        token = self._peek()
        if token is None:
            return {}
        self._at += 1
        if token == ("mark", "{") and depth < _DEEPEST:
            fields = self._members(depth + 1)
            return {"fields": fields} if fields else {}
        if token == ("mark", "["):
            return {"value": self._list()}
        text = token[1].strip("\"'")
        if _ENUM.match(text):
            return {"enum": text.split("|")}
        return {"value": text if token[0] == "text" else _number(text)}

    def _list(self) -> list[Any]:
        found: list[Any] = []
        while (token := self._peek()) is not None:
            self._at += 1
            if token == ("mark", "]"):
                break
            if token[0] in {"text", "word"}:
                found.append(token[1].strip("\"'") if token[0] == "text" else _number(token[1]))
        return found


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
