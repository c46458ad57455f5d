"""Tables and headings written as HTML, with the line of every row."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from paceline.plans.document import Document
from paceline.plans.inline import Text, read_line
from paceline.plans.outline import Fence, Paragraph, Row, Section, Table

_CELLS = frozenset({"td", "th"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_UNSEEN = frozenset({"script", "style", "template", "noscript", "select", "svg"})
_BREAKS = frozenset({"br", "p", "div", "hr"})
_ITEMS = frozenset({"li"})
_MARKS = {"code": "`", "del": "~~", "s": "~~", "strike": "~~"}
_WHOLE = re.compile(r"^\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|table)\b", re.I | re.S)
_NEWLINE = re.compile(r"\r\n?|\n")
_SPAN_LIMIT = 100
"""Columns or rows that one cell may span; what is written beyond is a mistake."""


@dataclass(slots=True)
class _Cell:
    columns: int
    rows: int
    header: bool
    pieces: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        text = " ".join("".join(self.pieces).split())
        return text.removeprefix(";").strip().replace(" ;", ";")


@dataclass(slots=True)
class _Grid:
    """A table as it is written: its rows with their lines."""

    rows: list[tuple[list[_Cell], int]] = field(default_factory=list[tuple[list[_Cell], int]])


@dataclass(slots=True)
class _Heading:
    level: int
    line: int
    pieces: list[str] = field(default_factory=list[str])


class _Reader(HTMLParser):
    """Collects tables, headings and running text in their order."""

    def __init__(self, first_line: int) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[_Grid | _Heading | Text] = []
        self._first_line = first_line
        self._open: list[tuple[_Grid, _Cell | None]] = []
        """Tables around the present place, with the cell that is open in each."""
        self._heading: _Heading | None = None
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "table":
            self._open.append((_Grid(), None))
        elif tag == "tr" and self._open:
            self._open[-1][0].rows.append(([], self._line()))
            self._set_cell(None)
        elif tag in _CELLS and self._open:
            self._start_cell(tag, dict(attrs))
        elif tag in _HEADINGS and not self._open:
            self._heading = _Heading(int(tag[1]), self._line())
            self.found.append(self._heading)
        elif tag == "input" and dict(attrs).get("type") == "checkbox":
            self._write("[x] " if "checked" in dict(attrs) else "[ ] ")
        elif tag in _MARKS:
            self._write(_MARKS[tag])
        else:
            self._write("; " if tag in _ITEMS else " " if tag in _BREAKS else "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag == "table" and self._open:
            self._end_table()
        elif (tag in _CELLS or tag == "tr") and self._open:
            self._set_cell(None)
        elif tag in _HEADINGS:
            self._heading = None
        elif tag in _MARKS:
            self._write(_MARKS[tag])
        elif tag in _BREAKS:
            self._write(" ")

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        if self._open or self._heading is not None:
            self._write(data)
        elif data.strip():
            text = " ".join(data.split())
            self.found.append(Text(text=text, line=self._line(), value=text))

    def finish(self) -> list[_Grid | _Heading | Text]:
        """What was found; a table that nobody closed ends here."""
        self.close()
        while self._open:
            self._end_table()
        return self.found

    def _start_cell(self, tag: str, attributes: dict[str, str | None]) -> None:
        grid, _ = self._open[-1]
        if not grid.rows:
            grid.rows.append(([], self._line()))
        cell = _Cell(_span(attributes.get("colspan")), _span(attributes.get("rowspan")), tag == "th")
        grid.rows[-1][0].append(cell)
        self._set_cell(cell)

    def _end_table(self) -> None:
        grid, _ = self._open.pop()
        cell = self._open[-1][1] if self._open else None
        if cell is None:
            self.found.append(grid)
        else:
            # A table in a cell is what the cell says.
            texts = [each.text for row, _ in grid.rows for each in row]
            cell.pieces.append(" " + "; ".join(text for text in texts if text) + " ")

    def _set_cell(self, cell: _Cell | None) -> None:
        self._open[-1] = (self._open[-1][0], cell)

    def _write(self, text: str) -> None:
        if self._unseen or not text:
            return
        cell = self._open[-1][1] if self._open else None
        if cell is not None:
            cell.pieces.append(text)
        elif self._heading is not None and not self._open:
            self._heading.pieces.append(text)

    def _line(self) -> int:
        return self._first_line + self.getpos()[0] - 1


def _span(written: str | None) -> int:
    text = (written or "").strip()
    return min(max(int(text), 1), _SPAN_LIMIT) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _table(grid: _Grid) -> Table | None:
    """A grid as a table: cells that span rows are repeated, those that span columns stand in the first."""
    rows: list[Row] = []
    headers: list[bool] = []
    below: dict[int, tuple[int, str]] = {}
    for cells, line in grid.rows:
        if not cells:
            continue
        texts: list[str] = []
        waiting = list(cells)
        while waiting or len(texts) in below:
            place = len(texts)
            left, text = below.pop(place, (0, ""))
            if left:
                texts.append(text)
                if left > 1:
                    below[place] = (left - 1, text)
                continue
            cell = waiting.pop(0)
            own = [cell.text, *[""] * (cell.columns - 1)]
            for offset, part in enumerate(own):
                if cell.rows > 1:
                    below[place + offset] = (cell.rows - 1, part)
            texts.extend(own)
        rows.append(Row(texts, line))
        headers.append(all(cell.header for cell in cells))
    if not rows:
        return None
    first = next((place for place, header in enumerate(headers) if not header), len(headers))
    start = max(first - 1, 0)
    return Table(header=rows[start], rows=rows[start + 1 :])


def outline_of(document: Document) -> Section:
    """The tree of sections of a document, which may be HTML throughout."""
    if not _WHOLE.match(document.text) or _has_markdown(document):
        return document.outline
    reader = _Reader(1)
    reader.feed(document.text)
    root = Section(level=0, title=Text(text="", line=1, value=""))
    current = root
    for each in reader.finish():
        if isinstance(each, _Heading):
            while current.level >= each.level and current.parent is not None:
                current = current.parent
            title = read_line(" ".join("".join(each.pieces).split()), each.line)
            section = Section(level=each.level, title=title, parent=current)
            current.sections.append(section)
            current = section
        elif isinstance(each, Text):
            current.blocks.append(Paragraph([each]))
        elif (table := _table(each)) is not None:
            current.blocks.append(table)
    return root


def _has_markdown(document: Document) -> bool:
    """Whether a text that begins with HTML has headings of markdown."""
    return any(section.level > 0 for section in document.outline.walk())


class Tables:
    """The tables of a document, markdown's and HTML's."""

    def __init__(self, document: Document) -> None:
        self._text = document.text
        self._lines: list[str] | None = None
        self._unbalanced = False

    def under(self, section: Section) -> list[Table]:
        """Those directly under a heading, in their order."""
        found: list[Table] = []
        until = 0
        for block in section.blocks:
            if isinstance(block, Table) and block.header.line > until:
                found.append(block)
            elif isinstance(block, Fence) and block.line > until and _opens_table(block):
                text = self._whole(block)
                until = block.line + text.count("\n")
                found.extend(_tables(text, block.line))
        return found

    def _whole(self, block: Fence) -> str:
        """A block's text, with the lines after it up to the end of its table: a blank line ends a block of
        HTML, and no table.
        """
        text = block.text.rstrip("\n")
        depth = _depth(text)
        if depth <= 0 or self._unbalanced:
            return text
        if self._lines is None:
            self._lines = _NEWLINE.split(self._text)
        lines = [text]
        for line in self._lines[block.line + text.count("\n") :]:
            lines.append(line)
            depth += _depth(line)
            if depth <= 0:
                return "\n".join(lines)
        # One that is never closed; nobody looks through the rest of the document again for the next.
        self._unbalanced = True
        return text


def _opens_table(block: Fence) -> bool:
    return block.info == "html_block" and "<table" in block.text.lower()


def _depth(text: str) -> int:
    lower = text.lower()
    return lower.count("<table") - lower.count("</table")


def _tables(text: str, first_line: int) -> list[Table]:
    reader = _Reader(first_line)
    reader.feed(text)
    grids = [each for each in reader.finish() if isinstance(each, _Grid)]
    return [table for grid in grids if (table := _table(grid)) is not None]
