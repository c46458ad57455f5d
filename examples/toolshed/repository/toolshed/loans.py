"""The desk: who has which tool."""

from __future__ import annotations

from datetime import date

from toolshed.catalog import Catalog
from toolshed.models import Loan


class Desk:
    """Lends tools of one catalogue and takes them back."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.loans: list[Loan] = []

    def holder(self, code: str) -> Loan | None:
        """The open loan of a tool, or None while it is in the shed."""
        raise NotImplementedError

    def lend(self, code: str, member: str, lent: date, due: date) -> Loan:
        """Hand a tool out; one that is out already is refused."""
        raise NotImplementedError

    def take_back(self, code: str, returned: date) -> Loan:
        """Close the open loan of a tool."""
        raise NotImplementedError
