"""The JSON Schema of the normal form, with a sentence for every field."""

from __future__ import annotations

import json
from typing import Any, cast

from paceline.domain.plan import SCHEMA_VERSION, Plan
from paceline.plans.schema_words import COMMON, FIELDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
IDENTITY = f"urn:paceline:plan:{SCHEMA_VERSION}"


def plan_schema() -> dict[str, Any]:
    """The schema of what `paceline plan show --json` prints, and of what a person may write."""
    made = Plan.model_json_schema()
    parts = cast("dict[str, dict[str, Any]]", made.pop("$defs"))
    # Whoever writes a plan by hand leaves the source out; every plan that is shown has one.
    made["required"] = [name for name in made["required"] if name != "source"]
    made["properties"]["schema_version"]["const"] = SCHEMA_VERSION
    for name, part in (("Plan", made), *parts.items()):
        _describe(name, part)
    head = {"$schema": DIALECT, "$id": IDENTITY, "title": "Paceline plan"}
    return {**head, **{name: value for name, value in made.items() if name != "title"}, "$defs": parts}


def write_schema() -> str:
    """The schema as JSON text; the same bytes every time."""
    return json.dumps(plan_schema(), indent=2, ensure_ascii=False) + "\n"


def _describe(name: str, part: dict[str, Any]) -> None:
    """Give every field its sentence, and take away the titles that only repeat names."""
    part.pop("title", None)
    part["description"] = FIELDS[name][""]
    for field, schema in part["properties"].items():
        schema.pop("title", None)
        words = FIELDS[name].get(field) or COMMON[field]
        part["properties"][field] = {"description": words, **schema}
