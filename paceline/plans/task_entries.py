"""Entries of task lists: ids in front of a text, and what stands in it about people, order and files."""

from __future__ import annotations

import re

from paceline.domain.plan import File
from paceline.plans.inline import code_spans

_WAITS = re.compile(
    r"[(\[]?\b(?:depends? on|dependencies|blocked by|waits for)\b:?\s*"
    r"(?P<names>[#A-Za-z]*[-#]?\d[\w.#-]*(?:\s*(?:,|and|&|\+)\s*[#A-Za-z]*[-#]?\d[\w.#-]*){0,50})\s*[)\]]?",
    re.IGNORECASE,
)
_MENTION = re.compile(r"(?<![\w@/.])@(?P<name>[A-Za-z0-9][\w-]{0,60})")
_POINTS = re.compile(
    r"[(\[](?P<number>\d{1,4}(?:\.\d+)?)\s*(?:story\s+)?(?:points?|pts?|sp)\s*[)\]]", re.IGNORECASE
)
_ENDINGS = (
    "py|pyi|md|toml|json|ya?ml|tsx?|jsx?|css|html|sql|sh|txt|cfg|ini|rs|go|java|kt|rb|php|cs|proto|svg|xml"
)
_PATH = re.compile(
    rf"(?<![\w/.@\[\]{{}}*-])(?:(?:[\w.\[\]{{}}*-]+/)+(?:[\w.\[\]{{}}*-]*\w)?|[a-z_][\w-]*\.(?:{_ENDINGS})\b)"
)
_FILE_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,7}$")
_PLACEHOLDER = frozenset("[]{}")


def take_waits(text: str) -> tuple[str, str | None]:
    """Split off what a task waits for, such as `(depends on T001, T002)`, as its names."""
    match = _WAITS.search(text)
    if match is None:
        return text, None
    rest = f"{text[: match.start()].rstrip(' ,;')}{text[match.end() :]}".strip()
    return rest, match["names"]


def take_points(text: str) -> tuple[str, float | None]:
    """Split off `(3 points)`."""
    match = _POINTS.search(text)
    if match is None:
        return text, None
    return f"{text[: match.start()].rstrip()}{text[match.end() :]}".strip(), float(match["number"])


def mentions(text: str) -> list[str]:
    """The people that `@name` calls, in order."""
    return list(dict.fromkeys(match["name"] for match in _MENTION.finditer(text)))


def paths_in(text: str) -> list[File]:
    """The paths that running text names: those in backticks, and bare ones with a slash or an ending."""
    plain = re.sub(r"`[^`]*`", " ", text)
    words = [*code_spans(text), *(match[0].rstrip(".,;:") for match in _PATH.finditer(plain))]
    found = [word for word in words if _is_path(word)]
    return [File(path=f"{path}**" if path.endswith("/") else path) for path in dict.fromkeys(found)]


def _is_path(word: str) -> bool:
    if " " in word or "//" in word or word.startswith(("/", "-", "@", "http")) or _PLACEHOLDER & set(word):
        return False
    named = bool(_FILE_ENDING.search(word)) and not word[:1].isdigit()
    return word.endswith("/") or named
