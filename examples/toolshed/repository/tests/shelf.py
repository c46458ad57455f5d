"""A small catalogue that the tests share."""

from __future__ import annotations

from toolshed.catalog import Catalog
from toolshed.models import Tool


def filled_catalog() -> Catalog:
    """Three tools, two of them for wood."""
    catalog = Catalog()
    catalog.add(Tool("SAW-1", "Bow saw", ("wood", "garden")))
    catalog.add(Tool("DRL-1", "Cordless drill", ("wood", "metal"), 120))
    catalog.add(Tool("LAD-1", "Folding ladder"))
    return catalog
