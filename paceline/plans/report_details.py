"""What a completion report says beside its work: endpoints, events, files, counts, dates and results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from paceline.domain.plan import Story
from paceline.plans.fields import flat, split_parenthesis
from paceline.plans.inline import code_spans
from paceline.plans.labels import Words
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Bullet, Fence, Paragraph, Section, bullets_under
from paceline.plans.quantities import whole_number

_ENDPOINT = re.compile(r"^(?:(?P<method>GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\s+)?(?P<path>/\S*)$")
_API = re.compile(r"^/(?:api/v?\d|api/[^.]*$|v\d+/)")
_SOCKET = re.compile(r"^(?:wss?://\S+|/ws\b\S*)$")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,7}$")
_PARAMETER = re.compile(r"\{(\w+)\}")
_EVENT = re.compile(r"^(?:(?P<word>[A-Za-z]+)\s+)?`(?P<name>[^`]+)`(?P<rest>.*)$")
_NEW = Words("value.new_file")
_CHANGED = frozenset({"enhanced", "updated", "modified", "changed", "extended", "improved", "existing"})
_STATES = re.compile(
    r"\b(?P<subject>\w+) (?:states|statuses):\s*(?P<values>[A-Z][A-Z_]*(?:\s*,\s*[A-Z][A-Z_]*)+)"
)
_TYPES = re.compile(r"\b(?P<subject>\w+) types \((?P<values>[^()]+)\)")
_COUNT = re.compile(r"^(?P<count>\d{1,9})(?:\s+(?P<what>[A-Za-z]\w*))?$")
_RESULT = re.compile(
    r"\b\d+\s*/\s*\d+ (?:tests?|checks?|suites?) (?:passed|passing|succeeded)\b", re.IGNORECASE
)
_CODE_NAME = re.compile(r"^[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+$")
_DASHES = " \t-\u2013\u2014:"
_DATES = ("%Y-%m-%d", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%B %d %Y", "%d.%m.%Y", "%Y/%m/%d")

# The first word of an endpoint's description, and the method that it usually means.
_METHODS = {
    **dict.fromkeys(("get", "list", "show", "read", "fetch", "download", "search", "view", "return"), "GET"),
    **dict.fromkeys(("delete", "remove", "clean", "purge", "clear"), "DELETE"),
    **dict.fromkeys(("update", "change", "edit", "replace", "set"), "PUT"),
    **dict.fromkeys(
        ("create", "add", "generate", "reset", "trigger", "force", "start", "stop", "send", "submit"), "POST"
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListedFile:
    """An entry of the report's list of files."""

    path: str
    new: bool
    note: str | None
    line: int


@dataclass(slots=True)
class FileIndex:
    """The report's list of files, found by the end of a path."""

    files: list[ListedFile] = field(default_factory=list[ListedFile])

    def find(self, written: str) -> ListedFile | None:
        """The only file whose path is, or ends in, what is written."""
        wanted = written.strip("/")
        exact = [each for each in self.files if each.path == wanted]
        ends = exact or [each for each in self.files if each.path.endswith(f"/{wanted}")]
        return ends[0] if len(ends) == 1 else None


def listed_files(section: Section) -> list[ListedFile]:
    """The paths of a section's bullets; they are new where its heading says so."""
    words = set(re.findall(r"[a-z]+", section.title.text.lower()))
    new = bool(words & {"new", "created", "added"}) and not words & {"modified", "changed", "updated"}
    found: list[ListedFile] = []
    for bullet in bullets_under(section):
        spans = code_spans(bullet.text.text)
        if spans and bullet.text.text.startswith("`"):
            note = bullet.text.text.split("`", 2)[2].strip(_DASHES)
            marked = note.startswith("(") and note.strip("()") in _NEW
            found.append(ListedFile(spans[0].removeprefix("./"), new or marked, note or None, bullet.line))
        elif "/" in bullet.text.text and " " not in bullet.text.text:
            found.append(ListedFile(bullet.text.text.removeprefix("./"), new, None, bullet.line))
    return found


