"""The parts of a sprint: lists under a sub-heading, under a bold label, or under a bullet that is one."""

from __future__ import annotations

from dataclasses import dataclass, field

from paceline.plans.bullet_items import read_item
from paceline.plans.field_lines import fields_of_table
from paceline.plans.fields import Field, split_parenthesis
from paceline.plans.folding import at_colon
from paceline.plans.inline import Text
from paceline.plans.labels import Concept, concept_of
from paceline.plans.outline import Bullet, BulletList, Fence, Paragraph, Section, Table, bullets_under


@dataclass(slots=True)
class Part:
    """A list with what it means; `qualifier` is the parenthesis of its heading."""

    concept: Concept
    title: str
    line: int
    qualifier: str | None = None
    bullets: list[Bullet] = field(default_factory=list[Bullet])


@dataclass(slots=True)
class Parts:
    """Everything that stands directly under a heading, sorted."""

    fields: list[Field] = field(default_factory=list[Field])
    lists: list[Part] = field(default_factory=list[Part])
    others: list[Bullet] = field(default_factory=list[Bullet])
    prose: list[Text] = field(default_factory=list[Text])


_LISTS: frozenset[Concept] = frozenset(
    {
        "stories",
        "deliverables",
        "success_criteria",
        "definition_of_done",
        "definition_of_ready",
        "risks",
        "mitigations",
        "metrics",
        "contingency",
        "ceremonies",
    }
)


_LONGEST_HEADING = 30
"""Characters of a line that is a heading without any mark, such as `Deliverables`."""


def parts_of(section: Section) -> Parts:
    """Sort what stands directly under a heading; sub-headings are not looked at."""
    found = Parts()
    waiting: Part | Field | None = None
    for block in section.blocks:
        match block:
            case Paragraph():
                waiting = _paragraph(block, found)
            case BulletList() if isinstance(waiting, Part):
                waiting.bullets.extend(block.bullets)
                waiting = None
            case BulletList() if isinstance(waiting, Field) and not looks_like_work(block.bullets):
                waiting.bullets.extend(block.bullets)
                waiting = None
            case BulletList():
                _bullets(block.bullets, section, found)
                waiting = None
            case Table():
                for label, value, line in fields_of_table(block) or []:
                    found.fields.append(Field(label, value, line))
                waiting = None
            case Fence() if isinstance(waiting, Field):
                waiting.fences.append(block)
            case _:
                pass
    return found


def part_of_heading(section: Section) -> Part | None:
    """The list under a heading that says what it is; None where it says nothing known."""
    title, qualifier = split_parenthesis(section.title.text)
    concept = concept_of(title)
    if concept is None or concept not in _LISTS:
        return None
    return Part(concept, title, section.line, qualifier, bullets_under(section))


def split_at_label(section: Section) -> tuple[Section, Section | None]:
    """Split what a heading announces from the lists below it that labels announce."""
    for place, block in enumerate(section.blocks):
        if isinstance(block, Paragraph) and _opened(block.lines[-1]) is not None:
            before, after = section.blocks[:place], section.blocks[place:]
            head = Section(section.level, section.title, before, section.sections, section.parent)
            return head, Section(section.level, section.title, after, parent=section.parent)
    return section, None


def looks_like_work(bullets: list[Bullet]) -> bool:
    """Whether a bullet has an id or points, so that the list is one of work."""
    return any(read_item(bullet.text).is_work for bullet in bullets)


def _paragraph(block: Paragraph, found: Parts) -> Part | Field | None:
    """Sort a paragraph's lines; returns the label at its end that waits for its list."""
    waiting: Part | Field | None = None
    for text in block.lines:
        waiting = None
        opened = _opened(text)
        if opened is not None:
            found.lists.append(opened)
            waiting = opened
        elif text.label is not None or _plain_label(text) is not None:
            label, value = (
                (text.label, text.value) if text.label is not None else _plain_label(text) or ("", "")
            )
            entry = Field(label, value, text.line, done=text.done)
            found.fields.append(entry)
            waiting = None if value else entry
        elif text.text:
            found.prose.append(text)
    return waiting


def _opened(text: Text) -> Part | None:
    """A line such as `**Deliverables**:` or `**Stories** (Total: 35 points):` that opens a list."""
    if text.label is not None and text.value and not text.value.startswith(("(", "\uff08")):
        return None
    if text.lead is None and not text.text.endswith((":", "\uff1a")) and len(text.text) > _LONGEST_HEADING:
        return None
    title, qualifier = split_parenthesis(text.text.rstrip(":\uff1a ").replace(": (", " (", 1))
    concept = concept_of(title)
    if concept is None or concept not in _LISTS:
        return None
    return Part(concept, title.rstrip(": \uff1a"), text.line, qualifier)


def _plain_label(text: Text) -> tuple[str, str] | None:
    head, colon, tail = at_colon(text.text)
    return (head.strip(), tail.strip()) if colon and tail and concept_of(head) is not None else None


def _bullets(bullets: list[Bullet], section: Section, found: Parts) -> None:
    """Sort a list that nothing announces: work, labels, labels with lists below them, and others."""
    work = looks_like_work(bullets)
    stories: Part | None = None
    for bullet in bullets:
        text = bullet.text
        opened = _opened(text) if bullet.children else None
        label = (text.label, text.value) if text.label is not None else _plain_label(text)
        if opened is not None:
            opened.bullets.extend(bullet.children)
            found.lists.append(opened)
        elif label is not None and concept_of(label[0]) is not None and not read_item(text).is_work:
            found.fields.append(
                Field(label[0], label[1], text.line, bullet.children, bullet.fences, text.done)
            )
        elif work:
            if stories is None:
                stories = Part("stories", section.title.text, bullet.line)
                found.lists.append(stories)
            stories.bullets.append(bullet)
        else:
            found.others.append(bullet)
