"""What every finding means: the table `findings.toml`, for the reference page, SARIF and `explain`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from paceline.domain.plan import Severity
from paceline.plans.findings import ERRORS, Code

_INTRODUCTION = """\
# Findings

`paceline plan check PLAN` says what is wrong or doubtful about a plan, with the place of each finding:

```
plan.md:14:21: UNKNOWN_DEPENDENCY error: `Story 2` depends on `Story 11`, which is not in the plan.
    Write `Story 1`, or add a story with that id, or delete the dependency.
```

Findings with one code and one remedy are one entry, which lists the first of them; `--all` prints each.

An **error** refuses a run before anything starts; the command then exits with 1. A **warning** does not,
unless `--strict` is given: it says where what is written was taken for something, or will have an effect that
may not be meant. Nothing is repaired silently: what is written stays in the plan beside what was understood.
A document that no reader recognises is not a finding; it exits with 2. The codes are stable.

With `--json` the findings are a list of `{code, severity, message, remedy, file, line, column}`; lines and
columns begin with 1, and columns count characters. With `--sarif` they are a SARIF 2.1.0 log for code review
tools. `--output FILE` writes either to a file. `paceline plan explain CODE` prints what stands here about it.

This page is written from the table `findings.toml` of the package; a test compares them.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One code: what it means, what to write instead, and a plan that has it."""

    code: str
    severity: Severity
    group: str
    means: str
    write: str
    example: str
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    """For a finding about a folder: its files instead of the one text."""
    also: tuple[str, ...] = ()
    """Other codes that the example has."""

    def text(self) -> str:
        """For people at a terminal."""
        return (
            f"{self.code} ({self.severity}): {self.means}.\n\nWrite: {self.write}.\n\n"
            f"For example:\n\n{_indented(self.shown())}"
        )

    def markdown(self) -> str:
        """For tools that render markdown."""
        return f"**{self.code}** ({self.severity}): {self.means}.\n\nWrite: {self.write}.\n\n{self._fenced()}"

    def shown(self) -> str:
        """The example as one text."""
        if not self.files:
            return self.example.rstrip("\n")
        return "\n".join(f"--- {name}\n{text.rstrip()}" for name, text in self.files.items())

    def section(self) -> str:
        """For the reference page."""
        return f"### {self.code}\n\n{self._fenced()}"

    def _fenced(self) -> str:
        return f"`````\n{self.shown()}\n`````\n"


@cache
def entries() -> dict[str, Entry]:
    """Every code, in the order of the page."""
    table = tomllib.loads(files("paceline.plans").joinpath("findings.toml").read_text(encoding="utf-8"))
    return {
        code: Entry(
            code=code,
            severity="error" if code in ERRORS else "warning",
            group=group,
            means=row["means"],
            write=row["write"],
            example=row.get("example", ""),
            files=row.get("files", {}),
            also=tuple(row.get("also", ())),
        )
        for group, rows in table.items()
        for code, row in rows.items()
    }


def explain(code: str) -> Entry | None:
    """The entry of a code in whichever case; None where there is none."""
    return entries().get(code.strip().upper().replace("-", "_"))


def reference_page() -> str:
    """The page `docs/reference/findings.md`."""
    parts = [_INTRODUCTION]
    groups: dict[str, list[Entry]] = {}
    for entry in entries().values():
        groups.setdefault(entry.group, []).append(entry)
    for group, rows in groups.items():
        parts.append(
            f"## {group}\n\n| code | severity | what it says | what to write |\n| --- | --- | --- | --- |"
        )
        parts[-1] += "".join(
            f"\n| `{row.code}` | {row.severity} | {_cell(row.means)} | {_cell(row.write)} |" for row in rows
        )
        parts[-1] += "\n"
    parts.append("## Examples\n\nEach of these is a whole plan that has the finding.\n")
    parts.extend(entry.section() for entry in entries().values())
    return "\n".join(parts)


def missing_codes() -> list[str]:
    """Codes that the table does not have."""
    return [code.value for code in Code if code.value not in entries()]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.split("\n")) + "\n"
