"""The normal form as JSON or YAML: written by Paceline, and read back as the same plan."""

from __future__ import annotations

from pydantic import ValidationError

from paceline.domain.plan import SCHEMA_VERSION, Plan
from paceline.errors import PlanUnreadable
from paceline.plans.document import Document
from paceline.plans.evidence import CERTAIN, Evidence
from paceline.plans.review import with_reminder
from paceline.plans.yaml_text import dump_yaml, load_yaml

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

        Raises:
            PlanUnreadable: it is not JSON, or not the normal form.
        """
        try:
            if document.raw.lstrip().startswith("{"):
                plan = Plan.model_validate_json(document.raw)
            else:
                plan = Plan.model_validate(load_yaml(document.raw, document.file))
        except ValidationError as error:
            raise _unreadable(document, error) from None
        if plan.schema_version != SCHEMA_VERSION:
            raise PlanUnreadable(
                f"{_place(document)} has schema version {plan.schema_version}, and this Paceline reads "
                f"{SCHEMA_VERSION}; read the original document with it instead.",
                file=document.file,
            )
        return with_reminder(plan, document.file)


def _is_yaml(text: str) -> bool:
    """Whether a schema version is the first key."""
    for line in text[:_HEAD].splitlines():
        if line.strip() and not line.startswith(("#", "---")):
            return line.startswith("schema_version:")
    return False


def _unreadable(document: Document, error: ValidationError) -> PlanUnreadable:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the document"
    return PlanUnreadable(
        f"{_place(document)} is not a plan in the normal form: {where}: {first['msg']}; "
        "write it with `paceline plan show --json`.",
        file=document.file,
        at=where,
    )


def _place(document: Document) -> str:
    return document.file or "The JSON"