def endpoints_of(story: Story) -> list[dict[str, Any]]:
    """The endpoints that the tasks of a story start with; methods are only those that are written."""
    found: list[dict[str, Any]] = []
    for task in story.tasks:
        span = next(iter(code_spans(task.text)), None)
        match = _ENDPOINT.match(span.strip()) if span and task.text.startswith("`") else None
        if match is None or not is_endpoint(match["path"], match["method"]):
            continue
        description = task.text.split("`", 2)[2].strip(_DASHES) or None
        found.append(
            {
                "path": match["path"],
                "method": match["method"],
                "method_inferred": match["method"] or _inferred(description or ""),
                "description": description,
                "params": _PARAMETER.findall(match["path"]),
                "group": story.title,
                "admin": bool(re.search(r"\badmin\b", description or "", re.IGNORECASE)),
                "line": task.line,
            }
        )
    return found


def is_endpoint(path: str, method: str | None = None) -> bool:
    """Whether a path is served: it has a method or an API's prefix, and no file's ending."""
    return not _EXTENSION.search(path) and (method is not None or bool(_API.match(path)))


def sockets_of(bullets: Iterable[Bullet]) -> list[dict[str, Any]]:
    """WebSocket addresses in backticks."""
    return [
        {"path": span, "line": bullet.line}
        for bullet in bullets
        for span in code_spans(bullet.text.text)
        if _SOCKET.match(span)
    ]


def events_of(section: Section) -> list[dict[str, Any]]:
    """The events of a section that adds some; `Enhanced` before one says that it was there before."""
    found: list[dict[str, Any]] = []
    for bullet in bullets_under(section):
        match = _EVENT.match(bullet.text.text)
        if match:
            word = (match["word"] or "new").lower()
            kind = "enhanced" if word in _CHANGED else "new"
            description = match["rest"].strip(_DASHES) or None
            found.append(
                {"name": match["name"], "kind": kind, "description": description, "line": bullet.line}
            )
    return found


def values_named(bullets: Iterable[Bullet]) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Sets of values that running text names, as `(states or types, {subject, values}, line)`."""
    for bullet in bullets:
        for name, pattern in (("states", _STATES), ("types", _TYPES)):
            match = pattern.search(bullet.text.text)
            if match and "," in match["values"]:
                values = [value.strip() for value in match["values"].split(",")]
                yield name, {"subject": match["subject"].lower(), "values": values}, bullet.line


def models_of(bullets: Iterable[Bullet]) -> list[str]:
    """Names in backticks that look like classes."""
    spans = (span for bullet in bullets for span in code_spans(bullet.text.text))
    return list(dict.fromkeys(span for span in spans if _CODE_NAME.match(span)))


def stated_count(label: str, text: str) -> tuple[int, str] | None:
    """`4 endpoints` as its number and its noun, which may be the label's last word.

    None for a fraction such as `3/3`, which counts nothing.
    """
    match = _COUNT.match(text.strip())
    if match is None or not label.split():
        return None
    return int(match["count"]), (match["what"] or label.split()[-1]).lower().removesuffix("s")


def heading_count(section: Section) -> int | None:
    """The number in parentheses at the end of a heading."""
    _, remark = split_parenthesis(without_pictures(section.title.text))
    return None if remark is None else whole_number(remark)


def result_of(section: Section) -> tuple[str, int] | None:
    """The line that says how the tests ended, in a fence or in running text."""
    for block in section.blocks:
        if isinstance(block, Fence):
            for offset, line in enumerate(block.text.splitlines()):
                if _RESULT.search(line):
                    return line.strip(), block.line + offset + (not block.info.endswith("_block"))
        elif isinstance(block, Paragraph):
            for text in block.lines:
                if _RESULT.search(text.text):
                    return without_pictures(text.text), text.line
    return None


def iso_date(text: str) -> str | None:
    """A date as `2025-09-12`; None where it is in no known form."""
    bare = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", text.strip())
    for form in _DATES:
        try:
            return datetime.strptime(bare, form).date().isoformat()
        except ValueError:
            continue
    return None


def all_bullets(section: Section) -> list[Bullet]:
    """The bullets under a heading, with those below them."""
    return flat(bullets_under(section))


def _inferred(description: str) -> str | None:
    words = re.findall(r"[a-z]+", description.lower())
    if words and words[0] in _METHODS:
        return _METHODS[words[0]]
    return "DELETE or POST" if "cleanup" in words else None
