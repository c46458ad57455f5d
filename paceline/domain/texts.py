"""Long texts on one line."""

from __future__ import annotations


def short(text: str, width: int) -> str:
    """A text on one line, cut at a word where it is too long; an ellipsis says so.

    Args:
        text: any.
        width: the most characters of the result.
    """
    line = " ".join(text.split())
    if len(line) <= width:
        return line
    cut = line[: width - 1]
    if line[width - 1] != " " and " " in cut:
        cut = cut[: cut.rindex(" ")]
    return cut.rstrip() + "…"
