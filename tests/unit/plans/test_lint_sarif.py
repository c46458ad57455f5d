"""SARIF 2.1.0 of findings: what its schema requires, and marks that survive moved lines."""

from __future__ import annotations

import re
from typing import Any

from paceline.plans.catalogue import entries
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan
from paceline.plans.sarif import to_sarif

PLAN = """# Bakery
## Story 1: Knead
- **Agent**: Ada
- **Dependencies**: Story 11
## Story 2: Bake
- **Agent**: Ada
"""


def log_of(text: str) -> dict[str, Any]:
    findings = check_plan(read_plan(text, "plan.md"), {"plan.md": text})
    assert findings
    return to_sarif(findings, "1.2.3", lambda file: f"my plans/{file}")


def run_of(text: str) -> dict[str, Any]:
    (run,) = log_of(text)["runs"]
    return run


def test_the_log_has_what_the_schema_requires() -> None:
    log = log_of(PLAN)
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("/sarif-schema-2.1.0.json")
    run = run_of(PLAN)
    assert set(run) <= {"tool", "results", "columnKind"}
    assert run["columnKind"] in {"utf16CodeUnits", "unicodeCodePoints"}
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["semanticVersion"]) == ("Paceline", "1.2.3")


def test_rules_are_the_catalogue() -> None:
    rules = run_of(PLAN)["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(entries())
    for rule in rules:
        assert set(rule) == {"id", "name", "shortDescription", "help", "defaultConfiguration", "properties"}
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] == entries()[rule["id"]].severity
        assert len(rule["properties"]["tags"]) == len(set(rule["properties"]["tags"]))


def test_results_point_at_rules_and_places() -> None:
    run = run_of(PLAN)
    for result in run["results"]:
        assert set(result) == {"ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"}
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "my%20plans/plan.md"
        assert place["region"]["startLine"] >= 1
        assert place["region"]["startColumn"] >= 1
        assert all(isinstance(mark, str) and mark for mark in result["partialFingerprints"].values())


def marks(text: str) -> list[tuple[str, str]]:
    return sorted((each["ruleId"], *each["partialFingerprints"].values()) for each in run_of(text)["results"])


def test_fingerprints_tell_findings_apart_and_stay_when_lines_move() -> None:
    assert len(set(marks(PLAN))) == len(marks(PLAN))
    assert marks(PLAN.replace("# Bakery\n", "# Bakery\n\nBread for all.\n\n")) == marks(PLAN)
    twice = PLAN.replace("Story 2", "Story 1").replace("- **Dependencies**: Story 11\n", "")
    moved = twice.replace("# Bakery\n", "# Bakery\n\n\n\n")
    assert re.search(r"first in line \d", str(run_of(twice)))
    assert marks(moved) == marks(twice)
    assert len(set(marks(twice))) == len(marks(twice))
