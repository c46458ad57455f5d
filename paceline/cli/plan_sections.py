"""The parts that the sections of a preview are made of."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from paceline.cli.terminal import counted, printable

SHOWN_IDS = 6
"""Of so many ids in a row, the rest is only counted."""


def heading(console: Console, text: str) -> None:
    """The line above a section."""
    console.print()
    console.print(Text(text, style="bold"))


def say(console: Console, text: str, style: str = "") -> None:
    """A line of a section; a long one goes on below its beginning."""
    console.print(Padding(Text(text, style=style), (0, 0, 0, 2), expand=False))


def grid(*columns: str) -> Table:
    """A table without lines; a column whose name begins with `>` stands to the right."""
    table = Table(box=None, padding=(0, 0, 0, 2), show_header=any(columns), header_style="dim")
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if right else "left", overflow="fold")
    return table


def listed(ids: Sequence[str], most: int = SHOWN_IDS) -> str:
    """Ids in a row; of many, the first ones and how many there are."""
    shown = ", ".join(plain(each) for each in ids[:most])
    return shown if len(ids) <= most else f"{shown} and {len(ids) - most} more"


def more(console: Console, count: int, name: str) -> None:
    """How much of a table is not shown."""
    if count > 0:
        say(console, f"  and {counted(count, f'more {name}')}", "dim")


def plain(text: str) -> str:
    """A plan's text on one line, without what would steer the terminal."""
    return " ".join(printable(text).split())
