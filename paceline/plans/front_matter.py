"""The YAML between two lines of hyphens at the start of a markdown file."""

from __future__ import annotations

import re
from typing import Any, cast

from paceline.plans.yaml_text import load_yaml

_FENCE = re.compile(r"\A---[ \t]*\r?\n(?P<yaml>.*?)(?:^---[ \t]*(?:\r?\n|\Z))", re.DOTALL | re.MULTILINE)
_PERSON = re.compile(
    r"^(?P<start>[ \t]*(?:-[ \t]+|(?:assignee|assignees|reporter|author|owner):[ \t]+\[?))(?P<name>@[\w.-]+)"
    r"(?P<end>\]?[ \t]*)$",
    re.MULTILINE,
)
"""A name such as `@ada`, which people write without the quotes that YAML asks for."""
_KEY = re.compile(r"^(?P<key>[A-Za-z_]\w*):", re.MULTILINE)


def keys_of(text: str) -> set[str]:
    """The keys of a text's front matter, without reading their values."""
    match = _FENCE.match(text)
    return set(_KEY.findall(match["yaml"])) if match else set()


def front_matter_of(text: str) -> tuple[list[tuple[str, str, int]], str]:
    """The one-line values of a front matter, with keys and lines, and the text with blank lines for it."""
    match = _FENCE.match(text)
    if match is None or not _KEY.search(match["yaml"]):
        return [], text
    values: list[tuple[str, str, int]] = []
    for number, line in enumerate(match["yaml"].splitlines(), start=2):
        key, colon, value = line.partition(":")
        if colon and key.strip() == key and value.strip():
            values.append((key, value.strip().strip("\"'"), number))
    return values, "\n" * match[0].count("\n") + text[match.end() :]


def split_front_matter(text: str, file: str | None = None) -> tuple[dict[str, Any], str]:
    """Split a text into its front matter and the rest.

    Args:
        text: all of it.
        file: its name, for messages only.

    Returns:
        The values, every scalar as the text that is written, and the text with blank lines in place of the
        front matter, so that its lines keep their numbers.

    Raises:
        PlanUnreadable: the front matter is no YAML.
    """
    match = _FENCE.match(text)
    if match is None:
        return {}, text
    yaml = _PERSON.sub(lambda found: f"{found['start']}'{found['name']}'{found['end']}", match["yaml"])
    data = load_yaml(yaml, file, strings=True, first_line=2)
    values = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    return values, "\n" * match[0].count("\n") + text[match.end() :]
