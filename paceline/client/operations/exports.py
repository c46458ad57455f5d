"""The operations of the tag `exports`; written by `scripts/write_client.py`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from urllib.parse import quote

from paceline.client.connection import Connection


class ExportsOperations(Connection):
    """Calls about exports."""

    def export_table(self, project: str, table: str) -> AsyncGenerator[bytes]:
        """A table of a run as CSV; texts that a spreadsheet would run begin with an apostrophe."""
        return self._bytes(f"/api/v1/projects/{_quoted(project)}/export/{_quoted(table)}")


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
