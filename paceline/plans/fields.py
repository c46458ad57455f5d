"""Labelled values of a section, in whichever way they are written, and the items of their lists.

`- **Tasks**:` with bullets below, `**Tasks**:` with a list after it, `Tasks: one` and a `Tasks` heading are
the same field to a reader.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field

from paceline.domain.plan import Item
from paceline.plans.field_lines import fields_of_table, labels_in, lines_of_cell
from paceline.plans.field_lines import label_of as label_of
from paceline.plans.folding import normal as normal
from paceline.plans.folding import split_parenthesis as split_parenthesis
from paceline.plans.folding import without_numbering as without_numbering
from paceline.plans.inline import Text, code_spans
from paceline.plans.labels import per_table
from paceline.plans.outline import Bullet, BulletList, Fence, Paragraph, Section, Table
from paceline.plans.task_entries import box_of

_checks = per_table(
    lambda table: re.compile(rf"\b(?:{table.alternation('checks')}|proof)\s*[:\uff1a]\s*(?=`)", re.IGNORECASE)
)
_BEFORE_CHECK = " \t([;,.-\u2013\u2014"


@dataclass(slots=True)
class Field:
    """One label with its value; a list below it is in `bullets`, a fence in `fences`."""

    label: str
    value: str
    line: int
    bullets: list[Bullet] = field(default_factory=list[Bullet])
    fences: list[Fence] = field(default_factory=list[Fence])
    done: bool | None = None


@dataclass(slots=True)
class Contents:
    """What stands directly under a heading, sorted into fields and the rest."""

    fields: list[Field]
    bullets: list[Bullet]
    prose: list[Text]


def contents_of(section: Section, known: Container[str]) -> Contents:
    """Sort what stands under a heading.

    Args:
        section: its blocks, and those of its sub-headings that are themselves known labels.
        known: normalised labels that count without being bold.
    """
    found = Contents([], [], [])
    for block in section.blocks:
        match block:
            case Paragraph():
                _read_paragraph(block, known, found)
            case BulletList():
                _open_plain_label(known, found)
                _read_bullets(block.bullets, known, found)
            case Table():
                _read_table(block, found)
            case Fence() if _is_open(found):
                found.fields[-1].fences.append(block)
            case _:
                pass
    for below in section.sections:
        if normal(below.title.text) in known:
            found.fields.append(_field_of_section(below))
    return found


def items_of(entry: Field) -> list[Item]:
    """The entries of a field's list; a value on the label's own line is an entry too."""
    first = [item(entry.value, entry.line, entry.done)] if entry.value else []
    return [*first, *bullet_items(entry.bullets)]


def bullet_items(bullets: list[Bullet]) -> list[Item]:
    """Bullets as items; those below another follow it, except commands, which belong to it."""
    found: list[Item] = []
    for bullet in bullets:
        box = box_of(bullet.text) if bullet.text.done is None else None
        begun = box is not None and box.begun
        entry = item(
            box.text if box and begun else bullet.text.text, bullet.line, False if begun else bullet.text.done
        )
        found.append(entry)
        for child in bullet_items(bullet.children):
            if child.command is not None and not child.text and entry.command is None:
                entry.command = child.command
            else:
                found.append(child)
    return found


def item(text: str, line: int, done: bool | None = None) -> Item:
    """One entry; a command in backticks after `Check:` is split off."""
    match = _checks().search(text)
    if match is None:
        return Item(text=text, done=done, line=line)
    command = next(iter(code_spans(text[match.end() :])), None)
    return Item(text=text[: match.start()].rstrip(_BEFORE_CHECK), done=done, line=line, command=command)


def values_of(entry: Field) -> list[tuple[str, int]]:
    """A field's values with their lines: its own, then one for every bullet below it."""
    own = [(entry.value, entry.line)] if entry.value else []
    return [*own, *((bullet.text.text, bullet.line) for bullet in entry.bullets)]


def flat(bullets: list[Bullet]) -> list[Bullet]:
    """Bullets with all those below them, in document order."""
    found: list[Bullet] = []
    for bullet in bullets:
        found.append(bullet)
        found.extend(flat(bullet.children))
    return found


def _is_open(found: Contents) -> bool:
    """Whether the last thing was a label that waits for its value."""
    return bool(found.fields) and not found.fields[-1].value and not found.fields[-1].bullets


def _read_paragraph(block: Paragraph, known: Container[str], found: Contents) -> None:
    for text in block.lines:
        label, value = label_of(text, known)
        if label is not None:
            for name, part in labels_in(label, value, known):
                found.fields.append(Field(name, part, text.line, done=text.done))
        elif text.text and found.fields and text is not block.lines[0]:
            last = found.fields[-1]
            last.value = f"{last.value} {text.text}".strip()
        elif text.text:
            found.prose.append(text)


def _read_bullets(bullets: list[Bullet], known: Container[str], found: Contents) -> None:
    labels = [_label_of_bullet(bullet, known) for bullet in bullets]
    # A label with nothing after it takes the list that follows it, unless that list is made of labels.
    if _is_open(found) and not any(label and normal(label) in known for label, _ in labels):
        found.fields[-1].bullets.extend(bullets)
        return
    for bullet, (label, value) in zip(bullets, labels, strict=True):
        if label is None:
            found.bullets.append(bullet)
            continue
        for name, part in labels_in(label, value, known):
            found.fields.append(Field(name, part, bullet.line, done=bullet.text.done))
        found.fields[-1].bullets, found.fields[-1].fences = bullet.children, bullet.fences


def _label_of_bullet(bullet: Bullet, known: Container[str]) -> tuple[str | None, str]:
    label, value = label_of(bullet.text, known)
    if label is None and bullet.children and normal(bullet.text.text) in known:
        # `- Tasks` with a list below needs no colon.
        return bullet.text.text, ""
    return label, value


def _open_plain_label(known: Container[str], found: Contents) -> None:
    """Take the last line before a list for its label where it is a known one, with no colon."""
    last = found.prose[-1] if found.prose else None
    if last is not None and not _is_open(found) and normal(last.text) in known:
        found.prose.pop()
        found.fields.append(Field(last.text, "", last.line))


def _read_table(table: Table, found: Contents) -> None:
    for label, value, line in fields_of_table(table) or []:
        first, *others = lines_of_cell(value) or [""]
        entry = Field(label, first, line)
        entry.bullets = [Bullet(Text(text, line, text)) for text in others]
        found.fields.append(entry)


def _field_of_section(section: Section) -> Field:
    entry = Field(section.title.text, "", section.line)
    for block in section.blocks:
        match block:
            case BulletList():
                entry.bullets.extend(block.bullets)
            case Paragraph():
                entry.value = " ".join([entry.value, *(line.text for line in block.lines)]).strip()
            case Fence():
                entry.fences.append(block)
            case _:
                pass
    return entry
