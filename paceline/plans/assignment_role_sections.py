"""The section of sprint assignment tables that describes the roles: their work and their load."""

from __future__ import annotations

import re

from paceline.domain.plan import Agent, Fact
from paceline.plans.columns import column_of
from paceline.plans.fields import label_of, split_parenthesis, without_numbering
from paceline.plans.folding import at_colon
from paceline.plans.labels import Labels, Meanings, Words, per_table
from paceline.plans.outline import Bullet, BulletList, Paragraph, Section, Table
from paceline.plans.quantities import number_of

DETAILS = Meanings(
    {
        "primary": "primary",
        "secondary": "secondary",
        "points": "points",
        "load": "points",
        "role": "role",
    }
)


@per_table
def _load(table: Labels) -> re.Pattern[str]:
    units = table.alternation("unit.points")
    return re.compile(
        r"^(?:~|about|approx\.?|ca\.?)?\s*(?P<points>\d{1,9}(?:[.,]\d{1,9})?)(?!\d)\s*"
        rf"(?P<unit>{units})?(?:\s+total)?\.?$",
        re.IGNORECASE,
    )


_NAME_COLUMNS = Words("column.agent_name")


def read_roles(section: Section, facts: list[Fact]) -> list[Agent]:
    """The roles that stand directly in a section: `**Name**:` with a list below, bullets, or a table.

    Args:
        section: the section, without those below it.
        facts: takes what is written about a role beyond its work and its load.
    """
    found: list[Agent] = []
    open_role: Agent | None = None
    for block in section.blocks:
        match block:
            case Paragraph():
                for line in block.lines:
                    name = line.label or (line.lead if line.text.endswith(":") else None)
                    open_role = None
                    if name is not None:
                        open_role = _role(
                            line.text.removesuffix(":") if line.label is None else name, line.line
                        )
                        _detail_text(open_role, line.value if line.label else "", line.line, facts)
                        found.append(open_role)
                    elif line.text:
                        facts.append(Fact(section=section.title.text, value=line.text, line=line.line))
            case BulletList() if open_role is not None:
                _details(open_role, block.bullets, facts)
                open_role = None
            case BulletList():
                found.extend(_role_of_bullet(bullet, facts) for bullet in block.bullets)
            case Table():
                found.extend(_roles_of_table(block, facts))
            case _:
                pass
    return found


def read_role_section(section: Section, facts: list[Fact]) -> Agent:
    """The role that a heading names, with the lists below it."""
    role = _role(without_numbering(section.title.text), section.line)
    for block in section.blocks:
        match block:
            case BulletList():
                _details(role, block.bullets, facts)
            case Paragraph():
                for line in block.lines:
                    label, value = label_of(line, DETAILS)
                    _detail(role, label, value, line.line, facts)
            case _:
                pass
    return role


def _role(written: str, line: int) -> Agent:
    name, qualifier = split_parenthesis(written.strip())
    return Agent(id=name, title=name, qualifier=qualifier, line=line)


def _role_of_bullet(bullet: Bullet, facts: list[Fact]) -> Agent:
    name = bullet.text.label or at_colon(bullet.text.text)[0]
    role = _role(name, bullet.line)
    text = bullet.text.value if bullet.text.label else at_colon(bullet.text.text)[2].strip()
    _detail_text(role, text, bullet.line, facts)
    _details(role, bullet.children, facts)
    return role


def _roles_of_table(table: Table, facts: list[Fact]) -> list[Agent]:
    headers = table.header.cells
    if not headers or not (headers[0] in _NAME_COLUMNS or column_of(headers[0]) == "assignee"):
        facts.extend(Fact(section="Roles", value=row.cells, line=row.line) for row in table.rows)
        return []
    found: list[Agent] = []
    for row in table.rows:
        role = _role(row.cells[0], row.line)
        for header, cell in zip(headers[1:], row.cells[1:], strict=False):
            _detail(role, header, cell, row.line, facts)
        found.append(role)
    return found


def _details(role: Agent, bullets: list[Bullet], facts: list[Fact]) -> None:
    for bullet in bullets:
        label, value = label_of(bullet.text, DETAILS)
        parts = [value, *(child.text.text for child in bullet.children)]
        _detail(role, label, ", ".join(part for part in parts if part), bullet.line, facts)


def _detail(role: Agent, label: str | None, value: str, line: int, facts: list[Fact]) -> None:
    match DETAILS.get(label) if label is not None else None:
        case "primary" if role.primary is None and value:
            role.primary = value
        case "secondary" if role.secondary is None and value:
            role.secondary = value
        case "role" if role.role is None and value:
            role.role = value
        case "points" if (match := _load().match(value)) and role.points_stated is None:
            role.points_stated = number_of(match["points"])
        case None if label is None:
            _detail_text(role, value, line, facts)
        case _:
            facts.append(Fact(section=role.id, name=label, value=value or None, line=line))


def _detail_text(role: Agent, text: str, line: int, facts: list[Fact]) -> None:
    """A line without a label: the load, where it is a number of points."""
    match = _load().match(text)
    if match and match["unit"] and role.points_stated is None:
        role.points_stated = number_of(match["points"])
    elif text and role.role is None:
        role.role = text
    elif text:
        facts.append(Fact(section=role.id, value=text, line=line))
