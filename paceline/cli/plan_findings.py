"""Findings for people: like ones together, errors first, each with its place and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from paceline.cli.plan_sections import plain
from paceline.cli.terminal import counted
from paceline.domain.plan import Finding

_FEW = 3
"""Like findings that an entry prints."""
_LINES = 8
"""Lines of the others that it names."""


@dataclass(slots=True)
class Group:
    """Findings with one code and one remedy."""

    findings: list[Finding] = field(default_factory=list[Finding])

    @property
    def first(self) -> Finding:
        """The first by its place."""
        return self.findings[0]


def grouped(findings: Sequence[Finding]) -> list[Group]:
    """Like findings together, in the order of the first of each."""
    groups: dict[tuple[str, str | None], Group] = {}
    for found in findings:
        groups.setdefault((found.code, found.remedy), Group()).findings.append(found)
    return list(groups.values())


def print_findings(
    console: Console, findings: Sequence[Finding], place: Callable[[str | None], str], *, everything: bool
) -> None:
    """Print findings.

    Args:
        console: where to.
        findings: errors first, then by place.
        place: what a person calls a file that a finding names.
        everything: print each like finding, and not only the first ones.
    """
    for group in grouped(findings):
        shown = group.findings if everything or len(group.findings) <= _FEW + 1 else group.findings[:_FEW]
        for found in shown:
            console.print(finding_line(place(found.file), found))
        left = group.findings[len(shown) :]
        if left:
            console.print(_rest(group, left, place))
        if group.first.remedy:
            console.print(Text(f"    {plain(group.first.remedy)}", style="dim"))


def finding_line(place: str, found: Finding) -> Text:
    """A finding on one line: a place to click on, code, severity, sentence."""
    column = f":{found.column}" if found.column else ""
    line = Text(f"{plain(place)}:{found.line or 1}{column}: ")
    style = "bold red" if found.severity == "error" else "yellow"
    line.append(f"{found.code} {found.severity}", style=style)
    line.append(f": {plain(found.message)}")
    return line


def verdict(findings: Sequence[Finding], *, strict: bool) -> str:
    """One sentence at the end: how many there are, and what follows."""
    errors = sum(each.severity == "error" for each in findings)
    warnings = len(findings) - errors
    if not findings:
        return "No findings: the plan can run."
    counts = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    if errors:
        return f"{counts}: a run would be refused."
    if strict:
        return f"{counts}: refused, because --strict makes warnings errors; without it the plan can run."
    return f"{counts}: the plan can run."


def _rest(group: Group, left: Sequence[Finding], place: Callable[[str | None], str]) -> Text:
    """The others of a group in one line: `... and 37 more like it: lines 23, 24 and others (40 in all)`."""
    files = {found.file for found in left}
    places = [str(found.line or 1) for found in left[:_LINES]]
    if len(files) > 1:
        places = [f"{place(found.file)}:{found.line or 1}" for found in left[:_LINES]]
    where = ("lines " if len(files) == 1 else "") + ", ".join(places)
    more = " and others" if len(left) > _LINES else ""
    return Text(
        f"    and {len(left)} more {group.first.code}, {where}{more}; --all prints all {len(group.findings)}."
    )
