"""Findings as SARIF 2.1.0, which code review tools show beside the lines of a plan.

The format: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", 2020.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import quote

from paceline.domain.plan import Finding
from paceline.plans.catalogue import Entry, entries

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_FINGERPRINT = "finding/v1"
_LINE = re.compile(r"\b(lines?) \d+(?:(?:, | and )\d+)*")


def to_sarif(findings: Sequence[Finding], version: str, place: Callable[[str | None], str]) -> dict[str, Any]:
    """A SARIF log with one run.

    Args:
        findings: with lines, and columns where they are known.
        version: of Paceline.
        place: from a finding's file name to a path relative to where the review tool looks from.

    Returns:
        The log as JSON values. Its rules are all codes that there are, so that a rule's place never depends
        on what was found.
    """
    rules = list(entries().values())
    places = {entry.code: number for number, entry in enumerate(rules)}
    driver = {
        "name": "Paceline",
        "semanticVersion": version,
        "rules": [_rule(entry) for entry in rules],
    }
    prints = _fingerprints(findings)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(found, places[found.code], place(found.file), mark)
                    for found, mark in zip(findings, prints, strict=True)
                ],
            }
        ],
    }


def _rule(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.code,
        "name": "".join(word.capitalize() for word in entry.code.split("_")),
        "shortDescription": {"text": _sentence(entry.means)},
        "help": {"text": entry.text(), "markdown": entry.markdown()},
        "defaultConfiguration": {"level": entry.severity},
        "properties": {"tags": ["plan", entry.group]},
    }


def _result(found: Finding, rule: int, path: str, fingerprint: str) -> dict[str, Any]:
    region = {"startLine": found.line or 1, **({"startColumn": found.column} if found.column else {})}
    remedy = f" {found.remedy}" if found.remedy else ""
    return {
        "ruleId": found.code,
        "ruleIndex": rule,
        "level": found.severity,
        "message": {"text": f"{found.message}{remedy}"},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": quote(path)}, "region": region}},
        ],
        "partialFingerprints": {_FINGERPRINT: fingerprint},
    }


def _fingerprints(findings: Iterable[Finding]) -> list[str]:
    """Marks that stay when lines move: of code, file and sentence, and of equal ones their number."""
    seen: dict[tuple[str, str, str], int] = {}
    marks: list[str] = []
    for found in findings:
        same = (found.code, found.file or "", _LINE.sub(r"\1", found.message))
        seen[same] = seen.get(same, 0) + 1
        text = "\n".join([*same, str(seen[same])])
        marks.append(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
    return marks


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
