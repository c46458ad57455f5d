"""The normal form as JSON or YAML: written by Paceline, and read back as the same plan."""

from __future__ import annotations

from typing import Any, cast

from pydantic import ValidationError

from paceline.domain.plan import SCHEMA_VERSION, Plan
from paceline.errors import PlanUnreadable
from paceline.plans.by_hand import complete
from paceline.plans.document import Document
from paceline.plans.evidence import CERTAIN, Evidence
from paceline.plans.json_text import load_json
from paceline.plans.review import with_reminder
from paceline.plans.yaml_text import DEPTH_LIMIT, dump_yaml, load_yaml

KIND = "normal form"

_HEAD = 4_000
"""Characters in which a YAML plan names its schema version."""


def write_normal_form(plan: Plan) -> str:
    """The plan as JSON text; the same bytes for the same plan."""
    return plan.to_json()


def write_normal_form_yaml(plan: Plan) -> str:
    """The plan as YAML text; the same bytes for the same plan."""
    return dump_yaml(plan.model_dump(mode="json"))


class NormalFormReader:
    """Reads what `write_normal_form` and `write_normal_form_yaml` write."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """Certain where the text is a JSON object, or YAML with a schema version: no markdown plan is."""
        found = Evidence()
        if _is_yaml(document.raw):
            found.add(CERTAIN, "YAML with a schema version")
        if document.raw.lstrip().startswith("{"):
            found.add(CERTAIN, "a JSON object")
        return found

    def read(self, document: Document) -> Plan:
        """Read the plan as it was, its source included; a proposal gets an error until it is accepted.

        A plan without a source was written by hand: what every other reader works out is worked out for it.

        Raises:
            PlanUnreadable: it is neither JSON nor YAML, or not the normal form.
        """
        data = _load(document)
        by_hand = isinstance(data, dict) and "source" not in data
        if by_hand:
            data["source"] = document.source(KIND).model_dump()
        try:
            plan = Plan.model_validate(data)
        except ValidationError as error:
            raise _invalid(document, error) from None
        for place, fact in enumerate(plan.facts):
            if not _is_shallow(fact.value):
                raise _unreadable(document, f"facts.{place}.value: it nests too deeply", "flatten it")
        if plan.schema_version != SCHEMA_VERSION:
            raise PlanUnreadable(
                f"{_place(document)} has schema version {plan.schema_version}, and this Paceline reads "
                f"{SCHEMA_VERSION}; read the original document with it instead.",
                file=document.file,
            )
        return with_reminder(complete(plan) if by_hand else plan, document.file)


def _load(document: Document) -> Any:
    if not document.raw.lstrip().startswith("{"):
        return load_yaml(document.raw, document.file)
    try:
        return load_json(document.raw)
    except ValueError as error:
        raise _unreadable(document, f"Invalid JSON: {error}", "correct it") from None


def _is_shallow(value: Any, depth: int = 0) -> bool:
    """Whether a fact's value is no deeper than what can be written again."""
    if not isinstance(value, list | dict):
        return True
    parts = cast("list[object] | dict[str, object]", value)
    parts = [*parts, *parts.values()] if isinstance(parts, dict) else parts
    return depth < DEPTH_LIMIT and all(_is_shallow(part, depth + 1) for part in parts)


def _is_yaml(text: str) -> bool:
    """Whether a schema version is the first key."""
    for line in text[:_HEAD].splitlines():
        if line.strip() and not line.startswith(("#", "---")):
            return line.startswith("schema_version:")
    return False


def _invalid(document: Document, error: ValidationError) -> PlanUnreadable:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the document"
    quotes = first["type"] == "string_type" and not document.raw.lstrip().startswith("{")
    remedy = "put it in quotes, if it is a text" if quotes else None
    return _unreadable(document, f"{where}: {first['msg']}", remedy, where)


def _unreadable(
    document: Document, what: str, remedy: str | None = None, at: str | None = None
) -> PlanUnreadable:
    remedy = remedy or "`paceline plan schema` says what is"
    message = f"{_place(document)} is not a plan in the normal form: {what}; {remedy}."
    return PlanUnreadable(message, file=document.file, **({"at": at} if at else {}))


def _place(document: Document) -> str:
    return document.file or "The text"
