"""Acceptance criteria as BMAD's stories write them: scenarios, numbered lines, headings such as `AC1`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from paceline.domain.plan import Item
from paceline.plans.fields import bullet_items, flat, normal
from paceline.plans.inline import Text
from paceline.plans.labels import Words
from paceline.plans.outline import Block, Bullet, BulletList, Paragraph, Section

CRITERIA = Words("acceptance_criteria")
_NUMBERED = re.compile(r"^(?:AC[\s-]*#?)?\d+\s*[:.)]\s*(?P<text>\S.*)$")
_NAMED = re.compile(r"^AC[\s-]*#?\d+\b", re.IGNORECASE)
_SENTENCE = re.compile(r"\bas an? [^.]{1,200}?\bi (?:want|need|can)\b")
_STEPS = frozenset({"when", "then", "and", "but"})
_GIVEN = frozenset({"given", "scenario"})
_WORDS = _GIVEN | _STEPS


@dataclass(slots=True)
class StoryText:
    """What stands in a story before its criteria, and the criteria; `lines` are those of the criteria."""

    description: list[str] = field(default_factory=list[str])
    criteria: list[Item] = field(default_factory=list[Item])
    lines: set[int] = field(default_factory=set[int])


def read_story_text(section: Section) -> StoryText:
    """Read a story's own text and its criteria, below a label or a heading.

    Args:
        section: the story's.
    """
    found = StoryText()
    before, after = _divided(section.blocks)
    for block in before:
        if isinstance(block, Paragraph) and not any(text.label for text in block.lines):
            found.description.extend(text.text for text in block.lines if text.text)
    _read_blocks(after, None, found)
    for below in section.sections:
        if below.title.text in CRITERIA:
            _read_blocks(below.blocks, None, found)
            for part in below.walk():
                if part is not below:
                    _read_blocks(part.blocks, part.title.text, found)
    return found


def is_scenario(section: Section) -> bool:
    """Whether a section has criteria that start with `Given`."""
    return any(_word(text) in _GIVEN for block in section.blocks for text in _texts(block))


def has_sentence(section: Section) -> bool:
    """Whether a story's own text is a sentence such as `As a guest, I want ... so that ...`."""
    text = " ".join(line.text for block in section.blocks for line in _texts(block)).lower()
    return _SENTENCE.search(text) is not None


def _divided(blocks: list[Block]) -> tuple[list[Block], list[Block]]:
    """The blocks before the label of the criteria, and those after it up to the next label."""
    for place, block in enumerate(blocks):
        if not isinstance(block, Paragraph):
            continue
        for number, text in enumerate(block.lines):
            if text.label is not None and text.label in CRITERIA and not text.value:
                rest: list[Block] = (
                    [Paragraph(block.lines[number + 1 :])] if block.lines[number + 1 :] else []
                )
                return [*blocks[:place], Paragraph(block.lines[:number])], rest + _until_label(
                    blocks[place + 1 :]
                )
    return blocks, []


def _until_label(blocks: list[Block]) -> list[Block]:
    found: list[Block] = []
    for block in blocks:
        first = block.lines[0] if isinstance(block, Paragraph) else None
        label = first.label if first is not None and _word(first) is None else None
        if label is not None and not _NAMED.match(label):
            break
        found.append(block)
    return found


def _read_blocks(blocks: list[Block], group: str | None, found: StoryText) -> None:
    scenario = False
    for block in blocks:
        if isinstance(block, Paragraph):
            for text in block.lines:
                scenario = _read_line(text, scenario, group, found)
        elif isinstance(block, BulletList):
            found.lines.update(bullet.line for bullet in flat(block.bullets))
            if scenario and found.criteria and not _starts(block.bullets):
                listed = "; ".join(bullet.text.text for bullet in flat(block.bullets))
                found.criteria[-1].text = f"{found.criteria[-1].text} {listed}"
            else:
                found.criteria.extend(_bullets(block.bullets, group))


def _read_line(text: Text, scenario: bool, group: str | None, found: StoryText) -> bool:
    """Read one line; whether it belongs to a scenario, which the next ones may continue."""
    if not text.text:
        return scenario
    found.lines.add(text.line)
    word = _word(text)
    match = _NUMBERED.match(text.text)
    if (
        word in _GIVEN
        or match is not None
        or not found.criteria
        or (not scenario and word is None and _ends(found))
    ):
        entry = match["text"] if match is not None else text.text
        found.criteria.append(Item(text=entry, done=text.done, line=text.line, group=group))
        return word in _GIVEN or word in _STEPS
    found.criteria[-1].text = f"{found.criteria[-1].text} {text.text}"
    return scenario or word in _STEPS


def _ends(found: StoryText) -> bool:
    """Whether the last criterion is a sentence of its own, so that the next line begins another."""
    return found.criteria[-1].text.endswith((".", "!"))


def _bullets(bullets: list[Bullet], group: str | None) -> list[Item]:
    """Bullets as criteria; one whose children are the steps of its scenario takes them in."""
    found: list[Item] = []
    for bullet in bullets:
        word = _word(bullet.text)
        if word in _STEPS and found:
            found[-1].text = f"{found[-1].text} {bullet.text.text}"
        elif bullet.children and all(_word(child.text) is not None for child in bullet.children):
            steps = " ".join(child.text.text for child in bullet.children)
            text = f"{bullet.text.text} {steps}".strip()
            found.append(Item(text=text, done=bullet.text.done, line=bullet.line))
        else:
            found.extend(bullet_items([bullet]))
    return [item.model_copy(update={"group": group}) if group else item for item in found]


def _starts(bullets: list[Bullet]) -> bool:
    return bool(bullets) and (
        _word(bullets[0].text) in _GIVEN or _NAMED.match(bullets[0].text.text) is not None
    )


def _word(text: Text) -> str | None:
    """The step that a line begins with, such as `given`."""
    head = normal((text.lead or text.text).partition(" ")[0]) if text.text else ""
    return head if head in _WORDS else None


def _texts(block: Block) -> list[Text]:
    if isinstance(block, Paragraph):
        return block.lines
    if isinstance(block, BulletList):
        return [bullet.text for bullet in flat(block.bullets)]
    return []
