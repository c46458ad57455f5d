"""The catalogue: which tools the shed owns."""

from __future__ import annotations

from toolshed.models import Tool


class Catalog:
    """Tools by their code. Codes are written as `LETTERS-NUMBER`, in any case."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}

    def add(self, tool: Tool) -> None:
        """Put a tool on the shelf; a code that is taken or badly written is refused."""
        raise NotImplementedError

    def get(self, code: str) -> Tool:
        """The tool with this code, whatever the case it is asked in."""
        raise NotImplementedError

    def all(self) -> list[Tool]:
        """Every tool, by code."""
        raise NotImplementedError
