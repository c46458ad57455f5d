"""The published schema: it is the code's, says something of every field, and every plan fits it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from paceline.cli.plan_commands import app
from paceline.domain.plan import Plan
from paceline.plans.folder import is_text, read_folder
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan
from paceline.plans.schema import plan_schema, write_schema
from tests.documents import ROOT
from tests.shared_plans import plan_text

PAGE = ROOT / "docs/reference/plan-format.md"
PUBLISHED = ROOT / "docs/reference/plan.schema.json"
SAMPLES = ["backlog-fields.md", "plain-table.md", "kiro-tasks.md", "spec-kit-tasks.md", "task-master.json"]
SHARED = [
    *("webrtc-sprint", "epic-001-assignment", "autolynx-sprints"),
    *("nova-torch-sprint", "bmad-sprint-3-summary"),
]
SCHEMA = plan_schema()


def faults(value: Any, schema: dict[str, Any], at: str = "plan") -> list[str]:
    """Where a value does not fit a schema, for those keywords that this schema uses."""
    if "$ref" in schema:
        return faults(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], at)
    if "anyOf" in schema:
        return [] if any(not faults(value, each, at) for each in schema["anyOf"]) else [f"{at}: {value!r}"]
    if not is_of(value, schema.get("type")) or value not in schema.get("enum", [value]):
        return [f"{at}: {value!r}"]
    if "const" in schema and value != schema["const"]:
        return [f"{at}: {value!r}"]
    if isinstance(value, dict) and "properties" in schema:
        return faults_of_object(cast("dict[str, Any]", value), schema, at)
    if isinstance(value, list):
        entries = cast("list[Any]", value)
        if not schema.get("minItems", 0) <= len(entries) <= schema.get("maxItems", len(entries)):
            return [f"{at}: {len(entries)} entries"]
        parts = schema.get("prefixItems") or [schema.get("items", {})] * len(entries)
        found = zip(entries, parts, strict=True)
        return [fault for n, (each, part) in enumerate(found) for fault in faults(each, part, f"{at}.{n}")]
    return []


def faults_of_object(value: dict[str, Any], schema: dict[str, Any], at: str) -> list[str]:
    known = schema["properties"]
    found = [f"{at}.{name}: missing" for name in schema.get("required", []) if name not in value]
    for name, each in value.items():
        if name in known:
            found += faults(each, known[name], f"{at}.{name}")
        elif schema.get("additionalProperties") is False:
            found.append(f"{at}.{name}: unknown")
    return found


def is_of(value: Any, kind: str | None) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {
        None: True,
        "null": value is None,
        "boolean": isinstance(value, bool),
        "integer": number and isinstance(value, int),
        "number": number,
        "string": isinstance(value, str),
        "array": isinstance(value, list),
        "object": isinstance(value, dict),
    }[kind]


def test_the_published_schema_is_the_codes() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == write_schema() == CliRunner().invoke(app, "schema").stdout


def test_every_field_has_a_sentence() -> None:
    for name, part in [("Plan", SCHEMA), *SCHEMA["$defs"].items()]:
        assert part["description"].endswith("."), name
        assert part["additionalProperties"] is False, name
        for field, schema in part["properties"].items():
            assert schema["description"].endswith("."), f"{name}.{field}"


def fits(plan: Plan) -> None:
    shown = json.loads(plan.to_json())
    assert faults(shown, SCHEMA) == []
    assert "plan.colour: unknown" in faults({**shown, "colour": "red"}, SCHEMA)
    assert faults({**shown, "title": None}, SCHEMA) == ["plan.title: None"]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_fits(name: str) -> None:
    fits(read_plan((ROOT / "tests/plans" / name).read_text(encoding="utf-8"), name))


@pytest.mark.parametrize(
    "folder", [path for path in (ROOT / "tests/plans").iterdir() if path.is_dir()], ids=lambda path: path.name
)
def test_every_folder_fits(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file() and is_text(path.name)]
    texts = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}
    fits(read_folder(texts, folder.name))


@pytest.mark.parametrize(
    "name",
    [
        "webrtc-sprint",
        "epic-001-assignment",
        "autolynx-sprints",
        "nova-torch-sprint",
        "bmad-sprint-3-summary",
    ],
)
def test_every_shared_document_fits(name: str) -> None:
    fits(read_plan(plan_text(name), f"{name}.md"))


def test_the_example_of_the_page_is_a_plan_without_findings() -> None:
    text = PAGE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    plan = read_plan(text, "kites.yaml")
    assert [
        (story.id, [d for each in story.dependencies for d in each.resolved]) for story in plan.stories
    ] == [
        ("1.1", []),
        ("1.2", ["1.1"]),
    ]
    assert check_plan(plan) == []
    fits(plan)
