"""What the parts of one reader share while they read one document: facts, warnings and the team."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paceline.domain.plan import Fact, Finding
from paceline.plans.agents import Team
from paceline.plans.field_lines import fields_of_table
from paceline.plans.fields import Contents, Field, contents_of, split_parenthesis, without_numbering
from paceline.plans.findings import Code, finding
from paceline.plans.outline import Bullet, BulletList, Fence, Paragraph, Section, Table


@dataclass(slots=True)
class Reading:
    """Collects what the parts find."""

    team: Team
    facts: list[Fact] = field(default_factory=list[Fact])
    warnings: list[Finding] = field(default_factory=list[Finding])

    def warn(self, code: Code, message: str, remedy: str, line: int) -> None:
        """Add a remark."""
        self.warnings.append(finding(code, message, remedy, line))

    def keep_field(self, section: str, entry: Field) -> None:
        """Keep a label that no field of the normal form holds."""
        value: Any = entry.value or None
        if entry.bullets or entry.fences:
            parts = [_bullet_fact(bullet) for bullet in entry.bullets]
            value = [*([{"text": entry.value, "line": entry.line}] if entry.value else []), *parts]
            value.extend({"text": fence.text, "line": fence.line} for fence in entry.fences)
        self.facts.append(Fact(section=section, name=entry.label, value=value, line=entry.line))

    def keep_cell(self, section: str, name: str | None, value: Any, line: int) -> None:
        """Keep a named value, such as a table's cell, that no field of the normal form holds."""
        self.facts.append(Fact(section=section, name=name, value=value, line=line))

    def presume(self, name: str | None, story: str, line: int) -> str | None:
        """A name beside a story's points as its agent; one that the team does not have is kept as a fact."""
        if name is None or self.team.may_have(name):
            return name
        self.keep_cell(story, "Remark", name, line)
        return None

    def keep_rest(self, section: str, contents: Contents) -> None:
        """Keep the prose and the bullets without a label."""
        for text in contents.prose:
            self.facts.append(Fact(section=section, value=text.text, line=text.line))
        for bullet in contents.bullets:
            self.facts.append(Fact(section=section, value=_bullet_fact(bullet), line=bullet.line))

    def keep_others(self, section: str, part: Section, *, fields_read: bool = False) -> None:
        """Keep the tables of a section, and the fences that belong to no label.

        Args:
            section: its name.
            part: the section.
            fields_read: whether tables of labels and values are read as fields already.
        """
        open_label = False
        for block in part.blocks:
            if isinstance(block, Table):
                if fields_read and fields_of_table(block) is not None:
                    continue
                self.facts.append(Fact(section=section, value=_rows(block), line=block.header.line))
            elif isinstance(block, Fence) and not open_label and not _is_comment(block):
                self.facts.append(Fact(section=section, name=block.info, value=block.text, line=block.line))
            open_label = isinstance(block, Paragraph) and block.lines[-1].label is not None

    def keep_section(self, part: Section) -> None:
        """Keep what stands directly under a heading that nothing recognises, as one structured fact.

        Its value is `{"qualifier", "items", "tables", "texts"}`, each only where there is one; an item is
        `{"name", "text", "line", "done", "list", "items"}` in the same way.
        """
        title, qualifier = split_parenthesis(without_numbering(part.title.text))
        value: dict[str, Any] = {}
        if qualifier is not None:
            value["qualifier"] = qualifier
        for block in part.blocks:
            match block:
                case BulletList():
                    value.setdefault("items", []).extend(_bullet_fact(bullet) for bullet in block.bullets)
                case Table():
                    value.setdefault("tables", []).append(_rows(block))
                case Paragraph():
                    value.setdefault("texts", []).extend(
                        _without_none({"name": text.label, "text": text.value, "line": text.line})
                        for text in block.lines
                        if text.text
                    )
                case Fence() if not _is_comment(block):
                    value.setdefault("texts", []).append({"text": block.text, "line": block.line})
                case _:
                    pass
        if value.keys() - {"qualifier"}:
            above = next(part.above(), None)
            outer = without_numbering(above.title.text) if above is not None and above.level > 1 else title
            self.facts.append(Fact(section=outer, name=title, value=value, line=part.line))


def contents(part: Section, labels: Mapping[str, str]) -> Contents:
    """The fields of a section whose labels are the keys of a table of labels."""
    return contents_of(part, labels)


def _bullet_fact(bullet: Bullet) -> dict[str, Any]:
    value = bullet.text.value
    entry: dict[str, Any] = {
        "name": bullet.text.label,
        "text": value,
        "line": bullet.line,
        "done": bullet.text.done,
        "list": _enumeration(value),
        "items": [_bullet_fact(child) for child in bullet.children] or None,
        "texts": [fence.text for fence in bullet.fences] or None,
    }
    return _without_none(entry)


def _enumeration(text: str) -> list[str] | None:
    """What follows a colon as a list, such as `Each one reports: this, that`."""
    head, colon, tail = text.partition(": ")
    parts = [part.strip() for part in tail.split(",")]
    return parts if colon and head and len(parts) > 1 and all(parts) else None


def _rows(table: Table) -> list[dict[str, Any]]:
    return [
        {**dict(zip(table.header.cells, row.cells, strict=False)), "line": row.line} for row in table.rows
    ]


def _without_none(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value is not None}


def _is_comment(fence: Fence) -> bool:
    return fence.info == "html_block" and fence.text.lstrip().startswith("<!--")
