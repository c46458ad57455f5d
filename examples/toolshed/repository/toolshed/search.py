"""Finding a tool when its code is not known."""

from __future__ import annotations

from toolshed.catalog import Catalog
from toolshed.models import Tool


def matching(catalog: Catalog, words: str) -> list[Tool]:
    """The tools whose name and tags hold every word, best match first."""
    raise NotImplementedError
