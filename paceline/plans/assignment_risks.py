"""Risks of one sprint, whose mitigation may be written once for all of them."""

from __future__ import annotations

from paceline.domain.plan import Risk, Sprint
from paceline.plans.fields import Field, label_of
from paceline.plans.outcomes import RISK_LABELS
from paceline.plans.outline import Bullet, Table


def read_group(
    bullets: list[Bullet],
    mitigations: list[Field],
    sprint: Sprint | None,
    level: str | None,
    table: Table | None = None,
) -> list[Risk]:
    """The risks of one list or table.

    Args:
        bullets: one risk each.
        mitigations: the labels beside the list; they hold for every risk that has none of its own, and are
            not divided among them.
        sprint: whose risks they are.
        level: from the heading.
        table: a table of risks, whose first column names them.
    """
    shared = "; ".join(text for entry in mitigations for text in _texts(entry))
    line = mitigations[0].line if mitigations else None
    found = [_risk(bullet) for bullet in bullets if (bullet.text.label or "") not in RISK_LABELS]
    found.extend(_risks_of_table(table) if table is not None else [])
    for risk in found:
        risk.sprint = sprint.id if sprint else None
        risk.level = level
        if risk.mitigation is None and shared:
            risk.mitigation, risk.mitigation_line = shared, line
    return found


def _texts(entry: Field) -> list[str]:
    return [text for text in [entry.value, *(bullet.text.text for bullet in entry.bullets)] if text]


def _risk(bullet: Bullet) -> Risk:
    label = bullet.text.label
    text = bullet.text.value if label else bullet.text.text
    risk = Risk(name=label or text, text=text or None, line=bullet.line)
    for child in bullet.children:
        name, value = label_of(child.text, RISK_LABELS)
        _set(risk, name or "", value, child.line)
    return risk


def _risks_of_table(table: Table) -> list[Risk]:
    found: list[Risk] = []
    for row in table.rows:
        first = row.cells[0] if row.cells else ""
        risk = Risk(name=first, text=first or None, line=row.line)
        for header, cell in zip(table.header.cells[1:], row.cells[1:], strict=False):
            if cell:
                _set(risk, header, cell, row.line)
        found.append(risk)
    return found


def _set(risk: Risk, label: str, value: str, line: int) -> None:
    match RISK_LABELS.get(label):
        case "mitigations":
            risk.mitigation, risk.mitigation_line = value or None, line
        case "probability":
            risk.probability = value or None
        case "impact":
            risk.impact = value or None
        case _:
            extra = f"{label}: {value}" if label else value
            risk.text = f"{risk.text}; {extra}" if risk.text else extra
