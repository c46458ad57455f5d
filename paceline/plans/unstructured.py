"""Why no reader recognises a document, and what would make it readable: said of this document, not of any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from paceline.errors import PlanUnreadable
from paceline.plans.document import Document
from paceline.plans.evidence import Evidence
from paceline.plans.fields import normal, without_numbering
from paceline.plans.inline import Text
from paceline.plans.outline import Block, Bullet, BulletList, Fence, Paragraph, Section, Table
from paceline.plans.task_entries import box_of

EXAMPLE = """\
# What the plan is called

#### Story 1.1: What is to be done
- **Agent**: Who does it
- **Files**: `src/example.py`
- **Acceptance Criteria**:
  - What is so when it is done
- **Checks**: `make test`
"""
"""The smallest document that says everything a run needs."""

CANDIDATE_LIMIT = 20
"""Places that are told to programs; a sentence names two of them."""
_NAMED = 2
_LONGEST = 60
"""Characters of a place that a sentence quotes."""
_TITLE = 120
"""Characters of a list item that may be a title; what is longer is prose."""
_HEADING = "`#### Story 1.1: Title`"
_BARE_BOX = re.compile(r"^\[[^\]]{0,3}\] ")
_BLANKS = re.compile(r"\s+")

_NO_WORK = frozenset(
    {
        *(
            "introduction",
            "overview",
            "background",
            "summary",
            "notes",
            "goal",
            "goals",
            "agenda",
            "attendees",
        ),
        *("participants", "context", "contents", "table of contents", "references", "links", "appendix"),
        *("glossary", "decisions", "questions", "open questions", "conclusion"),
        *("einleitung", "hintergrund", "zusammenfassung", "notizen", "ziel", "ziele", "teilnehmer", "inhalt"),
        *("introducci\u00f3n", "resumen", "notas", "objetivos", "contexto"),
        *("r\u00e9sum\u00e9", "objectifs", "contexte", "\u7b80\u4ecb", "\u6982\u8ff0", "\u80cc\u666f"),
        *("\u603b\u7ed3", "\u76ee\u6807"),
    }
)
"""Headings under which people write about work and not what it is."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that may be a story, and what to write there if it is."""

    line: int
    written: str
    write: str


@dataclass(slots=True)
class Found:
    """What a document has of the things that plans are written with."""

    headings: int = 0
    paragraphs: int = 0
    lists: int = 0
    list_items: int = 0
    checkboxes: int = 0
    tables: int = 0
    blocks: int = 0
    """Code and HTML."""

    def sentence(self) -> str:
        """The counts as words."""
        items = f" with {_counted(self.list_items, 'item')}" if self.lists else ""
        parts = [
            _counted(self.headings, "heading"),
            _counted(self.paragraphs, "paragraph"),
            _counted(self.lists, "list") + items if self.lists else "",
            _counted(self.tables, "table"),
            _counted(self.blocks, "block of code or HTML", "blocks of code or HTML"),
        ]
        return _joined([part for part in parts if part]) or "no text"


def unreadable(document: Document, evidence: Evidence) -> PlanUnreadable:
    """The refusal of a document that no reader recognises.

    Args:
        document: what was read.
        evidence: the strongest that a reader had, which was not enough.

    Returns:
        An error of one sentence. Its details say the same to programs: `found`, `candidates` (line, what is
        written, what to write) and `example`, a smallest plan.
    """
    where = document.file or "The plan"
    if not document.text.strip():
        message = f"{where} is not a plan that Paceline can read: it is empty; {_remedy([])}."
        return PlanUnreadable(message, file=document.file, found=asdict(Found()), example=EXAMPLE)
    found = count(document.outline)
    candidates = candidates_of(document.outline)
    seen = f"it has {found.sentence()}, and no heading, list item or table row says that it is a story"
    hint = f" (there is only {evidence.reasons[0]})" if evidence.reasons else ""
    return PlanUnreadable(
        f"{where} is not a plan that Paceline can read: {seen}{hint}; {_remedy(candidates)}.",
        file=document.file,
        found=asdict(found),
        candidates=[asdict(each) for each in candidates],
        example=EXAMPLE,
    )


def count(root: Section) -> Found:
    """Count what stands in a document."""
    found = Found()
    for section in root.walk():
        found.headings += section.level > 0
        for block in section.blocks:
            match block:
                case Paragraph():
                    found.paragraphs += 1
                case BulletList():
                    bullets = list(_bullets(block.bullets))
                    found.lists += 1
                    found.list_items += len(bullets)
                    found.checkboxes += sum(bullet.text.done is not None for bullet in bullets)
                case Table():
                    found.tables += 1
                case Fence():
                    found.blocks += 1
    return found


