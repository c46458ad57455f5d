"""Tables written as HTML, with the line of every row."""

from __future__ import annotations

from html.parser import HTMLParser

from paceline.plans.outline import Fence, Row, Section, Table

_CELLS = frozenset({"td", "th"})


class _TableParser(HTMLParser):
    def __init__(self, first_line: int) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[Row]] = []
        self._first_line = first_line
        self._in_cell = False
        self._pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {*_CELLS, "tr", "table"}:
            self._end_cell()
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append(Row([], self._first_line + self.getpos()[0] - 1))
        elif tag in _CELLS and self.tables and self.tables[-1]:
            self.tables[-1][-1].cells.append("")
            self._pieces = []
            self._in_cell = True
        elif tag == "br":
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in {*_CELLS, "tr", "table"}:
            self._end_cell()

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self._pieces.append(data)

    def _end_cell(self) -> None:
        if self._in_cell:
            self.tables[-1][-1].cells[-1] = " ".join("".join(self._pieces).split())
        self._in_cell = False


def tables_of(section: Section) -> list[Table]:
    """The tables directly under a heading, markdown's and HTML's, in their order."""
    found: list[Table] = []
    html: list[Fence] = []
    for block in section.blocks:
        if isinstance(block, Fence) and block.info == "html_block":
            # A blank line ends a block of HTML, and no table.
            html.append(block)
            continue
        found.extend(_html_tables(html))
        html.clear()
        if isinstance(block, Table):
            found.append(block)
    found.extend(_html_tables(html))
    return found


def _html_tables(blocks: list[Fence]) -> list[Table]:
    if not any("<table" in block.text.lower() for block in blocks):
        return []
    parser = _TableParser(blocks[0].line)
    line = blocks[0].line
    for block in blocks:
        parser.feed("\n" * (block.line - line) + block.text)
        line = max(block.line, line) + block.text.count("\n")
    parser.close()
    rows = [
        [Row([c.strip() for c in row.cells], row.line) for row in each if row.cells] for each in parser.tables
    ]
    return [Table(header=each[0], rows=each[1:]) for each in rows if each]
