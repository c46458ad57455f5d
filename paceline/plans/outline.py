"""A markdown document as a tree of sections with lists, lines, tables and fences, each with its source line.

The grammar is CommonMark with tables, read by markdown-it: a heading inside a fence is no heading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

from paceline.errors import PlanUnreadable
from paceline.plans.inline import DONE_MARK, Text, joined, read_line, read_lines
from paceline.plans.plain_lines import plain_line

NESTING_LIMIT = 100
"""Open blocks at one place; markdown-it would drop what is deeper without a word."""


@dataclass(slots=True)
class Bullet:
    """An entry of a list. `number` is its place in a numbered list."""

    text: Text
    number: int | None = None
    children: list[Bullet] = field(default_factory=list["Bullet"])
    fences: list[Fence] = field(default_factory=list["Fence"])

    @property
    def line(self) -> int:
        """1-based source line."""
        return self.text.line


@dataclass(slots=True)
class Paragraph:
    """Lines of running text."""

    lines: list[Text]


@dataclass(slots=True)
class BulletList:
    """A list, numbered or not."""

    bullets: list[Bullet]


@dataclass(slots=True)
class Row:
    """Cells of one table row."""

    cells: list[str]
    line: int
    done: bool = False
    """Whether a cell with a text of its own has a done mark."""


@dataclass(slots=True)
class Table:
    """A table; its header's cells name the columns."""

    header: Row
    rows: list[Row]


@dataclass(slots=True)
class Fence:
    """Text that is not markdown: a fenced or indented block, or HTML."""

    text: str
    info: str
    line: int


Block = Paragraph | BulletList | Table | Fence


@dataclass(slots=True)
class Section:
    """A heading with what stands under it; the root has level 0 and no title."""

    level: int
    title: Text
    blocks: list[Block] = field(default_factory=list[Block])
    sections: list[Section] = field(default_factory=list["Section"])
    parent: Section | None = field(default=None, repr=False)

    @property
    def line(self) -> int:
        """1-based source line of the heading."""
        return self.title.line

    def walk(self) -> Iterator[Section]:
        """This section and all below it, in document order."""
        waiting: list[Section] = [self]
        while waiting:
            section = waiting.pop()
            yield section
            waiting.extend(reversed(section.sections))

    def above(self) -> Iterator[Section]:
        """The sections it stands in, the nearest first, without the root."""
        section = self.parent
        while section is not None and section.level > 0:
            yield section
            section = section.parent


def bullets_under(section: Section) -> list[Bullet]:
    """The bullets directly under a heading."""
    return [bullet for block in section.blocks if isinstance(block, BulletList) for bullet in block.bullets]


_BLOCKS = MarkdownIt("commonmark", {"maxNesting": NESTING_LIMIT}).enable("table").disable("reference")
# Running text is read line by line and only where a plan's reader looks at it (see `inline`).
_BLOCKS.core.ruler.enableOnly(["normalize", "block"])
_BLOCKS.block.ruler.before("table", "plain_line", plain_line)


def read_outline(text: str) -> Section:
    """Read the tree of sections.

    Args:
        text: the markdown text; any newline convention.

    Returns:
        The root section.

    Raises:
        PlanUnreadable: the text nests deeper than any plan does.
    """
    try:
        tokens = _BLOCKS.parse(text)
    except RecursionError:
        raise _too_deep(1) from None
    root = Section(level=0, title=Text(text="", line=1, value=""))
    current, position = root, 0
    while position < len(tokens):
        token = tokens[position]
        if token.type == "heading_open":
            current = _open_section(current, token, tokens[position + 1])
            position += 3
        else:
            position = _read_block(tokens, position, current.blocks)
    return root


def _open_section(current: Section, heading: Token, content: Token) -> Section:
    level = int(heading.tag[1:])
    while current.level >= level and current.parent is not None:
        current = current.parent
    section = Section(level=level, title=read_line(content.content, _line(content)), parent=current)
    current.sections.append(section)
    return section


def _read_block(tokens: list[Token], position: int, blocks: list[Block]) -> int:
    """Read the block that opens at `position` into `blocks`; returns the position after it."""
    token = tokens[position]
    match token.type:
        case "inline":
            blocks.append(Paragraph(read_lines(token.content, _line(token))))
        case "bullet_list_open" | "ordered_list_open":
            bullets, after = _read_list(tokens, position)
            blocks.append(BulletList(bullets))
            return after
        case "table_open":
            table, after = _read_table(tokens, position)
            blocks.append(table)
            return after
        case "fence" | "code_block" | "html_block":
            blocks.append(Fence(token.content, token.info.strip() or token.type, _line(token)))
        case _:
            # Rules, quote marks and the tags around a paragraph carry no text of their own.
            _check_depth(token)
    return position + 1


def _read_list(tokens: list[Token], position: int) -> tuple[list[Bullet], int]:
    opening = tokens[position]
    _check_depth(opening)
    numbered = opening.type == "ordered_list_open"
    closing = opening.type.replace("open", "close")
    number = int(opening.attrs.get("start", 1)) if numbered else None
    bullets: list[Bullet] = []
    position += 1
    while tokens[position].type != closing:
        bullet, position = _read_bullet(tokens, position, number)
        bullets.append(bullet)
        number = None if number is None else number + 1
    return bullets, position + 1


def _read_bullet(tokens: list[Token], position: int, number: int | None) -> tuple[Bullet, int]:
    opening = tokens[position]
    _check_depth(opening)
    position += 1
    blocks: list[Block] = []
    while tokens[position].type != "list_item_close":
        position = _read_block(tokens, position, blocks)
    lines = [line for block in blocks if isinstance(block, Paragraph) for line in block.lines]
    text = joined(lines) if lines else Text(text="", line=_line(opening), value="")
    children = [child for block in blocks if isinstance(block, BulletList) for child in block.bullets]
    fences = [block for block in blocks if isinstance(block, Fence)]
    return Bullet(text=text, number=number, children=children, fences=fences), position + 1


def _read_table(tokens: list[Token], position: int) -> tuple[Table, int]:
    rows: list[Row] = []
    while tokens[position].type != "table_close":
        token = tokens[position]
        if token.type == "tr_open":
            rows.append(Row([], _line(token)))
        elif token.type == "inline":
            cell = read_line(token.content, rows[-1].line)
            # A cell may hold nothing but its mark.
            rows[-1].cells.append(cell.text or (DONE_MARK if cell.done else ""))
            rows[-1].done = rows[-1].done or bool(cell.done and cell.text)
        position += 1
    return Table(header=rows[0], rows=rows[1:]), position + 1


def _check_depth(token: Token) -> None:
    if token.level + max(token.nesting, 0) >= NESTING_LIMIT:
        raise _too_deep(_line(token))


def _too_deep(line: int) -> PlanUnreadable:
    return PlanUnreadable(
        f"Line {line} nests lists or quotes deeper than {NESTING_LIMIT} levels, which no plan does; "
        "indent tasks by one level under their story.",
        line=line,
    )


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1