def candidates_of(root: Section) -> list[Candidate]:
    """Places that may be stories: boxes outside of a list, else headings with text below, else list items."""
    boxes = [_bare_box(text) for section in root.walk() for text in _bare_boxes(section)]
    # One box alone is no list of work.
    if len(boxes) > 1:
        return boxes[:CANDIDATE_LIMIT]
    headings = [section for section in root.walk() if _may_be_story(section)]
    if headings:
        lowest = max(section.level for section in headings)
        chosen = [section for section in headings if section.level == lowest][:CANDIDATE_LIMIT]
        return [_heading(section, number) for number, section in enumerate(chosen, 1)]
    lists = [block for section in root.walk() for block in section.blocks if isinstance(block, BulletList)]
    longest = max(lists, key=lambda block: len(block.bullets), default=BulletList([]))
    items = [bullet for bullet in longest.bullets if 0 < len(bullet.text.text) <= _TITLE]
    if items:
        # One box alone is no list of work, so a single item becomes a heading.
        return [_item(bullet, len(items) > 1) for bullet in items[:CANDIDATE_LIMIT]]
    tables = [block for section in root.walk() for block in section.blocks if isinstance(block, Table)]
    return [_columns(table) for table in tables if len(table.header.cells) > 1 and table.rows][:1]


def _bare_boxes(section: Section) -> list[Text]:
    """Lines such as `[ ] fix login`, which are running text without a hyphen before them."""
    lines = [text for block in section.blocks if isinstance(block, Paragraph) for text in block.lines]
    return [text for text in lines if box_of(text) is not None]


def _bare_box(text: Text) -> Candidate:
    mark = "" if text.done is None else "[x] " if text.done else "[ ] "
    written = f"{mark}{_one_line(text.text)}"
    return Candidate(text.line, written, f"- {written}")


def _may_be_story(section: Section) -> bool:
    title = without_numbering(section.title.text).strip()
    told = section.level > 1 and not section.sections and bool(_told(section.blocks))
    return told and bool(title) and normal(title) not in _NO_WORK


def _told(blocks: list[Block]) -> list[Block]:
    return [block for block in blocks if isinstance(block, Paragraph | BulletList)]


def _heading(section: Section, number: int) -> Candidate:
    marks, title = "#" * section.level, _one_line(section.title.text)
    story = _one_line(without_numbering(section.title.text))
    return Candidate(section.line, f"{marks} {title}", f"{marks} Story {number}: {story}")


def _item(bullet: Bullet, boxed: bool) -> Candidate:
    mark = "-" if bullet.number is None else f"{bullet.number}."
    text = _one_line(bullet.text.text)
    return Candidate(
        bullet.line, f"{mark} {text}", f"{mark} [ ] {text}" if boxed else f"#### Story 1.1: {text}"
    )


def _columns(table: Table) -> Candidate:
    cells = [_one_line(cell) for cell in table.header.cells]
    named = ["Story", "Assignee", *cells[2:]]
    return Candidate(table.header.line, f"| {' | '.join(cells)} |", f"| {' | '.join(named)} |")


def _remedy(candidates: list[Candidate]) -> str:
    below = "with bullets such as `- **Agent**: name` below it"
    if not candidates:
        return f"give every story a heading such as {_HEADING} {below}"
    named = _joined([f"`{_cut(each.write)}` in line {each.line}" for each in candidates[:_NAMED]], "or")
    if candidates[0].write.startswith("#"):
        return f"give every story a heading such as {_HEADING} {below}, here perhaps {named}"
    if candidates[0].write.startswith("|"):
        return (
            f"name the columns of its table, such as {named}, or give each story a heading such as {_HEADING}"
        )
    if _BARE_BOX.match(candidates[0].written):
        return f"put a hyphen before every box, here {named}, so that the lines are a list"
    return f"give every story a box, here perhaps {named}, or a heading such as {_HEADING} {below}"


def _bullets(bullets: list[Bullet]) -> Iterator[Bullet]:
    waiting = list(reversed(bullets))
    while waiting:
        bullet = waiting.pop()
        yield bullet
        waiting.extend(reversed(bullet.children))


def _counted(number: int, name: str, several: str | None = None) -> str:
    return f"{number} {name if number == 1 else several or f'{name}s'}" if number else ""


def _joined(parts: list[str], word: str = "and") -> str:
    if len(parts) < 2:
        return parts[0] if parts else ""
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def _one_line(text: str) -> str:
    """A document's text as one line that steers no terminal."""
    return _BLANKS.sub(" ", "".join(c if c.isprintable() else " " for c in text)).strip()


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "\u2026"
