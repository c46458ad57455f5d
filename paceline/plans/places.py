"""Where in its line a finding is: readers know lines, and the text tells the column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from paceline.domain.plan import Finding
from paceline.plans.findings import Code

_NEWLINE = re.compile(r"\r\n?|\n")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_WITHOUT_BLANKS = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]")
_LOOKED_AT = 4_000
"""Characters of a line in which a name is looked for: a file may be one line, with thousands of findings."""

_NAMED_LAST = frozenset(
    {
        Code.UNKNOWN_DEPENDENCY,
        Code.AMBIGUOUS_DEPENDENCY,
        Code.DEPENDENCY_CYCLE,
        Code.UNKNOWN_AGENT,
        Code.AMBIGUOUS_AGENT,
        Code.PHASE_NAMES_NO_AGENT,
        Code.UNSAFE_PATH,
        Code.OWNERSHIP_CROSSED,
        Code.FILES_SHARED_IN_WAVE,
        Code.PARTIAL_DEPENDENCY,
    }
)
"""Codes whose sentence begins with who says it, and ends with what is wrong."""

_NUMBERS = frozenset(
    {
        Code.POINTS_DIFFER,
        Code.COUNT_DIFFERS,
        Code.TEAM_SIZE_DIFFERS,
        Code.AGENT_LOAD_DIFFERS,
        Code.POINTS_WITHOUT_ROWS,
    }
)
"""Codes that are about a number, which comes before any name."""


def located(findings: Iterable[Finding], texts: Mapping[str, str]) -> list[Finding]:
    """Give findings their columns.

    Args:
        findings: with lines; a column that is known stays.
        texts: the plan's text by file name as findings have it, or the only text under any name.

    Returns:
        The same findings in the same order. A column is 1-based and counts characters: it is where the name,
        path or number stands that the finding is about, else the first character of the line that is no
        blank. None where the line or its text is not known.
    """
    lines = _Lines(texts)
    return [_located(found, lines) for found in findings]


class _Lines:
    """The lines of every file, split when they are first asked for."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._split: dict[str, list[str]] = {}

    def line(self, file: str | None, number: int) -> str | None:
        name = file or ""
        if name not in self._texts and len(self._texts) == 1:
            name = next(iter(self._texts))
        if name not in self._texts:
            return None
        if name not in self._split:
            self._split[name] = _NEWLINE.split(self._texts[name].removeprefix("\ufeff"))
        lines = self._split[name]
        return lines[number - 1] if 0 < number <= len(lines) else None


def _located(found: Finding, lines: _Lines) -> Finding:
    if found.column is not None or found.line is None:
        return found
    line = lines.line(found.file, found.line)
    if line is None:
        return found
    return found.model_copy(update={"column": _column(found, line[:_LOOKED_AT])})


def _column(found: Finding, line: str) -> int:
    for name in _named(found):
        at = _find_word(line, name)
        if at is not None:
            return at + 1
    return len(line) - len(line.lstrip()) + 1 if line.strip() else 1


def _named(found: Finding) -> Iterator[str]:
    """What the sentence names, what it is about first."""
    parts = found.message.split("`")
    names = parts[1::2]
    if found.code in _NUMBERS:
        yield from _NUMBER.findall("".join(parts[::2]))
    yield from reversed(names) if found.code in _NAMED_LAST else names


def _find_word(line: str, name: str) -> int | None:
    """The first place where a name stands that is not a part of a longer one."""
    if not name.strip():
        return None
    at = line.find(name)
    while at >= 0:
        end = at + len(name)
        if not (_joins(line, at - 1, name[0]) or _joins(line, end, name[-1]) or _goes_on(line, end)):
            return at
        at = line.find(name, at + 1)
    return None


def _joins(line: str, at: int, edge: str) -> bool:
    """Whether the character beside a name belongs to its word; Chinese has no blanks between words."""
    beside = line[at] if 0 <= at < len(line) else ""
    return edge.isalnum() and beside.isalnum() and not _WITHOUT_BLANKS.match(edge)


def _goes_on(line: str, end: int) -> bool:
    """`Story 1` is not named by `Story 1.1`."""
    return line[end : end + 1] == "." and line[end + 1 : end + 2].isdigit() and line[end - 1].isdigit()
