"""What the shed answers on the command line: one function a command, each returning the lines to print."""

from __future__ import annotations

from datetime import date

from toolshed.catalog import Catalog
from toolshed.loans import Desk
from toolshed.models import Tool
from toolshed.opening import due_date
from toolshed.search import matching

# Catalogue


def shelf_line(tool: Tool) -> str:
    """A tool as one line of a listing: its code in eight columns, its name, its tags."""
    tags = f"  [{', '.join(tool.tags)}]" if tool.tags else ""
    return f"{tool.code:<8}{tool.name}{tags}"


def list_tools(catalog: Catalog) -> list[str]:
    """Every tool, one a line."""
    raise NotImplementedError("the catalogue has no listing yet")


def find_tools(catalog: Catalog, words: str) -> list[str]:
    """The tools that match the words, or a line that says there are none."""
    raise NotImplementedError("the catalogue cannot be searched yet")


# Lending


def day_text(day: date) -> str:
    """A day as people write it, such as `Fri 4 Apr`."""
    return f"{day:%a} {day.day} {day:%b}"


def lend_tool(desk: Desk, code: str, member: str, lent: date, days: int = 7) -> list[str]:
    """Hand a tool out and say when it is due."""
    raise NotImplementedError("nothing can be lent yet")


def return_tool(desk: Desk, code: str, returned: date) -> list[str]:
    """Take a tool back and say who brought it."""
    raise NotImplementedError("nothing can be returned yet")
